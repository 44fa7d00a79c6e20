"""Cron expressions in CEL: what `headpond.schedules.parse_cron` takes, as near as patterns go.

Left to the operator: ranges that run backwards (`5-1`) and days that never come (`30 2`). Pure.
"""

from __future__ import annotations

from typing import Final

_STEP: Final = "(/0*[1-9][0-9]*)?"
_MONTHS: Final = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DAYS: Final = "sun|mon|tue|wed|thu|fri|sat"


def _field(value: str) -> str:
    part = rf"(\*|({value})(-({value}))?){_STEP}"
    return f"{part}(,{part})*"


_FIELDS: Final = (
    _field("0*[1-5]?[0-9]"),
    _field("0*(1?[0-9]|2[0-3])"),
    _field("0*([1-9]|[12][0-9]|3[01])"),
    _field(f"0*([1-9]|1[0-2])|{_MONTHS}"),
    _field(f"0*[0-7]|{_DAYS}"),
)
_MACROS: Final = "@(hourly|daily|midnight|weekly|monthly|yearly|annually)"
_FIVE: Final = r"\s+".join(_FIELDS)

CRON: Final = rf"(?i)^\s*({_FIVE}|{_MACROS})\s*$"
"""Nearly every expression that is none breaks it."""

IS_CRON: Final = f"self.matches(r'{CRON}')"
"""CEL over a text."""
