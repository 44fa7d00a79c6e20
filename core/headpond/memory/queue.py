"""What the store keeps of one queue besides its jobs."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from headpond.jobs import JobState
from headpond.memory.batches import Batches
from headpond.memory.events import Events
from headpond.memory.fairness import FairTags
from headpond.memory.limits import Limits, Starts
from headpond.memory.places import Places
from headpond.memory.schedules import Schedules
from headpond.memory.unique import Keys
from headpond.queues import QueueSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headpond.ports import WorkerBeat
    from headpond.queues import Hold, HoldSource

DECISIONS_KEPT: Final = 100
"""Enough for the dashboard's hour of a busy queue; older ones are in the log."""


@dataclass(slots=True)
class Totals:
    """Counters that only go up."""

    added: int = 0
    ended: int = 0
    run_us: int = 0
    stale: int = 0


@dataclass(slots=True, eq=False)
class Queue:
    """One queue. Guarded by the store's lock."""

    name: str
    epoch: str
    settings: QueueSettings = field(default_factory=QueueSettings)
    listed: bool = False
    """Configured, and not forgotten since."""
    places: Places = field(default_factory=Places)
    tags: FairTags = field(default_factory=FairTags)
    starts: Starts = field(default_factory=Starts)
    keys: Keys = field(default_factory=Keys)
    batches: Batches = field(default_factory=Batches)
    schedules: Schedules = field(default_factory=Schedules)
    events: Events = field(default_factory=Events)
    totals: Totals = field(default_factory=Totals)
    holds: dict[HoldSource, Hold] = field(default_factory=dict)
    beats: dict[str, tuple[WorkerBeat, int]] = field(default_factory=dict)
    """Each worker's last heartbeat, and when it came."""
    draining: set[str] = field(default_factory=set)
    wake_at: int = 0
    decisions: deque[str] = field(default_factory=lambda: deque(maxlen=DECISIONS_KEPT))
    words: int = 0
    """Counts what was said to the workers, so that each hears what it has not heard yet."""
    fences: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    ends: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def held(self, now_ms: int) -> tuple[Hold, ...]:
        """Return the holds in force."""
        return tuple(h for h in self.holds.values() if not 0 < h.until_ms <= now_ms)

    def due(self, now_ms: int) -> int:
        """Return how many delayed jobs' time has come."""
        return sum(row.due_ms <= now_ms for row in self.places.each(JobState.DELAYED))

    def backlog(self, now_ms: int) -> int:
        """Return how many jobs want to start."""
        return self.places.count(JobState.WAITING) + self.due(now_ms)

    def is_ready(self, now_ms: int) -> bool:
        """Whether a worker would be given a job now."""
        if self.held(now_ms):
            return False
        limits = Limits(self, now_ms)
        return limits.lets_any_start() or (limits.queue_lets_start() and self.due(now_ms) > 0)
