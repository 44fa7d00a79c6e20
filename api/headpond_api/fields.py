"""Kinds of fields in requests: checked by the domain's own rules, described for OpenAPI."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from headpond.config import parse_duration
from headpond.errors import ConfigInvalid, PayloadInvalid
from headpond.jobs import HIGHEST_PRIORITY, PRIORITIES, check_job_id, check_tenant, parse_priority

_LONGEST_CORRELATION: Final = 128


def _refused(why: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{why}", {"why": why[:1].upper() + why[1:]})


def _by_rule(rule: Callable[[str], str]) -> Callable[[object], object]:
    def check(value: object) -> object:
        if not isinstance(value, str):
            return value  # the type's own error says more
        try:
            return rule(value)
        except PayloadInvalid as error:
            raise _refused(error.errors[0].detail) from error

    return check


def _correlation(value: object) -> object:
    if isinstance(value, str) and not (value.isprintable() and len(value) <= _LONGEST_CORRELATION):
        raise _refused(f"a correlation id has at most {_LONGEST_CORRELATION} printable characters.")
    return value


def _priority(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _refused(f"a priority is 0 to {HIGHEST_PRIORITY}, or {', '.join(PRIORITIES)}.")
    try:
        return parse_priority(value)
    except PayloadInvalid as error:
        raise _refused(error.errors[0].detail) from error


def _delay(value: object) -> timedelta:
    try:
        return parse_duration(value)
    except ConfigInvalid as error:
        raise _refused(error.errors[0].detail) from error


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise _refused("a moment is an ISO 8601 text with a time zone: 2026-12-24T18:00:00Z.")
    if moment.tzinfo is None:
        raise _refused("the moment has no time zone; add Z for UTC, or an offset such as +05:30.")
    try:
        moment.timestamp()
    except (OverflowError, ValueError):
        raise _refused("the moment lies outside of the calendar.") from None
    return moment


JobIdText = Annotated[
    str,
    BeforeValidator(_by_rule(check_job_id)),
    WithJsonSchema({"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._:@=+~-]{0,199}$"}),
]
TenantText = Annotated[
    str,
    BeforeValidator(_by_rule(check_tenant)),
    WithJsonSchema({"type": "string", "pattern": r"^([A-Za-z0-9][A-Za-z0-9._@-]{0,99})?$"}),
]
CorrelationText = Annotated[
    str,
    BeforeValidator(_correlation),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST_CORRELATION}),
]
PriorityField = Annotated[
    int,
    PlainValidator(_priority, json_schema_input_type=int | str),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": HIGHEST_PRIORITY},
                {"type": "string", "enum": list(PRIORITIES)},
            ]
        }
    ),
]
DelayField = Annotated[
    timedelta,
    PlainValidator(_delay, json_schema_input_type=float | str),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]}),
]
MomentField = Annotated[
    datetime,
    PlainValidator(_moment, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def milliseconds(moment: datetime) -> int:
    """Return Unix milliseconds, never before 1970."""
    return max(0, round(moment.timestamp() * 1000))


def example(document: dict[str, Any]) -> dict[str, Any]:
    """Return what a model's config needs to show this example."""
    return {"examples": [document]}
