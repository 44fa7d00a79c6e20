"""What workers do, whether they are well or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

import machine_draws as draws
from bench import a_beat
from headpond.jobs import Claim, JobId, JobState, NewJob
from headpond.queues import WorkerState
from machine_base import QUEUE, QueueMachine
from machine_reports import KINDS, make_report

if TYPE_CHECKING:
    from headpond.jobs import Ended
    from headpond.ports import LeaseKeeper

workers = st.sampled_from(draws.WORKERS)


class WorkerMachine(QueueMachine):
    """Workers that claim, report, beat, are late and go."""

    @rule(worker=workers, want=st.integers(1, 12))
    def claim(self, worker: str, want: int) -> None:
        """Claim jobs."""
        self._exchange(worker, [], want)

    @rule(
        worker=workers,
        new=st.lists(draws.jobs(), min_size=1, max_size=3),
        span_ms=st.sampled_from([0, 5, 1000, 8000, 20_000]),
        beats=st.booleans(),
        kinds=st.lists(KINDS, min_size=3, max_size=3),
    )
    def work(
        self, worker: str, new: list[NewJob], span_ms: int, kinds: list[str], *, beats: bool
    ) -> None:
        """Claim jobs, enqueue others meanwhile, and report in the end, perhaps too late."""
        self._exchange(worker, [], len(kinds))
        held = self.claims[worker][-len(kinds) :]
        self.everything_agrees()
        self.clock.advance_ms(span_ms)
        self.enqueue_some(new)
        if beats:
            self._renew(worker, [], WorkerState.WORKING)
        self.everything_agrees()
        reports = [make_report(c, kind, 0) for c, kind in zip(held, kinds, strict=False)]
        self._exchange(worker, reports, len(kinds))

    @precondition(lambda self: self.model.of(JobState.ACTIVE))
    @rule(worker=workers, want=st.integers(0, 4), beats=st.booleans())
    def outlive(self, worker: str, want: int, *, beats: bool) -> None:
        """Let a worker come when the first of all leases is over; the others may have crashed."""
        first_ms = min(job.lease_end_ms for job in self.model.of(JobState.ACTIVE))
        self.clock.advance_ms(max(0, first_ms - 2000 - self.clock.now_ms()))
        if beats:
            for other in draws.WORKERS:
                self._renew(other, [], WorkerState.WORKING)
        self.clock.advance_ms(max(0, first_ms - self.clock.now_ms()))
        self._exchange(worker, [], want)

    @precondition(lambda self: self.claims)
    @rule(
        worker=workers,
        ends=st.lists(st.tuples(draws.PICKS, KINDS, draws.DELAYS), min_size=1, max_size=4),
        want=st.integers(0, 4),
    )
    def exchange(self, worker: str, ends: list[tuple[int, str, int]], want: int) -> None:
        """Report jobs that the worker holds, or once held, and claim more."""
        reports: dict[tuple[str, str], Ended] = {}
        for pick, kind, delay_ms in ends:
            if self.claims[worker]:
                claim = self._picked(worker, pick)
                reports[claim.id, claim.fence] = make_report(claim, kind, delay_ms)
        self._exchange(worker, list(reports.values()), want)

    @precondition(lambda self: self.claims)
    @rule(worker=workers, want=st.integers(0, 4))
    def finish_all(self, worker: str, want: int) -> None:
        """Report everything as done, whether it is still held or not."""
        recent = self._by_use(worker)[-5:]
        self._exchange(worker, [make_report(claim, "done", 0) for claim in recent], want)

    def _picked(self, worker: str, pick: int) -> Claim:
        """Return one of the worker's claims; the small picks are the latest."""
        claims = self._by_use(worker)
        return claims[-1 - pick % len(claims)]

    def _by_use(self, worker: str) -> list[Claim]:
        """Return the worker's claims: those last that it still holds, and of these the latest."""
        holds = self.workers.holds
        claims = self.claims[worker]
        return sorted(claims, key=lambda claim: holds(claim.id, claim.fence) is not None)

    def _exchange(self, worker: str, reports: list[Ended], want: int) -> None:
        answer = self.do(self.store.exchange(QUEUE, worker, reports, want))
        fences = {claim.fence for claims in self.claims.values() for claim in claims}
        assert fences.isdisjoint(claim.fence for claim in answer.claims), "a fence came again"
        self.workers.exchange(worker, reports, want, answer)
        self.claims[worker] += answer.claims

    @rule(
        worker=workers,
        picks=st.lists(draws.PICKS, max_size=6, unique=True),
        state=st.sampled_from(WorkerState),
    )
    def renew(self, worker: str, picks: list[int], state: WorkerState) -> None:
        """Beat, and renew some claims."""
        self._renew(worker, self._held(worker, picks), state)

    @rule(worker=workers)
    def renew_all(self, worker: str) -> None:
        """Beat, and renew what the worker holds."""
        self._renew(worker, self._held(worker, list(range(12))), WorkerState.WORKING)

    def _held(self, worker: str, picks: list[int]) -> list[tuple[JobId, str]]:
        claims = {
            c.id: c for pick in picks if self.claims[worker] for c in [self._picked(worker, pick)]
        }
        return [(claim.id, claim.fence) for claim in claims.values()]

    def _renew(self, worker: str, held: list[tuple[JobId, str]], state: WorkerState) -> None:
        beat = a_beat(worker, state)
        self.workers.renew(beat, held, self._keeper(worker).renew(beat, held))

    @precondition(lambda self: self.claims)
    @rule(worker=workers, picks=st.lists(draws.PICKS, min_size=1, max_size=3, unique=True))
    def give_back(self, worker: str, picks: list[int]) -> None:
        """Let the worker's thread release claims."""
        held = self._held(worker, picks)
        self._keeper(worker).release(held)
        self.workers.give_back(held)

    @precondition(lambda self: self.model.heard)
    @rule(worker=workers)
    def leave(self, worker: str) -> None:
        """Take the worker out of the registry; what it holds, it holds until its lease is over."""
        self._keeper(worker).leave()
        self.workers.leave(worker)

    def _keeper(self, worker: str) -> LeaseKeeper:
        if worker not in self.keepers:
            self.keepers[worker] = self.store.leases(QUEUE, worker)
        return self.keepers[worker]
