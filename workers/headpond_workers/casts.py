"""taskiq's type casts: arguments become what the task's annotations say, or stay as they are."""

from __future__ import annotations

import inspect
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    Cast = Callable[[Any], Any]

logger = logging.getLogger(__name__)

_EXACT: Final = (int, str, float, bool, dict, list, bytes)
"""Types whose instances pass as they are."""
_BY_POSITION: Final = {
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
}


@dataclass(slots=True)
class Casts:
    """What to do to each argument of one task."""

    positional: list[Cast | None] = field(default_factory=list)
    rest: Cast | None = None
    """For what `*args` takes."""
    named: dict[str, Cast] = field(default_factory=dict)

    def of_positional(self, args: list[Any]) -> list[Any]:
        """Return the positional arguments, cast."""
        known = len(self.positional)
        return [
            _cast(self.positional[at] if at < known else self.rest, value)
            for at, value in enumerate(args)
        ]

    def of_named(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the keyword arguments, cast."""
        named = self.named
        return {name: _cast(named.get(name), value) for name, value in kwargs.items()}


def casts_of(
    handler: Callable[..., Any], hints: Mapping[str, Any], left_out: Collection[str]
) -> Casts:
    """Read a task's signature; `left_out` are parameters that the worker itself fills."""
    casts = Casts()
    for name, parameter in inspect.signature(handler).parameters.items():
        cast = None if name in left_out or name not in hints else _cast_to(hints[name])
        if parameter.kind in _BY_POSITION:
            casts.positional.append(cast)
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            casts.rest = cast
        elif parameter.kind is not inspect.Parameter.VAR_KEYWORD and cast is not None:
            casts.named[name] = cast
    return casts


def _cast_to(annotation: Any) -> Cast | None:
    if annotation is Any:
        return None
    try:
        validate = TypeAdapter(annotation).validate_python
    except Exception:  # noqa: BLE001 (no schema for this annotation: as taskiq, pass the value on)
        return None
    if annotation in _EXACT:
        return lambda value: value if type(value) is annotation else validate(value)
    return validate


def _cast(cast: Cast | None, value: Any) -> Any:
    """Cast a value; as in taskiq, `None` and what can't be cast go to the handler as they are."""
    if cast is None or value is None:
        return value
    try:
        return cast(value)
    except (ValueError, RuntimeError):
        logger.warning(
            "an argument does not fit its annotation and is passed on as it is",
            extra={"event": "argument-unfit"},
        )
        return value
