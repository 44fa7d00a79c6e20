"""What time does to a queue: leases run out, jobs come due, what has ended is trimmed."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from headpond.envelope import Outcome, pack
from headpond.jobs import FailReason, JobState
from headpond.memory.life import fail, trim, wait_again, wait_anew
from headpond.memory.turns import abandon

if TYPE_CHECKING:
    from headpond.memory.queue import Queue
    from headpond.memory.rows import Row

SET_BACK_MS: Final = 60_000
"""A clock that is set back by less is waited for."""
REAP_LIMIT: Final = 500
PROMOTE_LIMIT: Final = 1000
"""Jobs that one step may move, as in the Redis store, where it bounds a script's time."""


def refresh(queue: Queue, now_ms: int) -> None:
    """Reap expired leases, promote due jobs, trim ended ones: a bounded number of each."""
    _survive_set_back(queue, now_ms)
    _reap(queue, now_ms)
    _promote(queue, now_ms)
    trim(queue, now_ms)
    queue.keys.forget(now_ms)
    queue.batches.forget(now_ms)


def _survive_set_back(queue: Queue, now_ms: int) -> None:
    """End what lies further ahead than a worker may have put it: the clock was set back."""
    lease_ms = queue.settings.lease_ms
    for row in queue.places.each(JobState.ACTIVE):
        if row.lease_end_ms >= now_ms + 2 * lease_ms + SET_BACK_MS:
            row.lease_end_ms = now_ms + lease_ms
    for worker, (beat, seen_ms) in queue.beats.items():
        if seen_ms >= now_ms + lease_ms + SET_BACK_MS:
            queue.beats[worker] = (beat, now_ms)


def _reap(queue: Queue, now_ms: int) -> None:
    rows = [r for r in queue.places.each(JobState.ACTIVE) if r.lease_end_ms <= now_ms]
    rows.sort(key=lambda row: (row.lease_end_ms, row.id))
    for row in rows[:REAP_LIMIT]:
        queue.places.lift(row)
        queue.events.note("lost", row.id)
        if row.wish:
            abandon(queue, row, now_ms)
        else:
            _lose(queue, row, now_ms)


def _lose(queue: Queue, row: Row, now_ms: int) -> None:
    if _was_never_heard_of(queue, row):
        wait_again(queue, row)
        return
    row.crashes += 1
    if row.crashes < queue.settings.max_deliveries:
        wait_again(queue, row)
    else:
        row.outcome = _lost(row)
        fail(queue, row, FailReason.CRASHED, now_ms)


def _was_never_heard_of(queue: Queue, row: Row) -> bool:
    """Whether the answer to the claim was lost: a worker that lives renews what it knows of.

    One beat soon after the claim says nothing: the worker may not have known of the job yet, and
    may have died of it since.
    """
    lease_ms = queue.settings.lease_ms
    _, seen_ms = queue.beats.get(row.worker, (None, -lease_ms))
    return row.lease_end_ms == row.claimed_ms + lease_ms and seen_ms - row.claimed_ms > lease_ms / 2


def _lost(row: Row) -> bytes:
    times = "once" if row.crashes == 1 else f"{row.crashes} times"
    message = f"Its worker was lost {times} while the job ran, the last time {row.worker!r}."
    return pack(Outcome(row.claimed_ms, 0, error="WorkerLost", message=message, worker=row.worker))


def _promote(queue: Queue, now_ms: int) -> None:
    for row in islice(queue.places.each(JobState.DELAYED), PROMOTE_LIMIT):
        if row.due_ms > now_ms:
            return
        queue.places.lift(row)
        wait_anew(queue, row, since_ms=row.due_ms)
