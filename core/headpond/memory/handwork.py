"""What people do to single jobs: cancel them, run them again, move them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headpond.envelope import Outcome, pack
from headpond.jobs import Cancellation, JobState
from headpond.memory.life import delay, grant, wait_anew
from headpond.memory.rows import NOT_STARTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.jobs import JobId
    from headpond.memory.queue import Queue
    from headpond.memory.rows import Row


def cancel(
    queue: Queue, ids: Sequence[JobId], now_ms: int, *, fail: bool = False
) -> list[Cancellation]:
    """Cancel the jobs, one after the other."""
    return [_cancel(queue, job_id, now_ms, fail=fail) for job_id in ids]


def _cancel(queue: Queue, job_id: JobId, now_ms: int, *, fail: bool) -> Cancellation:
    row = queue.places.get(job_id)
    if row is None:
        return Cancellation.UNKNOWN
    if row.state is JobState.ACTIVE:
        row.wish = JobState.FAILED if fail else JobState.CANCELLED
        queue.words += 1
        queue.events.note("cancelling", row.id)
        return Cancellation.ASKED
    if row.state not in NOT_STARTED:
        return Cancellation.ENDED
    queue.places.lift(row)
    row.wish = JobState.FAILED if fail else JobState.CANCELLED
    row.outcome = _never_started(fail=fail)
    grant(queue, row, now_ms)
    return Cancellation.CANCELLED


def _never_started(*, fail: bool) -> bytes:
    error, how = ("Failed", "Failed by hand") if fail else ("Cancelled", "Cancelled")
    return pack(Outcome(0, 0, error=error, message=f"{how} before it started."))


def retry(queue: Queue, ids: Sequence[JobId], now_ms: int) -> list[JobState | None]:
    """Put failed and cancelled jobs back, one after the other."""
    return [_retry(queue, job_id, now_ms) for job_id in ids]


def _retry(queue: Queue, job_id: JobId, now_ms: int) -> JobState | None:
    row = queue.places.get(job_id)
    if row is None:
        return None
    was = row.state
    if was in {JobState.FAILED, JobState.CANCELLED}:
        queue.places.lift(row)
        row.attempts = row.crashes = row.finished_ms = row.end = 0
        row.reason = row.progress = None
        wait_anew(queue, row, now_ms)
        queue.events.note("added", row.id, detail="retry")
    return was


def amend(
    queue: Queue, job_id: JobId, priority: int | None, due_ms: int | None, now_ms: int
) -> JobState | None:
    """Change a job that has not started."""
    row = queue.places.get(job_id)
    if row is None:
        return None
    was = row.state
    if was in NOT_STARTED:
        level = priority if priority != row.priority else None
        moves = due_ms is not None and (due_ms > now_ms or was is JobState.DELAYED)
        if level is not None or moves:
            queue.places.lift(row)
            row.priority = row.priority if level is None else level
            _put(queue, row, due_ms if moves else None, now_ms)
            queue.events.note("changed", row.id)
    return was


def _put(queue: Queue, row: Row, due_ms: int | None, now_ms: int) -> None:
    """Put a lifted row where its new level and its new time, if it has one, want it."""
    if due_ms is not None and due_ms > now_ms:
        delay(queue, row, due_ms)
    elif due_ms is not None:
        wait_anew(queue, row, now_ms)
    elif row.state is JobState.DELAYED:
        delay(queue, row, row.due_ms)
    else:
        wait_anew(queue, row, row.since_ms)
