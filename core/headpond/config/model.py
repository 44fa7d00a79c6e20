"""What all parts of the QueueConfig schema have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from headpond.errors import PayloadInvalid
from headpond.jobs import HIGHEST_PRIORITY, PRIORITIES, check_tenant, parse_priority


class Part(BaseModel):
    """A part of the document: strict, frozen, camelCase outside, and no field that is not known."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        serialize_by_alias=True,
    )


def contradiction(at: str, sentence: str) -> PydanticCustomError:
    """Return the error of fields that clash; `at` is the pointer below the part, such as `/min`."""
    return PydanticCustomError("contradiction", "{why}", {"why": sentence, "at": at})


def _priority(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return value
    try:
        return parse_priority(value)
    except PayloadInvalid as error:
        raise PydanticCustomError("priority", "{why}", {"why": error.errors[0].detail}) from error


def _tenant(value: str) -> str:
    try:
        return check_tenant(value)
    except PayloadInvalid as error:
        raise PydanticCustomError("tenant", "{why}", {"why": error.errors[0].detail}) from error


TenantName = Annotated[str, AfterValidator(_tenant)]
"""Of somebody, or `""` for jobs of nobody in particular."""

Priority = Annotated[
    int,
    BeforeValidator(_priority),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": HIGHEST_PRIORITY},
                {"type": "string", "enum": list(PRIORITIES)},
            ],
        }
    ),
]
"""An integer 0 to 9, or one of the four names."""
