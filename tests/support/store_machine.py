"""Drives a store and its model side by side, by any sequence of steps that hypothesis thinks of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

import machine_draws as draws
from headpond.jobs import JobId, JobState, NewJob
from headpond.ports import ScheduleEntry
from headpond.queues import Hold, QueueSettings
from machine_base import QUEUE
from machine_workers import WorkerMachine, workers
from model_job import ENDED, IDLE

if TYPE_CHECKING:
    from headpond.batches import Batch
    from headpond.queues import HoldSource

FEW = 8
"""Jobs that are not yet worth clearing."""

sources = st.sampled_from(["spec", "runtime"])


class StoreMachine(WorkerMachine):
    """One queue of one store, its model, and everybody who does something to them."""

    # ── time ──

    @rule(span_ms=draws.SPANS)
    def pass_time(self, span_ms: int) -> None:
        """Let time pass: workers that say nothing meanwhile may have crashed."""
        self.clock.advance_ms(span_ms)

    @rule(pick=draws.PICKS, past_ms=st.integers(-1, 1))
    def pass_time_until(self, pick: int, past_ms: int) -> None:
        """Go to a moment at which something happens, or to the millisecond before or after it."""
        moments = sorted(at + past_ms for at in self.workers.moments())
        later = [at for at in moments if at > self.clock.now_ms()]
        if later:
            self.clock.advance_ms(later[pick % len(later)] - self.clock.now_ms())

    @rule()
    def tick(self) -> None:
        """Tick as the governor does."""
        self.do(self.store.tick([QUEUE]))
        self.workers.tick()
        self.ticked = True

    # ── what people do to a queue ──

    @rule(settings=draws.settings())
    def configure(self, settings: QueueSettings) -> None:
        """Change the settings while jobs are about."""
        version = self.do(self.store.configure(QUEUE, settings))
        assert version == self.model.configure(settings), f"the version is {version}"
        kept = self.do(self.store.settings(QUEUE))
        assert kept == replace(settings, version=version), f"the settings are {kept}"

    @rule(source=sources, for_ms=st.sampled_from([0, 1, 500, 10_000]))
    def hold(self, source: HoldSource, for_ms: int) -> None:
        """Hold the queue."""
        now = self.clock.now_ms()
        hold = Hold(source, "asha", "stocktaking", now, now + for_ms if for_ms else 0)
        self.do(self.store.hold(QUEUE, hold))
        self.model.holds[source] = hold

    @precondition(lambda self: self.model.holds)
    @rule(source=sources)
    def resume(self, source: HoldSource) -> None:
        """Lift a hold."""
        lifted = self.do(self.store.resume(QUEUE, source))
        assert lifted == self.model.resume(source), f"resume said {lifted}"

    @rule(names=st.lists(workers, min_size=1, max_size=1))
    def drain(self, names: list[str]) -> None:
        """Ask workers to claim no more."""
        self.do(self.store.drain(QUEUE, names))
        self.workers.drain(names)

    @precondition(lambda self: self.workers.draining)
    @rule(names=st.lists(workers, min_size=1, max_size=2, unique=True))
    def undrain(self, names: list[str]) -> None:
        """Let workers claim again."""
        self.do(self.store.undrain(QUEUE, names))
        self.workers.undrain(names)

    @precondition(lambda self: len(self.model.jobs) > FEW)
    @rule(pick=draws.PICKS)
    def clear(self, pick: int) -> None:
        """Remove all jobs of a state."""
        states = [job.state for job in self.model.of(*IDLE, *ENDED)] or [*IDLE]
        state = states[pick % len(states)]
        cleared = self.do(self.store.clear(QUEUE, [state]))
        wanted = self.model.clear(state)
        assert cleared == wanted, f"{cleared} were cleared, not {wanted}"

    # ── what people do to jobs ──

    def _ids(self, picks: list[int], *states: JobState) -> list[JobId]:
        """Return ids of jobs of these states, and now and then of none."""
        jobs = [job.id for state in states for job in self.model.of(state)]
        return [JobId("nobody") if p == 30 or not jobs else jobs[p % len(jobs)] for p in picks]

    @precondition(lambda self: self.model.jobs)
    @rule(picks=st.lists(draws.PICKS, min_size=1, max_size=2), fail=st.booleans())
    def cancel(self, picks: list[int], *, fail: bool) -> None:
        """Cancel jobs in whatever state they are."""
        ids = self._ids(picks, *IDLE, *([JobState.ACTIVE] * 3), *ENDED)
        self.model.cancel(ids, self.do(self.store.cancel(QUEUE, ids, fail=fail)), fail=fail)

    @precondition(lambda self: self.model.of(JobState.FAILED, JobState.CANCELLED))
    @rule(picks=st.lists(draws.PICKS, min_size=1, max_size=3), any_state=st.booleans())
    def retry(self, picks: list[int], *, any_state: bool) -> None:
        """Put failed and cancelled jobs back; others stay."""
        states = tuple(JobState) if any_state else (JobState.FAILED, JobState.CANCELLED)
        ids = self._ids(picks, *states)
        told = self.do(self.store.retry(QUEUE, ids))
        wanted = self.model.retry(ids)
        assert told == wanted, f"retry said {told} of {ids}, not {wanted}"

    @precondition(lambda self: self.model.of(*IDLE))
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

    @precondition(lambda self: self.model.schedules)
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
