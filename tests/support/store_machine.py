"""Drives a store and its model side by side, by any sequence of steps that hypothesis thinks of."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typing_extensions import override

import machine_draws as draws
from bench import a_beat
from headpond.jobs import Claim, JobId, JobState, NewJob
from headpond.ports import ScheduleEntry
from headpond.queues import Hold, QueueSettings, WorkerState
from headpond.testing import ManualClock
from machine_reports import KINDS, make_report
from model_job import IDLE
from model_views import Views
from model_work import Work
from store_model import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from headpond.batches import Batch
    from headpond.jobs import Ended
    from headpond.ports import LeaseKeeper, QueueStore
    from headpond.queues import HoldSource

QUEUE = "line"
_T = TypeVar("_T")

workers = st.sampled_from(draws.WORKERS)
sources = st.sampled_from(["spec", "runtime"])


class StoreMachine(RuleBasedStateMachine):
    """One queue of one store, and its model."""

    open_store: ClassVar[Callable[[ManualClock], QueueStore]]
    """Opens an empty store; each test makes a machine of its own kind of store."""

    def __init__(self) -> None:
        """Open an empty store in a loop of its own."""
        super().__init__()
        self.clock = ManualClock()
        self.loop = asyncio.new_event_loop()
        self.store = type(self).open_store(self.clock)
        self.do(self.store.start())
        self.keepers: dict[str, LeaseKeeper] = {}
        self.claims: defaultdict[str, list[Claim]] = defaultdict(list)
        """What each worker believes that it holds, the latest last; it forgets nothing."""
        self.numbers = count(1)
        self.ticked = False

    def do(self, step: Coroutine[Any, Any, _T]) -> _T:
        """Let the store do something."""
        return self.loop.run_until_complete(step)

    @override
    def teardown(self) -> None:
        """Close what was opened."""
        for keeper in self.keepers.values():
            keeper.close()
        self.do(self.store.close())
        self.loop.close()

    @initialize(settings=draws.settings())
    def begin(self, settings: QueueSettings) -> None:
        """Configure the queue."""
        assert self.do(self.store.configure(QUEUE, settings)) == 1
        self.model = Model(self.clock, settings, (*draws.TENANTS, draws.CALLED))
        self.work = Work(self.model)
        self.views = Views(self.store, QUEUE, self.model, self.work)

    @invariant()
    def everything_agrees(self) -> None:
        """After each step the store looks as the model says."""
        self.do(self.views.check(ticked=self.ticked))
        self.ticked = False

    # ── in ──

    @rule(new=st.lists(draws.jobs(), min_size=1, max_size=5))
    def enqueue(self, new: list[NewJob]) -> None:
        """Enqueue jobs in one call."""
        jobs = [self._now(job) for job in new]
        self._enqueue(self._within_batches(jobs))

    @rule(lead=st.sampled_from(["a", "b"]), tenant=st.sampled_from(draws.TENANTS))
    def enqueue_many(self, lead: str, tenant: str) -> None:
        """Enqueue eight jobs that were never there, for one tenant."""
        ids = [JobId(f"{lead}{next(self.numbers)}") for _ in range(8)]
        self._enqueue([NewJob(job_id, b"one of many", tenant=tenant) for job_id in ids])

    def _now(self, job: NewJob) -> NewJob:
        """Make the drawn moment one near the clock's."""
        return replace(job, run_at_ms=self.clock.now_ms() + job.run_at_ms) if job.run_at_ms else job

    def _within_batches(self, jobs: list[NewJob]) -> list[NewJob]:
        """Leave the name of a batch out where it has announced no more jobs."""
        within: list[NewJob] = []
        for job in jobs:
            batch = self.model.batches.get(job.batch, self.model.now)
            taken = sum(other.batch == job.batch for other in within)
            is_repeated = batch is not None and job.id in batch.counted
            is_over = batch is not None and not batch.completed_ms and batch.room <= taken
            within.append(replace(job, batch="") if is_over and not is_repeated else job)
        return within

    def _enqueue(self, jobs: list[NewJob]) -> None:
        self.model.enqueue(jobs, self.do(self.store.enqueue(QUEUE, jobs)))

    # ── workers ──

    @rule(worker=workers, want=st.integers(1, 12))
    def claim(self, worker: str, want: int) -> None:
        """Claim jobs."""
        self._exchange(worker, [], want)

    @rule(
        worker=workers,
        ends=st.lists(st.tuples(draws.PICKS, KINDS, draws.DELAYS), max_size=4),
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

    @rule(worker=workers, want=st.integers(0, 4))
    def finish_all(self, worker: str, want: int) -> None:
        """Report everything as done, whether it is still held or not."""
        recent = {claim.id: claim for claim in self.claims[worker][-8:]}
        self._exchange(worker, [make_report(c, "done", 0) for c in recent.values()], want)

    def _picked(self, worker: str, pick: int) -> Claim:
        """Return one of the worker's claims; the small picks are the latest."""
        claims = self.claims[worker]
        return claims[-1 - pick % len(claims)]

    def _exchange(self, worker: str, reports: list[Ended], want: int) -> None:
        answer = self.do(self.store.exchange(QUEUE, worker, reports, want))
        fences = {claim.fence for claims in self.claims.values() for claim in claims}
        assert fences.isdisjoint(claim.fence for claim in answer.claims), "a fence came again"
        self.work.exchange(worker, reports, want, answer)
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
        self.work.renew(beat, held, self._keeper(worker).renew(beat, held))

    @rule(worker=workers, picks=st.lists(draws.PICKS, min_size=1, max_size=3, unique=True))
    def give_back(self, worker: str, picks: list[int]) -> None:
        """Let the worker's thread release claims."""
        held = self._held(worker, picks)
        self._keeper(worker).release(held)
        self.work.give_back(held)

    @rule(worker=workers)
    def leave(self, worker: str) -> None:
        """Take the worker out of the registry; what it holds, it holds until its lease is over."""
        self._keeper(worker).leave()
        self.work.leave(worker)

    def _keeper(self, worker: str) -> LeaseKeeper:
        if worker not in self.keepers:
            self.keepers[worker] = self.store.leases(QUEUE, worker)
        return self.keepers[worker]

    # ── time ──

    @rule(span_ms=draws.SPANS)
    def pass_time(self, span_ms: int) -> None:
        """Let time pass: workers that say nothing meanwhile may have crashed."""
        self.clock.advance_ms(span_ms)

    @rule(pick=draws.PICKS, past_ms=st.integers(-1, 1))
    def pass_time_until(self, pick: int, past_ms: int) -> None:
        """Go to a moment at which something happens, or to the millisecond before or after it."""
        moments = sorted(at + past_ms for at in self.work.moments())
        later = [at for at in moments if at > self.clock.now_ms()]
        if later:
            self.clock.advance_ms(later[pick % len(later)] - self.clock.now_ms())

    @rule()
    def tick(self) -> None:
        """Tick as the governor does."""
        self.do(self.store.tick([QUEUE]))
        self.work.tick()
        self.ticked = True

    # ── what people do to a queue ──

    @rule(settings=draws.settings())
    def configure(self, settings: QueueSettings) -> None:
        """Change the settings while jobs are about."""
        version = self.do(self.store.configure(QUEUE, settings))
        assert version == self.model.configure(settings), f"the version is {version}"
        kept = self.do(self.store.settings(QUEUE))
        assert kept == replace(settings, version=version), f"the settings are {kept}"

    @rule(source=sources, for_ms=st.sampled_from([0, 0, 500, 10_000]))
    def hold(self, source: HoldSource, for_ms: int) -> None:
        """Hold the queue."""
        now = self.clock.now_ms()
        hold = Hold(source, "asha", "stocktaking", now, now + for_ms if for_ms else 0)
        self.do(self.store.hold(QUEUE, hold))
        self.model.holds[source] = hold

    @rule(source=sources)
    def resume(self, source: HoldSource) -> None:
        """Lift a hold."""
        lifted = self.do(self.store.resume(QUEUE, source))
        assert lifted == self.model.resume(source), f"resume said {lifted}"

    @rule(names=st.lists(workers, min_size=1, max_size=2, unique=True))
    def drain(self, names: list[str]) -> None:
        """Ask workers to claim no more."""
        self.do(self.store.drain(QUEUE, names))
        self.work.drain(names)

    @rule(names=st.lists(workers, min_size=1, max_size=2, unique=True))
    def undrain(self, names: list[str]) -> None:
        """Let workers claim again."""
        self.do(self.store.undrain(QUEUE, names))
        self.work.undrain(names)

    @rule(state=st.sampled_from([s for s in JobState if s is not JobState.ACTIVE]))
    def clear(self, state: JobState) -> None:
        """Remove all jobs of a state."""
        cleared = self.do(self.store.clear(QUEUE, [state]))
        wanted = self.model.clear(state)
        assert cleared == wanted, f"{cleared} were cleared, not {wanted}"

    # ── what people do to jobs ──

    def _ids(self, picks: list[int], *states: JobState) -> list[JobId]:
        """Return ids of jobs of these states, and now and then of none."""
        jobs = [job.id for job in self.model.of(*states)]
        return [JobId("nobody") if p == 30 or not jobs else jobs[p % len(jobs)] for p in picks]

    @rule(picks=st.lists(draws.PICKS, min_size=1, max_size=4), fail=st.booleans())
    def cancel(self, picks: list[int], *, fail: bool) -> None:
        """Cancel jobs in whatever state they are."""
        ids = self._ids(picks, *JobState)
        self.model.cancel(ids, self.do(self.store.cancel(QUEUE, ids, fail=fail)), fail=fail)

    @rule(picks=st.lists(draws.PICKS, min_size=1, max_size=3), any_state=st.booleans())
    def retry(self, picks: list[int], *, any_state: bool) -> None:
        """Put failed and cancelled jobs back; others stay."""
        states = tuple(JobState) if any_state else (JobState.FAILED, JobState.CANCELLED)
        ids = self._ids(picks, *states)
        told = self.do(self.store.retry(QUEUE, ids))
        wanted = self.model.retry(ids)
        assert told == wanted, f"retry said {told} of {ids}, not {wanted}"

    @rule(
        pick=draws.PICKS,
        any_state=st.booleans(),
        priority=st.none() | st.sampled_from([0, 3, 5, 9]),
        in_ms=st.none() | st.sampled_from([-5000, 1, 4000]),
    )
    def amend(self, pick: int, priority: int | None, in_ms: int | None, *, any_state: bool) -> None:
        """Change the priority or the moment of a job; a moment in the past promotes it."""
        (job_id,) = self._ids([pick], *(JobState if any_state else IDLE))
        due_ms = None if in_ms is None else self.clock.now_ms() + in_ms
        job = self.model.jobs.get(job_id)
        if job is not None and job.priority == priority:
            priority = None
        told = self.do(self.store.amend(QUEUE, job_id, priority=priority, due_ms=due_ms))
        wanted = self.model.amend(job_id, priority, due_ms)
        assert told == wanted, f"amend said {told} of {job_id}, not {wanted}"

    # ── batches and schedules ──

    @rule(data=st.data())
    def open_batch(self, data: st.DataObject) -> None:
        """Open a batch, again perhaps."""
        batch: Batch = data.draw(draws.batches(next(self.numbers)))
        told = self.do(self.store.open_batch(QUEUE, batch))
        wanted = self.model.open_batch(batch)
        assert told == wanted, f"open_batch said {told}, not {wanted}"

    @rule(
        name=st.sampled_from(draws.SCHEDULES),
        definition=st.sampled_from([b"one", b"two"]),
        in_ms=st.sampled_from([0, 500, 3000]),
    )
    def put_schedule(self, name: str, definition: bytes, in_ms: int) -> None:
        """Keep a schedule; with 0 it never fires."""
        entry = ScheduleEntry(name, definition, self.clock.now_ms() + in_ms if in_ms else 0)
        self.do(self.store.put_schedule(QUEUE, entry))
        self.model.schedules[name] = entry

    @rule(name=st.sampled_from(draws.SCHEDULES))
    def remove_schedule(self, name: str) -> None:
        """Forget a schedule."""
        told = self.do(self.store.remove_schedule(QUEUE, name))
        assert told == (self.model.schedules.pop(name, None) is not None)

    @precondition(lambda self: self.model.schedules)
    @rule(
        pick=draws.PICKS,
        racers=st.integers(1, 3),
        step_ms=st.sampled_from([0, 1000]),
        is_old=st.booleans(),
    )
    def fire(self, pick: int, racers: int, step_ms: int, *, is_old: bool) -> None:
        """Let several processes fire a schedule as each has read it: one of them does."""
        entries = list(self.model.schedules.values())
        entry = entries[pick % len(entries)]
        if is_old:
            entry = replace(entry, next_ms=entry.next_ms + 1)
        next_ms = entry.next_ms + step_ms if step_ms else 0
        for _ in range(racers):
            jobs = [NewJob(JobId(f"{entry.name}@{entry.next_ms}"), b"fired")]
            fired = self.do(self.store.fire(QUEUE, entry, jobs, next_ms))
            self.model.fire(entry, jobs, next_ms, fired=fired)
