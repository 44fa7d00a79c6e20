"""A queue at one moment, as the governor, the API and `headpond queues` see it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from headpond.jobs import JobState
from headpond.memory.limits import Limits
from headpond.queues import QueueSample, WorkerSeen

if TYPE_CHECKING:
    from headpond.jobs import StoredJob
    from headpond.memory.queue import Queue
    from headpond.memory.rows import Row

SECOND_MS: Final = 1000


def sample(queue: Queue, now_ms: int) -> QueueSample:
    """Count the queue."""
    places, totals, due = queue.places, queue.totals, queue.due(now_ms)
    return QueueSample(
        queue=queue.name,
        at_ms=now_ms,
        epoch=queue.epoch,
        waiting=places.count(JobState.WAITING),
        due=due,
        delayed=places.count(JobState.DELAYED) - due,
        active=places.count(JobState.ACTIVE),
        completed=places.count(JobState.COMPLETED),
        failed=places.count(JobState.FAILED),
        cancelled=places.count(JobState.CANCELLED),
        parked=_parked(queue),
        held=queue.held(now_ms),
        oldest_ms=_oldest_ms(queue, now_ms),
        next_due_ms=_next_due_ms(queue, now_ms),
        added_total=totals.added,
        ended_total=totals.ended,
        run_us_total=totals.run_us,
        stale_total=totals.stale,
        aside=Limits(queue, now_ms).aside(),
        next_schedule_ms=queue.schedules.next_ms(),
        workers=_workers(queue, now_ms),
    )


def stored(queue: Queue, row: Row, now_ms: int) -> StoredJob:
    """Return a job as the port shows it."""
    return row.stored(queue.name, queue.batches.of(row, now_ms))


def first_due_ms(queue: Queue) -> int:
    """Return when the first delayed job or schedule becomes (or became) due, 0 for none."""
    row = queue.places.nth(JobState.DELAYED, 0)
    moments = (row.due_ms if row else 0, queue.schedules.next_ms())
    return min((moment for moment in moments if moment), default=0)


def next_ms(queue: Queue, now_ms: int) -> int:
    """Return when a worker that has nothing to do is to look again, 0 for not before it is told."""
    holds = queue.held(now_ms)
    if holds:
        return 0 if any(not hold.until_ms for hold in holds) else max(h.until_ms for h in holds)
    moments = (first_due_ms(queue), Limits(queue, now_ms).next_ms(), _first_lease_ms(queue))
    return min((moment for moment in moments if moment), default=0)


def _first_lease_ms(queue: Queue) -> int:
    """Return when the first lease ends, should its worker be gone; 0 when nothing is active."""
    return min((row.lease_end_ms for row in queue.places.each(JobState.ACTIVE)), default=0)


def _next_due_ms(queue: Queue, now_ms: int) -> int:
    rows = queue.places.each(JobState.DELAYED)
    return next((row.due_ms for row in rows if row.due_ms > now_ms), 0)


def _parked(queue: Queue) -> int:
    idle = (JobState.WAITING, JobState.DELAYED)
    return sum(bool(row.parked) for state in idle for row in queue.places.each(state))


def _oldest_ms(queue: Queue, now_ms: int) -> int:
    """Return the end of the second in which the oldest began to wait: never too early."""
    since = min((row.since_ms for row in queue.places.each(JobState.WAITING)), default=None)
    if since is None:
        return 0
    return min(now_ms, since - since % SECOND_MS + SECOND_MS)


def _workers(queue: Queue, now_ms: int) -> tuple[WorkerSeen, ...]:
    active = Counter(row.worker for row in queue.places.each(JobState.ACTIVE))
    return tuple(
        WorkerSeen(
            id=beat.id,
            state=beat.state,
            slots=beat.slots,
            active=active[beat.id],
            started_ms=beat.started_ms,
            seen_ms=seen_ms,
            host=beat.host,
            pid=beat.pid,
        )
        for _, (beat, seen_ms) in sorted(queue.beats.items())
        if now_ms - seen_ms < queue.settings.lease_ms
    )
