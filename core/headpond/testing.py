"""What authors of jobs need to test them: a clock that stands still until it is told to move."""

from __future__ import annotations

from typing import Final

START_MS: Final = 1_775_347_200_000
"""Where a `ManualClock` begins unless told otherwise: a whole second, far from any leap."""


class ManualClock:
    """A clock that only the test moves.

    >>> clock = ManualClock(1_000)
    >>> clock.advance_ms(500)
    >>> clock.now_ms()
    1500
    """

    def __init__(self, now_ms: int = START_MS) -> None:
        """Stand at `now_ms`, Unix time in milliseconds."""
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Return the time it stands at."""
        return self._now_ms

    def advance_ms(self, by_ms: int) -> None:
        """Move forward; a clock that two processes compare never goes back."""
        if by_ms < 0:
            message = f"The clock can't go back by {-by_ms} ms; make a new one instead."
            raise ValueError(message)
        self._now_ms += by_ms
