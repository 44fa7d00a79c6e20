"""Lengths of time as people write them: `500ms`, `30s`, `5m`, `24h`, `7d`, or plain seconds."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from headpond.errors import ConfigInvalid, FieldError

LONGEST: Final = timedelta(days=3650)
"""Longer is taken for a slip of the pen; it also keeps every sum far from overflow."""

PATTERN: Final = r"^(([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+|[0-9]+(\.[0-9]+)?)$"
"""A length of time as text; a plain number is seconds."""

_HUGE_S: Final = 1e12
UNITS_MS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
"""Milliseconds of each unit, the largest first."""

_WHOLE = re.compile(PATTERN)
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|$)")


def parse_duration(value: object) -> timedelta:
    """Return the length of time, or raise `ConfigInvalid`.

    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)
    >>> parse_duration(0.5)
    datetime.timedelta(microseconds=500000)
    """
    if isinstance(value, timedelta):
        return _checked(value.total_seconds() * 1000, value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _checked(math.inf if abs(value) > _HUGE_S else value * 1000.0, value)
    if isinstance(value, str):
        text = value.strip()
        if _WHOLE.fullmatch(text):
            parts = _PART.findall(text)
            return _checked(sum(float(n) * UNITS_MS[unit or "s"] for n, unit in parts), value)
    raise _refused(value, "is no duration: write 500ms, 30s, 5m, 24h, 7d or a number of seconds")


def format_duration(value: timedelta) -> str:
    """Write a length of time in its largest unit that leaves no fraction.

    >>> format_duration(timedelta(seconds=90)), format_duration(timedelta(hours=24))
    ('90s', '1d')
    """
    milliseconds = round(value.total_seconds() * 1000)
    if milliseconds == 0:
        return "0s"
    fitting = (unit for unit, size in UNITS_MS.items() if milliseconds % size == 0)
    unit = next(fitting)  # 1 ms divides every whole number
    return f"{milliseconds // UNITS_MS[unit]}{unit}"


def _checked(milliseconds: float, value: object) -> timedelta:
    if math.isnan(milliseconds):
        raise _refused(value, "is no duration")
    if milliseconds < 0:
        raise _refused(value, "is negative; a duration is 0 or more")
    if milliseconds > LONGEST.total_seconds() * 1000:
        raise _refused(value, f"is longer than {LONGEST.days} days")
    return timedelta(milliseconds=round(milliseconds))


def _refused(value: object, reason: str) -> ConfigInvalid:
    shown = str(value) if isinstance(value, timedelta) else repr(value)
    return ConfigInvalid([FieldError("", f"{shown} {reason}.")])


def _for_pydantic(value: object) -> timedelta:
    try:
        return parse_duration(value)
    except ConfigInvalid as error:
        raise PydanticCustomError("duration", "{why}", {"why": error.errors[0].detail}) from error


Duration = Annotated[
    timedelta,
    BeforeValidator(_for_pydantic),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": PATTERN}]}
    ),
]
"""A field of a document that holds a length of time."""
