"""pydantic's faults as JSON pointers and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError

from headpond.errors import FieldError

_OUTSIDE = frozenset({"query", "path", "header", "cookie"})


def pointer(parts: Iterable[object]) -> str:
    """Return the JSON pointer (RFC 6901) to these keys and indexes.

    >>> pointer(["jobs", 3, "a/b"])
    '/jobs/3/a~1b'
    """
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def faults(error: ValidationError, prefix: str = "") -> list[FieldError]:
    """Return each fault of a model, its pointer below `prefix`."""
    return [_fault(each["loc"], each["msg"], prefix) for each in error.errors(include_input=False)]


def parameter_faults(errors: Sequence[Any]) -> list[FieldError]:
    """Return each fault of FastAPI's: in a parameter (no pointer, the name is said) or the body."""
    found = []
    for each in errors:
        place, *rest = each["loc"]
        if place in _OUTSIDE:
            name = str(rest[0]) if rest else ""
            found.append(FieldError("", f"{place} parameter {name!r}: {_sentence(each['msg'])}"))
        else:
            found.append(_fault(rest, each["msg"], ""))
    return found


def _fault(parts: Iterable[object], message: str, prefix: str) -> FieldError:
    return FieldError(prefix + pointer(parts), _sentence(message))


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
