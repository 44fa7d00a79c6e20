"""What pydantic has against a document, in sentences: pointer, value, reason, nearest name."""

from __future__ import annotations

import difflib
import json
import types
import typing
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from headpond.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

LONGEST_SHOWN = 80
"""Characters of an offending value that a sentence shows."""

_HIDDEN = "/spec/worker/env"
"""Values below this are never shown."""


_PLAIN = {
    "bool_type": "Input should be true or false",
    "dict_type": "Input should be a mapping",
    "int_type": "Input should be an integer",
    "model_type": "Input should be a mapping",
    "string_type": "Input should be text",
    "tuple_type": "Input should be a list",
}
"""Pydantic's words for Python programmers, in those of YAML."""


def faults(error: ValidationError, model: type[BaseModel]) -> list[FieldError]:
    """Return one fault for each of pydantic's errors."""
    return [_fault(each, model) for each in error.errors(include_url=False)]


def pointer(parts: Sequence[str | int]) -> str:
    """Write a JSON pointer (RFC 6901).

    >>> pointer(["spec", "a/b", 0])
    '/spec/a~1b/0'
    """
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def show(value: object) -> str:
    """Write a value as the document would, shortened.

    >>> show({"a": True})
    '{"a": true}'
    """
    if isinstance(value, str):
        text = repr(value)
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


_OF_A_KEY: Final = "[key]"
"""What pydantic puts behind the path of a mapping's key that it refuses."""


def _fault(error: ErrorDetails, model: type[BaseModel]) -> FieldError:
    path = [part for part in error["loc"] if part != _OF_A_KEY]
    at = pointer(path)
    context: dict[str, Any] = error.get("ctx", {})
    if "why" in context:
        return FieldError(at + context.get("at", ""), context["why"])
    if error["type"] == "extra_forbidden":
        return FieldError(at, _unknown(path, error["input"], model))
    if error["type"] == "missing":
        return FieldError(at, f"{path[-1]} is missing.")
    if error["type"] == "too_long":
        many, most = context["actual_length"], context["max_length"]
        return FieldError(at, f"{many} entries are too many; {path[-1]} takes {most} at most.")
    hidden = at.startswith(_HIDDEN)
    value = "the value" if hidden else show(error["input"])
    message = _PLAIN.get(error["type"], error["msg"])
    if message.startswith("Input should be "):
        reason = "must be " + message.removeprefix("Input should be ")
    else:
        reason = f"is refused: {message}"
    hint = _nearest(error["input"], str(context.get("expected", "")))
    return FieldError(at, f"{value} {reason}.{hint}")


def _unknown(path: list[int | str], value: object, model: type[BaseModel]) -> str:
    *above, name = path
    shown = "" if pointer(path).startswith(_HIDDEN) else f" (its value is {show(value)})"
    known = _fields(model, above)
    near = _close(str(name), known)
    where = f"Did you mean {near!r}?" if near else f"Known here: {', '.join(known)}."
    return f"There is no field {str(name)!r} here{shown}. {where}"


def _nearest(value: object, expected: str) -> str:
    """Point at the nearest of the values that a literal allows."""
    names = [part.strip("' ") for part in expected.replace(" or ", ", ").split(",")]
    near = _close(value, names) if isinstance(value, str) and "'" in expected else ""
    return f" Did you mean {near!r}?" if near else ""


def _close(name: str, known: Sequence[str]) -> str:
    """Find the nearest name, whatever its case and its underscores."""

    def plain(text: str) -> str:
        return text.replace("_", "").replace("-", "").lower()

    by_plain = {plain(each): each for each in known}
    near = difflib.get_close_matches(plain(name), by_plain, n=1, cutoff=0.6)
    return by_plain[near[0]] if near else ""


def _fields(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the names that the model at `path` has."""
    kind: Any = model
    for part in path:
        kind = _step(kind, part)
    return list(_by_alias(kind))


def _step(kind: Any, part: str | int) -> Any:  # noqa: ANN401 (annotations are anything)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return inner(_by_alias(kind)[str(part)].annotation)
    # A tuple's items, or a mapping's values.
    arguments = typing.get_args(kind)
    return inner(arguments[0] if isinstance(part, int) else arguments[-1])


def _by_alias(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def inner(annotation: object) -> object:
    """Unwrap the `Annotated` and the `| None` of a field's annotation."""
    if typing.get_origin(annotation) is typing.Annotated:
        return inner(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kinds = [each for each in typing.get_args(annotation) if each is not type(None)]
        return inner(kinds[0])
    return annotation
