"""How many requests a kind of work may cost: so many at once, so many a second on the average."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Budget:
    """A token bucket. `now_s` may be any clock that only goes forward.

    >>> budget = Budget(per_s=1.0, burst=2.0)
    >>> [budget.take(0.0), budget.take(0.0), budget.take(0.5), budget.take(1.0)]
    [True, True, False, True]
    """

    per_s: float
    burst: float
    _left: float = -1.0
    _at_s: float = 0.0

    def take(self, now_s: float) -> bool:
        """Return whether one more may be sent now, and count it."""
        if self._left < 0:
            self._left = self.burst
        else:
            earned = max(0.0, now_s - self._at_s) * self.per_s
            self._left = min(self.burst, self._left + earned)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
