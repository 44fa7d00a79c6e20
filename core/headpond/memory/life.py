"""A job's way through a queue: enqueue, claim, end, come due, be reaped, be trimmed."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, assert_never

from headpond.envelope import Outcome, pack
from headpond.jobs import Claim, Done, Failed, FailReason, JobState, Released
from headpond.memory.places import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.jobs import Ended, JobId, NewJob
    from headpond.memory.queue import Queue
    from headpond.queues import Retention

REAP_LIMIT: Final = 500
PROMOTE_LIMIT: Final = 1000
TRIM_LIMIT: Final = 1000
"""Jobs that one step may move, as in the Redis store, where it bounds a script's time."""


def enqueue(queue: Queue, jobs: Sequence[NewJob], now_ms: int) -> list[bool]:
    """Add those whose id is free."""
    return [_add(queue, job, now_ms) for job in jobs]


def _add(queue: Queue, job: NewJob, now_ms: int) -> bool:
    if job.id in queue.places:
        return False
    row = Row(job.id, job.body, job.priority, job.tenant, created_ms=now_ms, since_ms=now_ms)
    queue.totals.added += 1
    due_ms = max(job.run_at_ms, now_ms + job.delay_ms)
    if due_ms > now_ms:
        _delay(queue, row, due_ms)
    else:
        _wait_anew(queue, row, now_ms)
    return True


def refresh(queue: Queue, now_ms: int) -> None:
    """Reap expired leases, promote due jobs, trim ended ones: a bounded number of each."""
    _reap(queue, now_ms)
    _promote(queue, now_ms)
    trim(queue, now_ms)


def _reap(queue: Queue, now_ms: int) -> None:
    rows = [r for r in queue.places.each(JobState.ACTIVE) if r.lease_end_ms <= now_ms]
    rows.sort(key=lambda row: (row.lease_end_ms, row.id))
    for row in rows[:REAP_LIMIT]:
        queue.places.lift(row)
        row.crashes += 1
        if row.crashes < queue.settings.max_deliveries:
            _wait_again(queue, row)
        else:
            row.outcome = _lost(row)
            _end(queue, row, now_ms, FailReason.CRASHED)


def _lost(row: Row) -> bytes:
    times = "once" if row.crashes == 1 else f"{row.crashes} times"
    message = f"Its worker was lost {times} while the job ran, the last time {row.worker!r}."
    return pack(Outcome(row.claimed_ms, 0, error="WorkerLost", message=message, worker=row.worker))


def _promote(queue: Queue, now_ms: int) -> None:
    for row in islice(queue.places.each(JobState.DELAYED), PROMOTE_LIMIT):
        if row.due_ms > now_ms:
            return
        queue.places.lift(row)
        _wait_anew(queue, row, since_ms=row.due_ms)


def trim(queue: Queue, now_ms: int) -> None:
    """Drop ended jobs past their retention, oldest first."""
    _trim(queue, JobState.COMPLETED, queue.settings.completed, now_ms)
    _trim(queue, JobState.FAILED, queue.settings.failed, now_ms)


def _trim(queue: Queue, state: JobState, keep: Retention, now_ms: int) -> None:
    for _ in range(TRIM_LIMIT):
        row = queue.places.last(state)
        if row is None:
            return
        over = queue.places.count(state) > keep.count
        if not over and row.finished_ms + keep.age_ms >= now_ms:
            return
        queue.places.drop(row)


def claim(queue: Queue, worker: str, want: int, now_ms: int) -> tuple[Claim, ...]:
    """Give the worker the next jobs, at most `want` and never past `max_active`."""
    room = queue.room()
    claims: list[Claim] = []
    while len(claims) < (want if room is None else min(want, room)):
        row = queue.places.first(JobState.WAITING)
        if row is None:
            queue.tags.rest()
            break
        queue.places.lift(row)
        queue.tags.claimed(row.priority, row.tenant, row.tag)
        row.state, row.worker, row.claimed_ms = JobState.ACTIVE, worker, now_ms
        row.fence, row.parked = str(next(queue.fences)), ""
        row.lease_end_ms = now_ms + queue.settings.lease_ms
        queue.places.add(row)
        claims.append(Claim(row.id, row.body, row.fence, row.attempts, row.crashes, row.since_ms))
    return tuple(claims)


def holds(queue: Queue, job_id: JobId, fence: str) -> Row | None:
    """Return the job when `fence` is the token of its running claim."""
    row = queue.places.get(job_id)
    if row is None or row.state is not JobState.ACTIVE or row.fence != fence:
        return None
    return row


def report(queue: Queue, ended: Ended, now_ms: int) -> bool:
    """Apply one report; False when it was stale."""
    row = holds(queue, ended.id, ended.fence)
    if row is None:
        queue.totals.stale += 1
        return False
    queue.places.lift(row)
    match ended:
        case Done() | Failed():
            _ended(queue, row, ended, now_ms)
        case Released():
            _released(queue, row, ended, now_ms)
        case _:
            assert_never(ended)
    return True


def _ended(queue: Queue, row: Row, ended: Done | Failed, now_ms: int) -> None:
    queue.totals.ended += 1
    queue.totals.run_us += ended.run_us
    row.attempts += 1
    row.outcome = ended.outcome
    if isinstance(ended, Done):
        _end(queue, row, now_ms, None)
    elif ended.retry_in_ms is None:
        _end(queue, row, now_ms, ended.reason)
    elif ended.retry_in_ms > 0:
        _delay(queue, row, now_ms + ended.retry_in_ms)
    else:
        _wait_anew(queue, row, now_ms)


def _released(queue: Queue, row: Row, ended: Released, now_ms: int) -> None:
    row.parked = ended.parked
    if ended.body is not None:
        row.body = ended.body
    if ended.delay_ms > 0:
        _delay(queue, row, now_ms + ended.delay_ms)
    else:
        _wait_again(queue, row)


def _wait_anew(queue: Queue, row: Row, since_ms: int) -> None:
    """Put it behind its tenant's others."""
    row.tag = queue.tags.next(row.priority, row.tenant)
    row.since_ms = since_ms
    _wait_again(queue, row)


def _wait_again(queue: Queue, row: Row) -> None:
    """Put it where it stood before it was claimed."""
    _move(queue, row, JobState.WAITING)


def _delay(queue: Queue, row: Row, due_ms: int) -> None:
    _move(queue, row, JobState.DELAYED, due_ms=due_ms)


def _end(queue: Queue, row: Row, now_ms: int, reason: FailReason | None) -> None:
    row.finished_ms, row.end, row.reason, row.parked = now_ms, next(queue.ends), reason, ""
    _move(queue, row, JobState.FAILED if reason else JobState.COMPLETED)
    trim(queue, now_ms)


def _move(queue: Queue, row: Row, state: JobState, *, due_ms: int = 0) -> None:
    """Put a lifted (or new) row in its next place; what the claim left is gone."""
    row.state, row.due_ms = state, due_ms
    row.worker, row.fence, row.claimed_ms, row.lease_end_ms = "", "", 0, 0
    queue.places.add(row)
