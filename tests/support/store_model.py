"""A queue as the contract describes it: no locks, no columns, no speed. It knows no store.

Where the contract leaves a choice (which of several tenants is next, which of several old jobs is
trimmed first) the model takes the store's answer, checks that it was allowed, and goes on from it.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Final

from headpond.jobs import Cancellation, FailReason, JobState, Placed
from model_batches import Batches
from model_job import ENDED, IDLE, ModelJob
from model_keys import Keys
from model_limits import Limits, Turns

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from headpond.batches import Batch
    from headpond.jobs import JobId, NewJob
    from headpond.ports import Clock, ScheduleEntry
    from headpond.queues import Hold, QueueSettings, Retention
    from model_job import Place

ARRIVED, CAME_DUE, CALLED_BACK = range(3)
"""How a job came to the end of its lane, in the order in which that happens within a step."""

BEFORE: Final = ("Cancelled", "Cancelled before it started.")
WHILE: Final = ("Cancelled", "Cancelled while it ran.")
BY_HAND: Final = ("Failed", "Failed by hand before it started.")


class Model:
    """Everything that the contract makes true of one queue."""

    def __init__(self, clock: Clock, settings: QueueSettings, tenants: Sequence[str]) -> None:
        """Begin with a queue that was configured just now."""
        self._clock = clock
        self._steps = count(1)
        self.step = 0
        self.settings = settings
        self.version = 1
        self.jobs: dict[JobId, ModelJob] = {}
        self.keys = Keys()
        self.batches = Batches()
        self.limits = Limits(settings, tenants)
        self.turns = Turns(self.limits)
        self.holds: dict[str, Hold] = {}
        self.schedules: dict[str, ScheduleEntry] = {}
        self.heard: dict[str, int] = {}
        """When each worker has beaten last."""
        self.added = self.ended = self.run_us = self.stale = 0

    @property
    def now(self) -> int:
        """Return the store's time."""
        return self._clock.now_ms()

    def begin(self) -> None:
        """Begin a step."""
        self.step = next(self._steps)

    def of(self, *states: JobState) -> list[ModelJob]:
        """Return the jobs of these states."""
        return [job for job in self.jobs.values() if job.state in states]

    def keep(self, state: JobState) -> Retention:
        """Return how long jobs that ended so are kept."""
        return self.settings.completed if state is JobState.COMPLETED else self.settings.failed

    def held(self) -> set[Hold]:
        """Return the holds in force."""
        return {hold for hold in self.holds.values() if not 0 < hold.until_ms <= self.now}

    # ── in ──

    def enqueue(self, jobs: Sequence[NewJob], answers: Sequence[Placed]) -> None:
        """Add the jobs, and check what the store says of each."""
        self.begin()
        assert len(jobs) == len(answers), "an answer for each job"
        for order, (job, answer) in enumerate(zip(jobs, answers, strict=True)):
            known = Placed(job.id, created=False)
            wanted = self._admit(job, (self.step, ARRIVED, order), is_known=answer == known)
            assert answer == wanted, f"{job} became {answer}, not {wanted}"

    def _admit(self, new: NewJob, place: Place, *, is_known: bool) -> Placed:
        known = self.jobs.get(new.id)
        if known is not None and known.state in ENDED and not is_known:
            self._let_go(known)
        elif known is not None:
            self._call_back(self.batches.skip(new, self.now))
            return Placed(new.id, created=False)
        holder = self.keys.holder(new, self.jobs, self.now)
        if holder is None:
            self._add(new, place, self._due_ms(new))
            return Placed(new.id)
        if self._stays(holder, new):
            self._call_back(self.batches.skip(new, self.now))
            return Placed(holder.id, created=False)
        self._replace(holder, new, place)
        return Placed(new.id, replaced=holder.id)

    def _due_ms(self, new: NewJob) -> int:
        """Return when the job is due, 0 when it is due now."""
        due_ms = max(new.run_at_ms, self.now + new.delay_ms)
        return due_ms if due_ms > self.now else 0

    def _let_go(self, job: ModelJob) -> None:
        """Forget a job whose id the store has given away: its retention must be over."""
        assert self.is_over(job), f"{job.id} was to be kept, and its id was taken again"
        del self.jobs[job.id]

    def _stays(self, holder: ModelJob, new: NewJob) -> bool:
        """Whether the holder of the new job's key keeps it; a retry doesn't make it one again."""
        is_first = self.jobs.get(holder.id) is holder and not holder.ended_in
        is_there = is_first and holder.state in IDLE
        return not is_there or new.unique is None or new.unique.mode == "skip"

    def _replace(self, holder: ModelJob, new: NewJob, place: Place) -> None:
        """Cancel the holder of the new job's key, and put the new job where it belongs."""
        assert new.unique is not None
        was, due_ms = holder.state, holder.due_ms
        in_place = new.unique.mode == "replace"
        is_same = in_place and was is JobState.WAITING and holder.priority == new.priority
        if was is JobState.WAITING and not is_same:
            self.turns.gave_up(holder)
        self.end(holder, JobState.CANCELLED, ("Replaced", f"Job {new.id} took its place."))
        job = self._add(
            new, holder.place if is_same else place, due_ms if in_place else self._due_ms(new)
        )
        job.is_back = is_same

    def _add(self, new: NewJob, place: Place, due_ms: int) -> ModelJob:
        """Take the job in, to be due at this moment, or to wait when that is 0."""
        now = self.now
        job = ModelJob(new.id, new.body, new.priority, new.tenant, now, now, new.unique)
        self.jobs[job.id] = job
        self.added += 1
        if due_ms:
            self.delay(job, due_ms)
        else:
            self.wait(job, now, place)
        self.keys.take(job)
        self.batches.join(new.batch, job, now)
        return job

    def _call_back(self, callback: NewJob | None) -> None:
        """Enqueue what a batch has left for its completion."""
        if callback is not None and callback.id not in self.jobs:
            self._add(callback, (self.step, CALLED_BACK, 0), self._due_ms(callback))

    # ── from place to place ──

    def wait(self, job: ModelJob, since_ms: int, place: Place) -> None:
        """Put the job at the end of its lane."""
        job.rest(JobState.WAITING)
        job.since_ms, job.place, job.is_back = since_ms, place, False

    def delay(self, job: ModelJob, due_ms: int) -> None:
        """Let the job wait for its time."""
        job.rest(JobState.DELAYED)
        job.due_ms = due_ms

    def return_(self, job: ModelJob) -> None:
        """Put the job back where it stood."""
        job.rest(JobState.WAITING)
        job.is_back = True

    def end(
        self,
        job: ModelJob,
        state: JobState,
        outcome: bytes | tuple[str, str],
        reason: FailReason | None = None,
    ) -> None:
        """Bring the job into a state that it doesn't leave by itself, with all that follows."""
        job.rest(state)
        job.finished_ms, job.outcome, job.reason = self.now, outcome, reason
        job.parked = False
        self.keys.ended(job)
        job.ended_in = self.step
        self._call_back(self.batches.settle(job, state, self.now))

    def refresh(self) -> None:
        """Take jobs from workers whose leases ran out, and let due ones wait."""
        for job in self.of(JobState.ACTIVE):
            if job.lease_end_ms <= self.now:
                self._lose(job)
        for job in self.of(JobState.DELAYED):
            if job.due_ms <= self.now:
                self.wait(job, job.due_ms, (self.step, CAME_DUE, job.due_ms))

    def _lose(self, job: ModelJob) -> None:
        if job.asked:
            self.end_as_asked(job, WHILE)
            return
        if self.is_unheard_of(job):
            self.return_(job)
            return
        job.crashes += 1
        if job.crashes < self.settings.max_deliveries:
            self.return_(job)
        else:
            self.end(job, JobState.FAILED, ("WorkerLost", ""), FailReason.CRASHED)

    def is_unheard_of(self, job: ModelJob) -> bool:
        """Whether the answer to the claim was lost: a worker that lives renews what it knows of.

        Its beat in the first half of the lease is no sign: it may not have known of the job yet.
        """
        lease_ms = self.settings.lease_ms
        heard_ms = self.heard.get(job.worker, 0)
        was_renewed = job.lease_end_ms != job.claimed_ms + lease_ms
        return not was_renewed and heard_ms - job.claimed_ms > lease_ms / 2

    def end_as_asked(self, job: ModelJob, outcome: bytes | tuple[str, str]) -> None:
        """End an active job as the one who wanted it stopped has said."""
        if job.asked == "fail":
            self.end(job, JobState.FAILED, outcome, FailReason.MANUAL)
        else:
            self.end(job, JobState.CANCELLED, outcome)

    # ── what people do ──

    def cancel(self, ids: Sequence[JobId], answers: Sequence[Cancellation], *, fail: bool) -> None:
        """Cancel jobs, and check what the store says of each."""
        self.begin()
        assert len(ids) == len(answers), "an answer for each job"
        for job_id, answer in zip(ids, answers, strict=True):
            job = self.jobs.get(job_id)
            if job is not None and job.state in ENDED and answer is Cancellation.UNKNOWN:
                self._let_go(job)
            wanted = self._cancel(self.jobs.get(job_id), fail=fail)
            assert answer is wanted, f"cancel said {answer} of {job_id}, not {wanted}"

    def _cancel(self, job: ModelJob | None, *, fail: bool) -> Cancellation:
        if job is None:
            return Cancellation.UNKNOWN
        if job.state in ENDED:
            return Cancellation.ENDED
        if job.state is JobState.ACTIVE:
            job.asked = "fail" if fail else "cancel"
            return Cancellation.ASKED
        if job.state is JobState.WAITING:
            self.turns.gave_up(job)
        if fail:
            self.end(job, JobState.FAILED, BY_HAND, FailReason.MANUAL)
        else:
            self.end(job, JobState.CANCELLED, BEFORE)
        return Cancellation.CANCELLED

    def retry(self, ids: Sequence[JobId]) -> list[JobState | None]:
        """Let failed and cancelled jobs wait again, and return the states they were in."""
        self.begin()
        return [self._retry(self.jobs.get(job_id), order) for order, job_id in enumerate(ids)]

    def _retry(self, job: ModelJob | None, order: int) -> JobState | None:
        if job is None:
            return None
        state = job.state
        if state in {JobState.FAILED, JobState.CANCELLED}:
            job.attempts = job.crashes = job.finished_ms = 0
            job.reason, job.progress = None, None
            self.wait(job, self.now, (self.step, ARRIVED, order))
        return state

    def amend(self, job_id: JobId, priority: int | None, due_ms: int | None) -> JobState | None:
        """Change a job that has not started, and return the state it was in."""
        self.begin()
        job = self.jobs.get(job_id)
        if job is None:
            return None
        state = job.state
        place = (self.step, ARRIVED, 0)
        if state not in IDLE:
            return state
        if priority is not None:
            if state is JobState.WAITING:
                self.turns.gave_up(job)
                job.place, job.is_back = place, False
            job.priority = priority
        if due_ms is not None and due_ms > self.now:
            if state is JobState.WAITING:
                self.turns.gave_up(job)
            self.delay(job, due_ms)
        elif due_ms is not None and state is JobState.DELAYED:
            self.wait(job, self.now, place)
        return state

    def clear(self, state: JobState) -> int:
        """Drop the jobs of one state, and return how many."""
        self.begin()
        dropped = self.of(state)
        for job in dropped:
            del self.jobs[job.id]
        for job in dropped:
            if state is JobState.WAITING:
                self.turns.gave_up(job)
            self.keys.ended(job)
            self._call_back(self.batches.settle(job, JobState.CANCELLED, self.now))
        return len(dropped)

    def configure(self, settings: QueueSettings) -> int:
        """Go by these settings, and return their version."""
        self.begin()
        if settings != self.settings:
            self.version += 1
        self.settings = settings
        self.limits.configure(settings)
        return self.version

    def resume(self, source: str) -> bool:
        """Lift the hold of a source; say whether there was one in force."""
        hold = self.holds.pop(source, None)
        return hold is not None and not 0 < hold.until_ms <= self.now

    # ── batches and schedules ──

    def open_batch(self, batch: Batch) -> bool:
        """Open a batch, unless it is locked."""
        self.begin()
        is_open, callback = self.batches.open(batch, self.now)
        self._call_back(callback)
        return is_open

    def fire(
        self, entry: ScheduleEntry, jobs: Sequence[NewJob], next_ms: int, *, fired: bool
    ) -> None:
        """Check that a schedule fires when it is as it was read, and only then."""
        self.begin()
        assert fired == (self.schedules.get(entry.name) == entry), f"fire said {fired}"
        if fired:
            for order, job in enumerate(jobs):
                self._admit(job, (self.step, ARRIVED, order), is_known=True)
            self.schedules[entry.name] = replace(entry, next_ms=next_ms)

    # ── out ──

    def is_over(self, job: ModelJob) -> bool:
        """Whether an ended job's retention is over, so that the store may have trimmed it."""
        keep = self.keep(job.state)
        newer = [
            other
            for other in self.of(job.state)
            if other is not job and other.finished_ms >= job.finished_ms
        ]
        return job.finished_ms + keep.age_ms < self.now or len(newer) >= keep.count

    def trimmed(self, present: Container[str], *, all_of_it: bool) -> None:
        """Forget the ended jobs that the store has trimmed; `all_of_it`: it had to trim."""
        gone = [job for job in self.of(*ENDED) if job.id not in present]
        early = [job.id for job in gone if not self.is_over(job)]
        assert not early, f"{early} were to be kept"
        for job in gone:
            del self.jobs[job.id]
        late = [
            job.id
            for job in self.of(*ENDED)
            if (all_of_it and self._is_late(job)) or self._is_not_kept(job)
        ]
        assert not late, f"{late} were to be trimmed"

    def _is_not_kept(self, job: ModelJob) -> bool:
        """Whether a job was to be gone with the very step that ended it."""
        return self.keep(job.state).count == 0 and job.ended_in == self.step

    def _is_late(self, job: ModelJob) -> bool:
        """Whether a tick would have trimmed an ended job."""
        keep = self.keep(job.state)
        return job.finished_ms + keep.age_ms < self.now or len(self.of(job.state)) > keep.count
