"""What a handler may raise to say how its job goes on. Anything else that it raises is an error."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from headpond.clock import SystemClock

LONGEST_S: Final = 10 * 366 * 86_400
"""The longest that a job can be put off."""


class Retry(Exception):  # noqa: N818 (a word to the queue, not an error)
    """Run this job again; the attempt counts.

    `after` is when: a `timedelta`, seconds, or `None` for the backoff of the queue. Past the last
    retry the job fails as `exhausted` all the same.
    """

    def __init__(self, after: timedelta | float | None = None, reason: str = "") -> None:
        """Keep when and why."""
        self.after_s = _seconds(after)
        super().__init__(reason or "The handler asked for a retry.")


class Fail(Exception):  # noqa: N818 (a word to the queue, not an error)
    """Give this job up at once, as `unrecoverable`: no retry would help."""

    def __init__(self, reason: str) -> None:
        """Keep why."""
        super().__init__(reason)


class Snooze(Exception):  # noqa: N818 (a word to the queue, not an error)
    """Run this job again later; the attempt does not count.

    `until` is a moment with a time zone, a `timedelta`, or seconds from now.
    """

    def __init__(self, until: datetime | timedelta | float) -> None:
        """Keep until when; raise `ValueError` for what no job can wait for."""
        said: object = until
        if said is None:
            message = "None is no time to wait: say until when the job is put off."
            raise ValueError(message)
        self.until = _moment(until) if isinstance(until, datetime) else None
        self.after_s = None if isinstance(until, datetime) else _seconds(until)
        super().__init__("The handler put the job off.")


def _moment(until: datetime) -> datetime:
    if until.tzinfo is None:
        message = f"{until} has no zone; give one, such as UTC."
        raise ValueError(message)
    if until.timestamp() - SystemClock().now_ms() / 1000 > LONGEST_S:
        message = f"{until} is no time to wait for: it is more than ten years away."
        raise ValueError(message)
    return until


def _seconds(value: timedelta | float | None) -> float | None:
    if value is None:
        return None
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if not 0 <= seconds <= LONGEST_S:
        message = f"{value!r} is no time to wait: 0 to {LONGEST_S:,} seconds (ten years) are."
        raise ValueError(message)
    return seconds
