"""What people and the governor do to a queue as a whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from headpond.errors import Invalid
from headpond.jobs import JobState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.memory.queue import Queue
    from headpond.queues import HoldSource, QueueSettings


def configure(queue: Queue, settings: QueueSettings) -> int:
    """Put the settings into force; equal ones keep their version."""
    version = queue.settings.version
    if not version or replace(settings, version=version) != queue.settings:
        queue.settings = replace(settings, version=version + 1)
        queue.words += 1
    queue.listed = True
    return queue.settings.version


def resume(queue: Queue, source: HoldSource, now_ms: int) -> bool:
    """Lift the hold of this source; one that has expired is none."""
    hold = queue.holds.pop(source, None)
    return hold is not None and not 0 < hold.until_ms <= now_ms


def clear(queue: Queue, states: Sequence[JobState]) -> int:
    """Drop the jobs of these states; an active one belongs to its worker."""
    if JobState.ACTIVE in states:
        raise Invalid("Active jobs can't be cleared: hold the queue and wait for their end.")
    rows = [row for state in states for row in queue.places.each(state)]
    for row in rows:
        queue.places.drop(row)
    if JobState.WAITING in states and not queue.places.count(JobState.WAITING):
        queue.tags.rest()  # else a tenant would be behind by the jobs that it no longer has
    return len(rows)


def drain(queue: Queue, workers: Sequence[str]) -> None:
    """Give these workers nothing more."""
    queue.draining.update(workers)
    queue.words += 1


def undrain(queue: Queue, workers: Sequence[str]) -> None:
    """Let these workers claim again."""
    queue.draining.difference_update(workers)
    queue.words += 1
