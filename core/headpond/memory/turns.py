"""A worker's turn: it reports what became of the jobs that it holds, and claims more."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from headpond.envelope import Outcome, pack
from headpond.jobs import (
    Claim,
    Done,
    Failed,
    JobState,
    Progressed,
    Released,
    Stopped,
)
from headpond.memory.life import delay, end, fail, grant, wait_again
from headpond.memory.limits import Limits

if TYPE_CHECKING:
    from headpond.jobs import Ended, JobId
    from headpond.memory.queue import Queue
    from headpond.memory.rows import Row


def claim(queue: Queue, worker: str, want: int, now_ms: int) -> tuple[Claim, ...]:
    """Give the worker the next jobs that the limits let start, at most `want`."""
    limits = Limits(queue, now_ms)
    claims: list[Claim] = []
    passed = 0
    while len(claims) < want and limits.queue_lets_start():
        row = queue.places.nth(JobState.WAITING, passed)
        if row is None:
            break
        row.is_aside = not limits.lets_start(row.tenant)
        if row.is_aside:
            passed += 1
            continue
        limits.started(row.tenant)
        claims.append(_start(queue, row, worker, now_ms))
    return tuple(claims)


def _start(queue: Queue, row: Row, worker: str, now_ms: int) -> Claim:
    queue.places.lift(row)
    queue.tags.claimed(row.priority, row.tenant, row.tag)
    row.state, row.worker, row.claimed_ms = JobState.ACTIVE, worker, now_ms
    row.fence, row.parked = str(next(queue.fences)), ""
    row.lease_end_ms = now_ms + queue.settings.lease_ms
    queue.places.add(row)
    queue.keys.started(row.id)
    queue.events.note("started", row.id)
    return Claim(row.id, row.body, row.fence, row.attempts, row.crashes, row.since_ms)


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
    elif isinstance(ended, Progressed):
        row.progress = ended.progress
        queue.events.note("progress", row.id)
    else:
        queue.places.lift(row)
        _ended(queue, row, ended, now_ms)
    return row is not None


def _ended(queue: Queue, row: Row, ended: Done | Failed | Released | Stopped, now_ms: int) -> None:
    match ended:
        case Done():
            _attempted(queue, row, ended)
            end(queue, row, JobState.COMPLETED, now_ms)
        case Stopped(run_us=0) if row.wish:  # it never began
            row.outcome = ended.outcome
            grant(queue, row, now_ms)
        case Failed() | Stopped() if row.wish:
            _attempted(queue, row, ended)
            grant(queue, row, now_ms)
        case Failed():
            _attempted(queue, row, ended)
            _failed(queue, row, ended, now_ms)
        case Released() if row.wish:
            abandon(queue, row, now_ms)
        case Released():
            _released(queue, row, ended, now_ms)
        case Stopped():  # by nobody's wish: the store knows no reason why it shouldn't run
            _released(queue, row, Released(ended.id, ended.fence), now_ms)
        case _:
            assert_never(ended)


def _attempted(queue: Queue, row: Row, ended: Done | Failed | Stopped) -> None:
    queue.totals.ended += 1
    queue.totals.run_us += ended.run_us
    row.attempts += 1
    row.outcome = ended.outcome


def _failed(queue: Queue, row: Row, ended: Failed, now_ms: int) -> None:
    if ended.retry_in_ms is None:
        fail(queue, row, ended.reason, now_ms)
        return
    queue.events.note("retrying", row.id)
    # One that is due at once comes after those that were due before it: it is promoted in its turn.
    delay(queue, row, now_ms + max(0, ended.retry_in_ms))


def _released(queue: Queue, row: Row, ended: Released, now_ms: int) -> None:
    row.parked = ended.parked
    if ended.body is not None:
        row.body = ended.body
    queue.events.note("parked" if ended.parked else "released", row.id, detail=ended.parked)
    if ended.delay_ms > 0:
        delay(queue, row, now_ms + ended.delay_ms)
    else:
        wait_again(queue, row)


def abandon(queue: Queue, row: Row, now_ms: int) -> None:
    """End a lifted row that somebody wants stopped, and whose run will not be reported."""
    message = "Cancelled while it ran."
    outcome = Outcome(row.claimed_ms, 0, error="Cancelled", message=message, worker=row.worker)
    row.outcome = pack(outcome)
    grant(queue, row, now_ms)
