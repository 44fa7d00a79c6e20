"""What people and the governor do to a queue as a whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from headpond.errors import Invalid
from headpond.jobs import JobState
from headpond.memory.life import leave

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.memory.queue import Queue
    from headpond.queues import Hold, HoldSource, QueueSettings


def configure(queue: Queue, settings: QueueSettings) -> int:
    """Put the settings into force; equal ones keep their version."""
    version = queue.settings.version
    if not version or replace(settings, version=version) != queue.settings:
        queue.settings = replace(settings, version=version + 1)
        queue.words += 1
        for row in queue.places.each(JobState.WAITING):
            row.is_aside = False
    queue.listed = True
    return queue.settings.version


def hold(queue: Queue, hold: Hold) -> None:
    """Start no more jobs, for the hold's source."""
    queue.holds[hold.source] = hold
    queue.events.note("held", detail=hold.source)


def resume(queue: Queue, source: HoldSource, now_ms: int) -> bool:
    """Lift the hold of this source; one that has expired is none."""
    hold = queue.holds.pop(source, None)
    if hold is None or 0 < hold.until_ms <= now_ms:
        return False
    queue.events.note("resumed", detail=source)
    return True


def clear(queue: Queue, states: Sequence[JobState], now_ms: int) -> int:
    """Drop the jobs of these states; an active one belongs to its worker."""
    if JobState.ACTIVE in states:
        raise Invalid("Active jobs can't be cleared: hold the queue and wait for their end.")
    rows = [row for state in states for row in queue.places.each(state)]
    for row in rows:
        queue.places.drop(row)
    for row in rows:
        leave(queue, row, JobState.CANCELLED, now_ms)
    return len(rows)


def drain(queue: Queue, workers: Sequence[str]) -> None:
    """Give these workers nothing more."""
    queue.draining.update(workers)
    queue.words += 1


def undrain(queue: Queue, workers: Sequence[str]) -> None:
    """Let these workers claim again."""
    queue.draining.difference_update(workers)
    queue.words += 1
