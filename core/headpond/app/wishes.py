"""What callers may ask for with a job: each wish is checked, and refused by name. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from headpond.config.durations import parse_duration
from headpond.errors import ANY_JOB, FieldError, Invalid, PayloadInvalid
from headpond.jobs import Unique, check_job_id, check_tenant, parse_priority

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_DELAY_MS: Final = 100 * 366 * 86_400_000
"""A hundred years: a job must become due on a day that a calendar can show."""
LONGEST_CORRELATION: Final = 200
_EPOCH: Final = datetime.fromtimestamp(0, UTC)

Delay = timedelta | float | str
"""Seconds, or `30s`, `5m`, `24h`."""


class Wishes(msgspec.Struct, frozen=True):
    """What a caller asks for with a job, checked."""

    job_id: str | None
    tenant: str
    priority: int | None
    delay_ms: int
    run_at_ms: int
    correlation_id: str
    unique: Unique | None
    batch: str


def wished(  # noqa: PLR0913 (every wish is a keyword of its own)
    *,
    delay_ms: int,
    run_at_ms: int,
    job_id: Any = None,
    tenant: Any = "",
    priority: Any = None,
    correlation_id: Any = "",
    unique: Any = None,
    batch: Any = "",
) -> Wishes:
    """Check every wish; raises `PayloadInvalid` for the first that makes no sense."""
    return Wishes(
        job_id if job_id is None else text("job_id", job_id, check_job_id),
        tenant if tenant == "" else text("tenant", tenant, check_tenant),
        priority if priority is None else level(priority),
        bounded(delay_ms) if delay_ms else 0,
        max(0, run_at_ms),
        correlation_id if correlation_id == "" else correlation(correlation_id),
        unique if unique is None else key(unique),
        batch if batch == "" else batch_name(batch),
    )


NO_WISHES: Final = wished(delay_ms=0, run_at_ms=0)


def refused(field: str, detail: str) -> PayloadInvalid:
    """Return the error that names a wish and says what is wrong with it."""
    return PayloadInvalid(ANY_JOB, [FieldError(f"/{field}", detail)])


def milliseconds(delay: Delay | None, field: str = "delay") -> int:
    """Return a span of time in milliseconds, 0 for none."""
    if delay is None:
        return 0
    hint = "give a timedelta, seconds or text such as 5m."
    if isinstance(delay, bool) or not isinstance(delay, timedelta | int | float | str):
        raise refused(field, f"{delay!r} is no length of time: {hint}")
    try:
        span = parse_duration(delay) if isinstance(delay, str) else delay
    except Invalid as error:
        raise refused(field, _words(error)) from error
    if isinstance(span, int) and abs(span) > LONGEST_DELAY_MS:  # perhaps more than a float holds
        span = math.inf if span > 0 else -math.inf
    ms = span.total_seconds() * 1000 if isinstance(span, timedelta) else span * 1000.0
    if ms != ms:  # noqa: PLR0124 (NaN)
        raise refused(field, f"nan is no length of time: {hint}")
    return bounded(ms, field)


def bounded(delay_ms: float, field: str = "delay") -> int:
    """Return a delay that is not negative, and after which there is still a calendar."""
    if delay_ms < 0:
        raise refused(field, f"{delay_ms / 1000:g} s is negative; it is 0 or more.")
    if delay_ms > LONGEST_DELAY_MS:
        detail = f"A {field} of {delay_ms / 1000:g} s is beyond the longest, 100 years."
        raise refused(field, detail)
    return round(delay_ms)


def moment(run_at: datetime | None, field: str = "run_at") -> int:
    """Return a moment as Unix milliseconds, 0 for none; one in the past means at once."""
    if run_at is None:
        return 0
    if not isinstance(run_at, datetime):
        raise refused(field, f"{run_at!r} is no time: give a datetime with a zone.")
    if run_at.tzinfo is None:
        raise refused(field, "The time has no zone; give one, such as UTC.")
    try:
        return max(1, (run_at.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1))
    except OverflowError as error:
        raise refused(field, f"{run_at} is in no year of the calendar (UTC).") from error


def when(delay: Delay | None, run_at: datetime | None) -> tuple[int, int]:
    """Return delay and moment in milliseconds; both at once are refused."""
    if delay is not None and run_at is not None:
        raise refused("run_at", "Give either `delay` or `run_at`.")
    return milliseconds(delay), moment(run_at)


def level(value: object) -> int:
    """Return a priority as its number."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise refused("priority", f"{value!r} is no priority: give 0 to 9 or a name such as high.")
    return parse_priority(value)


def text(field: str, value: object, check: Callable[[str], str]) -> str:
    """Return a name that `check` lets pass, or raise for `field`."""
    if not isinstance(value, str):
        raise refused(field, f"{value!r} is no text.")
    try:
        return check(value)
    except Invalid as error:
        raise refused(field, _words(error)) from error


def correlation(value: object) -> str:
    """Return a correlation id."""
    if isinstance(value, str) and len(value) <= LONGEST_CORRELATION and value.isprintable():
        return value
    detail = f"{value!r} is none: write at most {LONGEST_CORRELATION} printable characters."
    raise refused("correlation_id", detail)


def key(value: object) -> Unique:
    """Return what makes a job unique; a text is its key."""
    if isinstance(value, Unique):
        return value
    if not isinstance(value, str):
        raise refused("unique", f"{value!r} is neither a key nor a Unique.")
    return Unique(value)


def batch_name(value: object) -> str:
    """Return a batch's name; what has one is as good."""
    return text("batch", getattr(value, "id", value), check_job_id)


def _words(error: Invalid) -> str:
    errors = getattr(error, "errors", None)
    return errors[0].detail if errors else str(error)
