"""Durations in CEL, in the very forms that `headpond.config.durations` reads. Pure.

CEL's own `duration()` knows no days and takes no sums of fractions apart the way Python does, so
the rules count milliseconds themselves.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from annotated_types import Ge, Gt, Le

from headpond.config.durations import LONGEST, PATTERN, UNITS_MS, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_TEXT: Final = 24
"""Characters; it bounds what the API server reckons a rule may cost."""

INT_OR_STRING: Final[dict[str, Any]] = {
    "x-kubernetes-int-or-string": True,
    "anyOf": [{"type": "integer"}, {"type": "string"}],
}

_HALF_MS: Final = 0.5
"""The schema rounds to whole milliseconds, half to even, and all bounds but 0 are even."""

_UNITS: Final = ", ".join(f"'{unit}': {size}.0" for unit, size in UNITS_MS.items())


def readable(text: str) -> str:
    """Return CEL that says whether the value of the expression `text` can be read at all."""
    return f"string({text}).matches(r'{PATTERN}')"


def milliseconds(text: str) -> str:
    """Return CEL for the length in milliseconds; an error where it is not readable."""
    part = f"double(p.find('^[0-9.]+')) * {{'': 1000.0, {_UNITS}}}[p.find('[a-z]*$')]"
    return f"string({text}).findAll('[0-9.]+[a-z]*').map(p, {part}).sum()"


def duration_schema(bounds: Iterable[Any]) -> dict[str, Any]:
    """Return the schema of a field with these bounds (`Gt`, `Ge`, `Le` of pydantic's field)."""
    return {
        **INT_OR_STRING,
        "minimum": 0,
        "maxLength": LONGEST_TEXT,
        "pattern": PATTERN,
        "x-kubernetes-validations": [_form(), _within(list(bounds))],
    }


def _form() -> dict[str, str]:
    words = "is no duration: write 500ms, 30s, 5m, 24h, 7d or a whole number of seconds."
    return {"rule": readable("self"), "messageExpression": f'"\'" + string(self) + "\' {words}"'}


def _within(bounds: list[Any]) -> dict[str, str]:
    checks, words = [], []
    most = LONGEST
    for bound in bounds:
        match bound:
            case Gt(gt=timedelta() as least):
                checks.append(f"ms > {_ms(least) + _HALF_MS}")
                words.append(f"more than {format_duration(least)}")
            case Ge(ge=timedelta() as least):
                checks.append(f"ms >= {_ms(least) - _HALF_MS}")
                words.append(f"at least {format_duration(least)}")
            case Le(le=timedelta() as longest):
                most = longest
            case _:
                pass
    checks.append(f"ms <= {_ms(most) + (_HALF_MS if most < LONGEST else 0.0)}")
    words.append(f"at most {format_duration(most)}")
    within = f"[{milliseconds('self')}].all(ms, {' && '.join(checks)})"
    sentence = f" must be {' and '.join(words)}."
    return {
        "rule": f"!{readable('self')} || {within}",
        "messageExpression": f"string(self) + '{sentence}'",
    }


def _ms(span: timedelta) -> float:
    return span.total_seconds() * 1000
