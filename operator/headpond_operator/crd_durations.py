"""Durations in CEL, in the very forms that `headpond.config.durations` reads. Pure.

CEL's own `duration()` knows no days, so the rules count milliseconds themselves. Plain numbers are
left to files that no API server reads: Kubernetes before 1.34 reckons a rule about a number or a
text as too expensive, however short the text must be.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from headpond.config.durations import LONGEST, PATTERN, UNITS_MS, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_TEXT: Final = 20
"""Characters; it bounds what the API server reckons a rule may cost."""

_HALF_MS: Final = 0.5
"""The schema rounds to whole milliseconds, half to even, and all bounds but 0 are even."""

_UNITS: Final = ", ".join(f"'{unit}': {size}.0" for unit, size in UNITS_MS.items())


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a length of time must keep to, as pydantic's `Field` names it."""

    gt: timedelta | None = None
    ge: timedelta | None = None
    le: timedelta | None = None


def readable(text: str) -> str:
    """Return CEL that says whether the value of the expression `text` can be read at all."""
    return f"{text}.matches(r'{PATTERN}')"


def milliseconds(text: str) -> str:
    """Return CEL for the length in milliseconds; an error where it is not readable."""
    part = f"double(p.find('^[0-9.]+')) * {{'': 1000.0, {_UNITS}}}[p.find('[a-z]*$')]"
    return f"{text}.findAll('[0-9.]+[a-z]*').map(p, {part}).sum()"


def duration_schema(bounds: Iterable[Any]) -> dict[str, Any]:
    """Return the schema of a field within these bounds: ours, or a field's metadata."""
    return {
        "type": "string",
        "maxLength": LONGEST_TEXT,
        "pattern": PATTERN,
        "x-kubernetes-validations": [_form(), _within(list(bounds))],
    }


def _form() -> dict[str, str]:
    words = "is no duration: write 500ms, 30s, 5m, 24h or 7d."
    return {"rule": readable("self"), "messageExpression": f"'\\'' + self + '\\' {words}'"}


def _within(bounds: list[Any]) -> dict[str, str]:
    over, least, most = (_bound(bounds, name) for name in ("gt", "ge", "le"))
    checks, words = [], []
    if over is not None:
        checks.append(f"ms > {_ms(over) + _HALF_MS}")
        words.append(f"more than {format_duration(over)}")
    if least is not None:
        checks.append(f"ms >= {_ms(least) - _HALF_MS}")
        words.append(f"at least {format_duration(least)}")
    longest = LONGEST if most is None else most
    checks.append(f"ms <= {_ms(LONGEST) if most is None else _ms(most) + _HALF_MS}")
    words.append(f"at most {format_duration(longest)}")
    within = f"[{milliseconds('self')}].all(ms, {' && '.join(checks)})"
    sentence = f" must be {' and '.join(words)}."
    return {
        "rule": f"!{readable('self')} || {within}",
        "messageExpression": f"self + '{sentence}'",
    }


def _bound(bounds: list[Any], name: str) -> timedelta | None:
    """Return what pydantic's `Field` was given as `gt`, `ge` or `le`."""
    found = (getattr(bound, name, None) for bound in bounds)
    return next((each for each in found if isinstance(each, timedelta)), None)


def _ms(span: timedelta) -> float:
    return span.total_seconds() * 1000
