"""How a job comes into a queue, and how it ends: what every other step is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from headpond.envelope import Outcome, pack
from headpond.jobs import FailReason, JobState, Placed
from headpond.memory.limits import rule_of
from headpond.memory.rows import NOT_STARTED, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.jobs import NewJob
    from headpond.memory.batches import Tally
    from headpond.memory.queue import Queue
    from headpond.queues import Retention

TRIM_LIMIT: Final = 1000
"""Jobs that one step may trim, as in the Redis store, where it bounds a script's time."""


def enqueue(queue: Queue, jobs: Sequence[NewJob], now_ms: int) -> list[Placed]:
    """Add the jobs, one after the other."""
    return [add(queue, job, now_ms) for job in jobs]


def add(queue: Queue, job: NewJob, now_ms: int) -> Placed:
    """Add the job, unless its id or its key is taken."""
    placed = _placed(queue, job, now_ms)
    tally = queue.batches.counting(job.batch, now_ms)
    if placed.created:
        row = Row(job.id, job.body, job.priority, job.tenant, created_ms=now_ms, since_ms=now_ms)
        if tally:
            tally.enlist(job.id)
            row.batch = job.batch
        queue.totals.added += 1
        queue.events.note("added", job.id)
        _place(queue, row, job, placed, now_ms)
    elif tally:
        tally.skip(job.id)
        complete(queue, tally, now_ms)
    return placed


def _placed(queue: Queue, job: NewJob, now_ms: int) -> Placed:
    """Say what becomes of the job."""
    if job.id in queue.places:
        return Placed(job.id, created=False)
    holder_id = queue.keys.holder(job, queue.places, now_ms)
    if holder_id is None or job.unique is None:
        return Placed(job.id)
    holder = queue.places.get(holder_id)
    is_open = holder is not None and holder.state in NOT_STARTED
    if job.unique.mode == "skip" or not (is_open and queue.keys.is_held_by(job, holder_id)):
        return Placed(holder_id, created=False)
    return Placed(job.id, replaced=holder_id)


def _place(queue: Queue, row: Row, job: NewJob, placed: Placed, now_ms: int) -> None:
    """Put a new job where it belongs; the one whose place it takes is cancelled."""
    queue.keys.take(job, now_ms)
    holder = queue.places.get(placed.replaced) if placed.replaced else None
    due_ms = max(job.run_at_ms, now_ms + job.delay_ms)
    if holder and job.unique and job.unique.mode == "replace":
        _take_place(queue, row, holder, now_ms)
    elif due_ms > now_ms:
        delay(queue, row, due_ms)
    else:
        wait_anew(queue, row, now_ms)
    if holder:
        queue.places.lift(holder)
        message = f"Job {row.id} took its place."
        holder.outcome = pack(Outcome(0, 0, error="Replaced", message=message))
        end(queue, holder, JobState.CANCELLED, now_ms, detail="replaced")


def _take_place(queue: Queue, row: Row, holder: Row, now_ms: int) -> None:
    if holder.state is JobState.DELAYED:
        delay(queue, row, holder.due_ms)
    elif holder.priority == row.priority:
        row.tag = holder.tag
        wait_again(queue, row)
    else:
        wait_anew(queue, row, now_ms)


def wait_anew(queue: Queue, row: Row, since_ms: int) -> None:
    """Put a lifted (or new) row behind its tenant's others."""
    if not queue.places.count(JobState.WAITING):
        queue.tags.rest()
    weight = rule_of(queue.settings, row.tenant).weight
    row.tag = queue.tags.next(row.priority, row.tenant, weight)
    row.since_ms = since_ms
    wait_again(queue, row)


def wait_again(queue: Queue, row: Row) -> None:
    """Put a lifted row where it stood before."""
    _move(queue, row, JobState.WAITING)


def delay(queue: Queue, row: Row, due_ms: int) -> None:
    """Let a lifted (or new) row wait until then."""
    _move(queue, row, JobState.DELAYED, due_ms=due_ms)


def fail(queue: Queue, row: Row, reason: FailReason, now_ms: int) -> None:
    """Give a lifted row up."""
    row.reason = reason
    end(queue, row, JobState.FAILED, now_ms, detail=reason)


def end(queue: Queue, row: Row, state: JobState, now_ms: int, *, detail: str = "") -> None:
    """End a lifted row for good: its key is free, its batch counts it out, old ones are trimmed."""
    row.finished_ms, row.end, row.parked = now_ms, next(queue.ends), ""
    _move(queue, row, state)
    queue.events.note(state.value, row.id, detail=detail)
    leave(queue, row, state, now_ms)
    trim(queue, now_ms)


def grant(queue: Queue, row: Row, now_ms: int) -> None:
    """End a lifted row as somebody wished."""
    if row.wish is JobState.FAILED:
        fail(queue, row, FailReason.MANUAL, now_ms)
    else:
        end(queue, row, JobState.CANCELLED, now_ms)


def leave(queue: Queue, row: Row, state: JobState, now_ms: int) -> None:
    """Let go of what a job has that will never run again."""
    queue.keys.ended(row.id)
    tally = queue.batches.counting(row.batch, now_ms)
    if tally and row.id in tally.members:
        tally.count_out(row.id, state)
        complete(queue, tally, now_ms)


def complete(queue: Queue, tally: Tally, now_ms: int) -> None:
    """Close a batch when nothing is left to wait for."""
    if tally.is_over():
        callback = tally.complete(now_ms)
        queue.events.note("batch", detail=tally.batch.id)
        if callback:
            add(queue, callback, now_ms)


def trim(queue: Queue, now_ms: int) -> None:
    """Drop ended jobs past their retention, oldest first."""
    _trim(queue, JobState.COMPLETED, queue.settings.completed, now_ms)
    _trim(queue, JobState.FAILED, queue.settings.failed, now_ms)
    _trim(queue, JobState.CANCELLED, queue.settings.failed, now_ms)


def _trim(queue: Queue, state: JobState, keep: Retention, now_ms: int) -> None:
    for _ in range(TRIM_LIMIT):
        row = queue.places.last(state)
        if row is None:
            return
        over = queue.places.count(state) > keep.count
        if not over and row.finished_ms + keep.age_ms >= now_ms:
            return
        queue.places.drop(row)


def _move(queue: Queue, row: Row, state: JobState, *, due_ms: int = 0) -> None:
    """Put a lifted (or new) row in its next place; what the claim left is gone."""
    row.state, row.due_ms, row.is_aside, row.wish = state, due_ms, False, None
    row.worker, row.fence, row.claimed_ms, row.lease_end_ms = "", "", 0, 0
    queue.places.add(row)
