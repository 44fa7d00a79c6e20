"""What pydantic has against a payload, in sentences; for secret payloads, without their words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from headpond.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic import ValidationError

UNFIT: Final = (OverflowError, ValueError, RecursionError)
"""What writing a payload down may raise."""

HIDDEN: Final = "The value does not fit; it is not shown, because the payload is sensitive."

_TELLS_NOTHING: Final = frozenset(
    {
        "bool_parsing",
        "bool_type",
        "bytes_type",
        "dataclass_type",
        "date_type",
        "datetime_type",
        "decimal_parsing",
        "decimal_type",
        "dict_type",
        "enum",
        "extra_forbidden",
        "finite_number",
        "float_parsing",
        "float_type",
        "greater_than",
        "greater_than_equal",
        "int_from_float",
        "int_parsing",
        "int_parsing_size",
        "int_type",
        "less_than",
        "less_than_equal",
        "list_type",
        "literal_error",
        "missing",
        "model_attributes_type",
        "model_type",
        "multiple_of",
        "none_required",
        "set_type",
        "string_pattern_mismatch",
        "string_too_long",
        "string_too_short",
        "string_type",
        "time_type",
        "too_long",
        "too_short",
        "tuple_type",
        "url_type",
        "uuid_type",
    }
)
"""Kinds of errors whose words come from the model alone, and never from the value."""


def faults_of(error: ValidationError) -> list[FieldError]:
    """Return pointer and sentence of each fault."""
    return [
        FieldError(_pointer(each["loc"]), _sentence(each["msg"]))
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def hidden_faults_of(error: ValidationError, names: Collection[str]) -> list[FieldError]:
    """Return the faults without a word of the payload: `names` are those of the model's fields."""
    return [
        FieldError(
            _pointer([p if isinstance(p, int) or p in names else "*" for p in each["loc"]]),
            _sentence(each["msg"]) if each["type"] in _TELLS_NOTHING else HIDDEN,
        )
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def unfit(error: Exception, *, is_hidden: bool) -> FieldError:
    """Say why a payload that the model accepts can't be sent."""
    return FieldError("", _unfit(error, is_hidden=is_hidden))


def _unfit(error: Exception, *, is_hidden: bool) -> str:
    if isinstance(error, OverflowError):
        return "An integer lies beyond 64 bits; send it as text."
    if isinstance(error, RecursionError):
        return "It is nested too deeply."
    if isinstance(error, UnicodeEncodeError):
        return "A text has a lone surrogate, which is no Unicode."
    if "PydanticSerializationUnexpectedValue" in str(error):  # its other words show the value
        return "A value is none that its field can have: it was changed after the model was made."
    return "It can't be written as JSON." if is_hidden else f"It can't be written as JSON: {error}."


def _pointer(parts: Any) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
