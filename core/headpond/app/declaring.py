"""Reads a handler at its declaration: what can't work in any run is refused there."""

from __future__ import annotations

import inspect
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import PydanticSchemaGenerationError, TypeAdapter

from headpond.app.context import Job
from headpond.app.sensitive import secrecy_of
from headpond.app.wishes import level
from headpond.config.durations import parse_duration
from headpond.errors import ConfigInvalid, FieldError, PayloadInvalid
from headpond.retries import parse_backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

_UNNAMED: Final = {
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.VAR_KEYWORD,
}


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What a job type says of its jobs; `None` leaves it to the queue."""

    timeout: str | float | timedelta | None = None
    retries: int | None = None
    backoff: str | None = None
    priority: int | str | None = None


def checked_options(name: str, options: JobOptions) -> JobOptions:
    """Refuse at the declaration what would fail in every run."""
    try:
        if options.timeout is not None:
            _timeout(options.timeout)
        if options.backoff is not None:
            parse_backoff(options.backoff)
        if options.priority is not None:
            level(options.priority)
    except (ConfigInvalid, PayloadInvalid) as error:
        raise ConfigInvalid(error.errors, source=f"job type {name}") from error
    retries: object = options.retries
    is_count = isinstance(retries, int) and not isinstance(retries, bool) and retries >= 0
    if not (retries is None or is_count):
        fault = FieldError("/retries", f"{retries!r} is no number of re-runs: write 0 or more.")
        raise ConfigInvalid([fault], source=f"job type {name}")
    return options


def _timeout(value: str | float | timedelta) -> None:
    """Raise `ConfigInvalid` for `/timeout`: whoever reads a duration doesn't know what it is of."""
    try:
        parse_duration(value)
    except ConfigInvalid as error:
        raise ConfigInvalid([FieldError("/timeout", e.detail) for e in error.errors]) from error


def signature_of(name: str, handler: Callable[..., Any]) -> tuple[str | None, str | None, Any]:
    """Return the names of the payload's and the job's parameters, and the payload's model."""
    if inspect.isasyncgenfunction(handler) or inspect.isgeneratorfunction(handler):
        fault = FieldError(f"/{name}", "The handler yields; a handler runs once and returns.")
        raise ConfigInvalid([fault], source=f"job type {name}")
    try:
        hints: Mapping[str, Any] = typing.get_type_hints(handler, include_extras=True)
    except NameError as error:
        fault = FieldError(f"/{name}", f"The handler's annotations can't be resolved: {error}.")
        raise ConfigInvalid([fault], source=f"job type {name}") from error
    payload = job = None
    for parameter in inspect.signature(handler).parameters.values():
        hint = hints.get(parameter.name)
        is_required = parameter.default is inspect.Parameter.empty and not _is_dependency(hint)
        if parameter.kind in _UNNAMED or (payload and is_required and hint is not Job):
            detail = (
                f"The handler's parameter {parameter} can't be filled:"
                " a job has one payload; give others a default."
            )
            raise ConfigInvalid([FieldError(f"/{name}", detail)], source=f"job type {name}")
        if hint is Job:
            job = parameter.name
        elif is_required:
            payload = parameter.name
    return payload, job, hints.get(payload) if payload else None


def _is_dependency(hint: Any) -> bool:
    """Say whether taskiq fills the parameter: `Annotated[…, TaskiqDepends(…)]`."""
    return any(hasattr(extra, "use_cache") for extra in getattr(hint, "__metadata__", ()))


def adapter_of(name: str, model: Any) -> TypeAdapter[Any]:
    """Return what validates payloads of this model; `None` is any."""
    try:
        return TypeAdapter(Any if model is None else model)
    except PydanticSchemaGenerationError as error:
        detail = f"The payload's annotation {model!r} is nothing that pydantic can validate."
        raise ConfigInvalid([FieldError(f"/{name}", detail)], source=f"job type {name}") from error


def returns_sensitive(handler: Callable[..., Any]) -> bool:
    """Say whether a handler's result is annotated as sensitive, or with what holds such a value."""
    hint: Any = typing.get_type_hints(handler, include_extras=True).get("return")
    try:
        return secrecy_of(TypeAdapter(hint).core_schema).is_sensitive
    except Exception:  # noqa: BLE001 (pydantic knows no such type, so it is none of ours)
        return False
