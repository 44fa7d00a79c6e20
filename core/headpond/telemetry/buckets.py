"""Histograms that cost a hot path next to nothing; Prometheus sees them when it asks.

prometheus_client's own take a lock and a microsecond for each observation, which is a tenth of what
a worker has for a job. Here a job appends a number to a list; what gathers there is sorted in now
and then.
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

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.counts)

    def add(self, value: float) -> None:
        """Count a value; one that is equal to a bound lies below it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def take(self, values: list[int] | list[float]) -> None:
        """Count what has gathered in `values`, and empty it.

        >>> few, gathered = Buckets((1, 5)), [0, 1, 2, 9]
        >>> few.take(gathered)
        >>> few.counts, few.total, gathered
        ([2, 1, 1], 12, [])
        """
        if not values:
            return
        counts, bounds = self.counts, self.bounds
        highest = bisect_left(bounds, max(values))
        if (
            not highest or bisect_left(bounds, min(values)) == highest
        ):  # as for most of what is fast
            counts[highest] += len(values)
        else:
            for value in values:
                counts[bisect_left(bounds, value)] += 1
        self.total += sum(values)
        values.clear()

    def merge(self, other: Buckets) -> None:
        """Count what another one of the same bounds has counted."""
        self.counts = [one + two for one, two in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    def cumulated(self, unit: float = 1) -> list[tuple[str, float]]:
        """Return how many values were at most each bound, with the bounds divided by `unit`.

        >>> few = Buckets((1000, 5000))
        >>> few.take([1000, 1001, 9000])
        >>> few.cumulated(unit=1000)
        [('1.0', 1), ('5.0', 2), ('+Inf', 3)]
        """
        names = [*(str(float(bound / unit)) for bound in self.bounds), "+Inf"]
        return list(zip(names, accumulate(list(self.counts)), strict=True))
