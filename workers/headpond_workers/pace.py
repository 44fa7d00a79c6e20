"""How long jobs take, and how many of them to claim ahead of a free slot because of that. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

START_WITHIN_S: Final = 0.05
"""A claimed job waits this long for a slot; then another worker may have it."""
MOST_AHEAD: Final = 200
"""Jobs claimed ahead of a slot, however fast they are."""


def prefetch_for(slots: int, service_s: float) -> int:
    """Return how many jobs to claim ahead of free slots; `service_s` 0 means that it isn't known.

    >>> prefetch_for(100, 0.0001), prefetch_for(100, 0.02), prefetch_for(100, 0.1)
    (200, 200, 0)
    >>> prefetch_for(1, 0.001)
    50
    """
    if service_s <= 0:
        return 0
    return min(MOST_AHEAD, slots * int(START_WITHIN_S / service_s))


@dataclass(slots=True)
class Pace:
    """What jobs of this queue take, leaning to the slow ones."""

    service_s: float = 0.0

    def note(self, run_us: int) -> None:
        """Learn from a run; 0 is none."""
        if not run_us:
            return
        seconds = run_us / 1_000_000
        weight = 0.3 if seconds > self.service_s else 0.02
        self.service_s += (seconds - self.service_s) * weight
