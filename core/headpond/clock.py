"""The machine's clock, for composition roots; everything else asks the `Clock` it was given."""

from __future__ import annotations

import time


class SystemClock:
    """Unix time as this machine has it."""

    def now_ms(self) -> int:
        """Return Unix time in milliseconds."""
        return time.time_ns() // 1_000_000
