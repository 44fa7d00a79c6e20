"""Histograms that cost the hot path a search and two additions; Prometheus sees them when it asks.

prometheus_client's own take a lock for each observation, which is dearer than all else that a
worker counts of a job.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(slots=True)
class Buckets:
    """Counts of values by size, for one thread."""

    bounds: Sequence[float]
    """Upper bounds, ascending; what is above the last one is counted too."""
    counts: list[int] = field(init=False)
    total: float = 0

    def __post_init__(self) -> None:
        """Begin at zero."""
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count a value; one that is equal to a bound lies below it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulated(self, unit: float = 1) -> list[tuple[str, float]]:
        """Return how many values were at most each bound, with the bounds divided by `unit`.

        >>> few = Buckets((1000, 5000))
        >>> few.add(1000), few.add(1001), few.add(9000)
        (None, None, None)
        >>> few.cumulated(unit=1000)
        [('1.0', 1), ('5.0', 2), ('+Inf', 3)]
        """
        names = [*(str(float(bound / unit)) for bound in self.bounds), "+Inf"]
        return list(zip(names, accumulate(list(self.counts)), strict=True))
