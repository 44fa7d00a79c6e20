"""A kind of job: its payload's model and its handler."""

from __future__ import annotations

import inspect
import typing
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pydantic import PydanticSchemaGenerationError, TypeAdapter, ValidationError
from typing_extensions import override

from headpond.app.context import Job
from headpond.app.faults import faults_of, hidden_faults_of, unfit
from headpond.app.sensitive import Harvest, secrecy_of
from headpond.app.status import JobStatus, status_of
from headpond.config.durations import parse_duration
from headpond.envelope import Envelope, pack
from headpond.errors import ConfigInvalid, FieldError, KeyMissing, PayloadInvalid
from headpond.jobs import (
    DEFAULT_PRIORITY,
    JobId,
    NewJob,
    check_job_id,
    check_tenant,
    parse_priority,
)
from headpond.retries import parse_backoff
from headpond.sealing import Place, seal_envelope, seal_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from headpond.app.queue import Queue
    from headpond.sealing import Keyring


LONGEST_DELAY_MS: Final = 100 * 366 * 86_400_000
"""A hundred years: a job must become due on a day that a calendar can show."""

_UNNAMED: Final = {
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.VAR_KEYWORD,
}


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What became of an enqueue."""

    id: JobId
    created: bool
    """False: a job of this id was there already, and nothing was changed."""


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What a job type says of its jobs; `None` leaves it to the queue."""

    timeout: str | float | timedelta | None = None
    retries: int | None = None
    backoff: str | None = None
    priority: int | str | None = None


class JobType:
    """A handler with a name, in a queue. Calling it runs the handler here and now."""

    def __init__(
        self, queue: Queue, name: str, handler: Callable[..., Any], options: JobOptions
    ) -> None:
        """Read the handler's signature; raise `ConfigInvalid` when it can't be one."""
        self.queue_of = queue
        self.name = name
        self.handler = handler
        self.options = _checked(name, options)
        self.payload_parameter, self.job_parameter, self.model = _signature(name, handler)
        self._adapter = _adapter(name, self.model)
        self._secrecy = secrecy_of(self._adapter.core_schema)
        self.is_sensitive = self._secrecy.is_sensitive or _returns_sensitive(handler)
        """Its payload or its result has parts that are sealed, whatever its queue says."""

    @property
    def queue(self) -> str:
        """The queue's name."""
        return self.queue_of.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the handler directly, as in a test."""
        return self.handler(*args, **kwargs)

    def accept(self, payload: object) -> Any:
        """Return the payload as the handler's model.

        Raises `PayloadInvalid` with a JSON pointer and a sentence for each fault.
        """
        try:
            return self._adapter.validate_python(payload)
        except ValidationError as error:
            if not self._is_hidden:
                raise PayloadInvalid(self.name, faults_of(error)) from error
            faults = hidden_faults_of(error, self._secrecy.names)
        # Raised out here, since a traceback would show pydantic's error with what it was given.
        raise PayloadInvalid(self.name, faults)

    def pack(
        self,
        payload: object,
        *,
        job_id: str | None = None,
        tenant: str = "",
        priority: int | str | None = None,
        delay_ms: int = 0,
        run_at_ms: int = 0,
        correlation_id: str = "",
    ) -> NewJob:
        """Validate the payload and make the job that a store takes.

        Raises `PayloadInvalid` for the payload, the id, the tenant and the priority alike.
        """
        accepted = self.accept(payload)
        identity = JobId(uuid.uuid4().hex) if job_id is None else check_job_id(job_id)
        check_tenant(tenant)
        return NewJob(
            id=identity,
            body=self._body(accepted, identity, tenant, correlation_id),
            priority=self._priority(priority),
            tenant=tenant,
            delay_ms=_bounded(delay_ms),
            run_at_ms=max(0, run_at_ms),
        )

    async def enqueue(
        self,
        payload: object,
        *,
        job_id: str | None = None,
        tenant: str = "",
        priority: int | str | None = None,
        delay: timedelta | float | None = None,
        run_at: datetime | None = None,
        correlation_id: str = "",
    ) -> Enqueued:
        """Put a job into the queue; when this returns, the store has it.

        Raises `PayloadInvalid`, or `StoreUnavailable` when nobody knows whether the job is
        in: with a `job_id` of your own the call may then be repeated safely.
        """
        delay_ms, run_at_ms = _milliseconds(delay), _moment(run_at)
        await self.queue_of.refresh()
        job = self.pack(
            payload,
            job_id=job_id,
            tenant=tenant,
            priority=priority,
            delay_ms=delay_ms,
            run_at_ms=run_at_ms,
            correlation_id=correlation_id,
        )
        (created,) = await self.queue_of.app.store.enqueue(self.queue, [job])
        return Enqueued(job.id, bool(created))

    async def status(self, job_id: str) -> JobStatus | None:
        """Return how a job of this type stands; `None` when there is no such job (any more)."""
        (stored,) = await self.queue_of.app.store.read(self.queue, [JobId(job_id)])
        status = status_of(stored, lambda: self.queue_of.app.keys) if stored is not None else None
        return status if status is not None and status.type == self.name else None

    @property
    def _is_hidden(self) -> bool:
        return self.is_sensitive or self.queue_of.live_encrypts

    def _body(self, accepted: Any, job_id: str, tenant: str, correlation_id: str) -> bytes:
        try:
            if self._secrecy or self._is_hidden:
                place = Place(self.queue, job_id, self.name, tenant)
                return pack(self._sealed(accepted, place, correlation_id))
            args = [self._adapter.dump_python(accepted, mode="json")]
            return pack(Envelope(self.name, args, tenant=tenant, correlation_id=correlation_id))
        except (OverflowError, ValueError, RecursionError) as error:
            fault = unfit(error, is_hidden=self._is_hidden)
            cause = None if self._is_hidden else error
        raise PayloadInvalid(self.name, [fault]) from cause

    def _sealed(self, accepted: Any, place: Place, correlation_id: str) -> Envelope:
        """Return the envelope with all of it sealed, or its sensitive values, or nothing."""
        is_whole = self.queue_of.live_encrypts or self._secrecy.is_whole
        harvest = Harvest()
        context = None if is_whole else harvest
        args = [self._adapter.dump_python(accepted, mode="json", context=context)]
        envelope = Envelope(self.name, args, tenant=place.tenant, correlation_id=correlation_id)
        if is_whole:
            return seal_envelope(self._keys(), place, envelope)
        values = harvest.gather(args)
        if values or self.is_sensitive:
            return seal_values(self._keys(), place, envelope, values)
        return envelope

    def _keys(self) -> Keyring:
        keys = self.queue_of.app.keys
        if not keys:
            why = (
                f"Queue {self.queue!r} keeps its payloads encrypted"
                if self.queue_of.live_encrypts
                else f"Job type {self.name!r} has sensitive fields"
            )
            message = (
                f"{why}, and this process has no key for that: set HEADPOND_ENCRYPTION_KEYS or"
                " HEADPOND_ENCRYPTION_KEYS_FILE. Nothing was enqueued."
            )
            raise KeyMissing("", message)
        return keys

    def _priority(self, given: int | str | None) -> int:
        for value in (given, self.options.priority, self.queue_of.live_priority):
            if value is not None:
                return parse_priority(value)
        return DEFAULT_PRIORITY

    @override
    def __repr__(self) -> str:
        """Name the queue and the type."""
        return f"JobType({self.queue}/{self.name})"


def _checked(name: str, options: JobOptions) -> JobOptions:
    """Refuse at the declaration what would fail in every run."""
    try:
        if options.timeout is not None:
            parse_duration(options.timeout)
        if options.backoff is not None:
            parse_backoff(options.backoff)
        if options.priority is not None:
            parse_priority(options.priority)
    except (ConfigInvalid, PayloadInvalid) as error:
        raise ConfigInvalid(error.errors, source=f"job type {name}") from error
    if options.retries is not None and options.retries < 0:
        fault = FieldError("/retries", f"{options.retries} is less than 0.")
        raise ConfigInvalid([fault], source=f"job type {name}")
    return options


def _signature(name: str, handler: Callable[..., Any]) -> tuple[str | None, str | None, Any]:
    """Return the names of the payload's and the job's parameters, and the payload's model."""
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


def _adapter(name: str, model: Any) -> TypeAdapter[Any]:
    """Return what validates payloads of this model; `None` is any."""
    try:
        return TypeAdapter(Any if model is None else model)
    except PydanticSchemaGenerationError as error:
        detail = f"The payload's annotation {model!r} is nothing that pydantic can validate."
        raise ConfigInvalid([FieldError(f"/{name}", detail)], source=f"job type {name}") from error


def _returns_sensitive(handler: Callable[..., Any]) -> bool:
    """Say whether a handler's result is annotated as sensitive, or with what holds such a value."""
    hint: Any = typing.get_type_hints(handler, include_extras=True).get("return")
    try:
        return secrecy_of(TypeAdapter(hint).core_schema).is_sensitive
    except Exception:  # noqa: BLE001 (pydantic knows no such type, so it is none of ours)
        return False


def _milliseconds(delay: timedelta | float | None) -> int:
    if delay is None:
        return 0
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else float(delay)
    if not seconds * 1000 <= LONGEST_DELAY_MS:  # nor is NaN
        raise _too_long(f"{seconds:g} s")
    return max(0, round(seconds * 1000))


def _bounded(delay_ms: int) -> int:
    """Return a delay after which there is still a calendar."""
    if delay_ms > LONGEST_DELAY_MS:
        raise _too_long(f"{delay_ms} ms")
    return max(0, delay_ms)


def _too_long(given: str) -> PayloadInvalid:
    detail = f"A delay of {given} is beyond the longest, 100 years."
    return PayloadInvalid("any", [FieldError("/delay", detail)])


def _moment(run_at: datetime | None) -> int:
    if run_at is None:
        return 0
    if run_at.tzinfo is None:
        fault = FieldError("/run_at", "The time has no zone; give one, such as UTC.")
        raise PayloadInvalid("any", [fault])
    return round(run_at.astimezone(UTC).timestamp() * 1000)
