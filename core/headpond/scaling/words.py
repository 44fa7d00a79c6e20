"""Figures in words, for the sentences of the steps. Pure."""

from __future__ import annotations

from typing import Final

_MINUTE_S: Final = 120
_HOUR_S: Final = 7200
_ROUND_S: Final = 10


def workers(count: int) -> str:
    """Say a number of workers.

    >>> workers(1), workers(12)
    ('1 worker', '12 workers')
    """
    return f"{count:,} worker" if count == 1 else f"{count:,} workers"


def jobs(count: int) -> str:
    """Say a number of jobs.

    >>> jobs(4812)
    '4,812 jobs'
    """
    return f"{count:,} job" if count == 1 else f"{count:,} jobs"


def duration(seconds: float) -> str:
    """Say a span of time with two or three figures.

    >>> [duration(seconds) for seconds in (0.0004, 0.21, 1.25, 30, 300, 9000)]
    ['0.4 ms', '0.21 s', '1.2 s', '30 s', '5 min', '2.5 h']
    """
    if seconds < 0.01:  # noqa: PLR2004 - below this hundredths of a second say nothing
        return f"{seconds * 1000:.2g} ms"
    if seconds < 1:
        return f"{seconds:.2g} s"
    if seconds < _ROUND_S:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < _HOUR_S:
        return f"{seconds / 60:.1f}".removesuffix(".0") + " min"
    return f"{seconds / 3600:.1f}".removesuffix(".0") + " h"


def rate(per_s: float) -> str:
    """Say how many come per second.

    >>> rate(104.4), rate(2.5), rate(0.02)
    ('104/s', '2.5/s', '0.02/s')
    """
    return f"{per_s:.0f}/s" if per_s >= _ROUND_S else f"{per_s:.2g}/s"
