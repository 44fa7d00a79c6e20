"""A kind of job: its payload's model and its handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import structs
from pydantic import ValidationError
from typing_extensions import override

from headpond.app import wishes
from headpond.app.calls import Call, Enqueued, enqueued, packed, send
from headpond.app.declaring import (
    JobOptions,
    adapter_of,
    checked_options,
    returns_sensitive,
    signature_of,
)
from headpond.app.faults import UNFIT, faults_of, hidden_faults_of, unfit
from headpond.app.handwork import Handwork
from headpond.app.identity import new_job_id
from headpond.app.plain import Plain
from headpond.app.scheduling import Times, checked, put, store_ms
from headpond.app.sensitive import Harvest, secrecy_of
from headpond.app.status import JobStatus, status_of
from headpond.clock import SystemClock
from headpond.envelope import Envelope, pack
from headpond.errors import ConfigInvalid, FieldError, KeyMissing, PayloadInvalid, TooLarge
from headpond.jobs import DEFAULT_PRIORITY, JobId, NewJob, check_job_id
from headpond.sealing import Place, seal_envelope, seal_values
from headpond.timetable import Missed, Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from headpond.app.batching import OpenBatch
    from headpond.app.queue import Queue
    from headpond.app.scheduling import ScheduleStatus
    from headpond.app.wishes import Delay, Wishes
    from headpond.jobs import Unique
    from headpond.sealing import Keyring


ENVELOPE_BYTES: Final = 4096
"""Around a payload: ids, tenant, trace, and what sealing adds."""
_BESIDE_A_CALL: Final = "It is a call, which has its own wishes: say them there, by `call`."


class JobType(Handwork):
    """A handler with a name, in a queue. Calling it runs the handler here and now."""

    def __init__(
        self, queue: Queue, name: str, handler: Callable[..., Any], options: JobOptions
    ) -> None:
        """Read the handler's signature; raise `ConfigInvalid` when it can't be one."""
        self.queue_of = queue
        self.name = name
        self.handler = handler
        self.options = checked_options(name, options)
        self.payload_parameter, self.job_parameter, self.model = signature_of(name, handler)
        self._adapter = adapter_of(name, self.model)
        self._secrecy = secrecy_of(self._adapter.core_schema)
        self._plain = Plain(self._adapter.core_schema)
        self.is_sensitive = self._secrecy.is_sensitive or returns_sensitive(handler)
        """Its payload or its result has parts that are sealed, whatever its queue says."""
        self._is_careful = self.is_sensitive or bool(self._secrecy)
        self.declared: Schedule | None = None
        """Its own schedule, said where it is declared."""

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
        return self._validated(payload)

    def restore(self, payload: object) -> Any:
        """Return what `pack` wrote as the handler's model: there fields go by their own names."""
        return self._validated(payload, by_alias=False, by_name=True)

    def _validated(
        self, payload: object, *, by_alias: bool | None = None, by_name: bool | None = None
    ) -> Any:
        validate = self._adapter.validator.validate_python
        try:
            return validate(payload, by_alias=by_alias, by_name=by_name)
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
        unique: Unique | str | None = None,
        batch: str | OpenBatch = "",
    ) -> NewJob:
        """Validate the payload and make the job that a store takes.

        Raises `PayloadInvalid` for the payload, the id, the tenant and the priority alike.
        """
        return self.make(
            self.accept(payload),
            wishes.wished(
                job_id=job_id,
                tenant=tenant,
                priority=priority,
                delay_ms=delay_ms,
                run_at_ms=run_at_ms,
                correlation_id=correlation_id,
                unique=unique,
                batch=batch,
            ),
        )

    def make(self, accepted: Any, wish: Wishes) -> NewJob:
        """Make the job of a payload that was accepted."""
        identity = new_job_id() if wish.job_id is None else JobId(wish.job_id)
        body = self._body(accepted, identity, wish.tenant, wish.correlation_id)
        limit = self.queue_of.app.max_payload_bytes + ENVELOPE_BYTES
        if len(body) > limit:
            raise TooLarge(f"The payload of this {self.name!r}", len(body), limit)
        return NewJob(
            id=identity,
            body=body,
            priority=self._priority(wish.priority),
            tenant=wish.tenant,
            delay_ms=wish.delay_ms,
            run_at_ms=wish.run_at_ms,
            unique=wish.unique,
            batch=wish.batch,
        )

    def call(
        self,
        payload: object,
        *,
        job_id: str | None = None,
        tenant: str = "",
        priority: int | str | None = None,
        delay: Delay | None = None,
        run_at: datetime | None = None,
        correlation_id: str = "",
        unique: Unique | str | None = None,
        batch: str | OpenBatch = "",
    ) -> Call:
        """Return a job to be enqueued later: by `enqueue_many`, or when a batch is complete.

        Raises `PayloadInvalid`.
        """
        delay_ms, run_at_ms = wishes.when(delay, run_at)
        wish = wishes.wished(
            job_id=job_id,
            tenant=tenant,
            priority=priority,
            delay_ms=delay_ms,
            run_at_ms=run_at_ms,
            correlation_id=correlation_id,
            unique=unique,
            batch=batch,
        )
        return Call(self, self.accept(payload), wish)

    async def enqueue(
        self,
        payload: object,
        *,
        job_id: str | None = None,
        tenant: str = "",
        priority: int | str | None = None,
        delay: Delay | None = None,
        run_at: datetime | None = None,
        correlation_id: str = "",
        unique: Unique | str | None = None,
        batch: str | OpenBatch = "",
    ) -> Enqueued:
        """Put a job into the queue; when this returns, the store has it.

        Raises `PayloadInvalid`, or `StoreUnavailable` when nobody knows whether the job is
        in: with a `job_id` of your own the call may then be repeated safely.
        """
        call = self.call(
            payload,
            job_id=job_id,
            tenant=tenant,
            priority=priority,
            delay=delay,
            run_at=run_at,
            correlation_id=correlation_id,
            unique=unique,
            batch=batch,
        )
        await self.queue_of.refresh()
        (placed,) = await self.queue_of.app.store.enqueue(self.queue, [call.pack()])
        return enqueued(placed)

    async def enqueue_many(
        self,
        payloads: Iterable[Any],
        *,
        tenant: str = "",
        priority: int | str | None = None,
        delay: Delay | None = None,
        run_at: datetime | None = None,
        correlation_id: str = "",
        batch: str | OpenBatch = "",
    ) -> list[Enqueued]:
        """Put any number of jobs into the queue, in this order; nothing when one does not fit.

        What differs between them is said by `call`: give calls instead of payloads, each with all
        its wishes, for none are taken beside calls. A store takes 1,000 at a time: when it fails
        in between, those before are in, and with ids of your own all may be repeated safely.
        """
        delay_ms, run_at_ms = wishes.when(delay, run_at)
        wish = wishes.wished(
            tenant=tenant,
            priority=priority,
            delay_ms=delay_ms,
            run_at_ms=run_at_ms,
            correlation_id=correlation_id,
            batch=batch,
        )

        def pack(each: Any) -> NewJob:
            if isinstance(each, Call):
                if wish != wishes.NO_WISHES:
                    raise wishes.refused("", _BESIDE_A_CALL)
                return each.for_queue(self.queue, "").pack()
            return self.make(self.accept(each), wish)

        await self.queue_of.refresh()
        return await send(self.queue_of.app.store, self.queue, packed(payloads, pack))

    async def schedule(
        self,
        name: str,
        *,
        cron: str = "",
        every: Delay | None = None,
        tz: str = "UTC",
        missed: Missed = "once",
        start: datetime | None = None,
        payload: object = None,
        priority: int | str | None = None,
        tenant: str = "",
    ) -> ScheduleStatus:
        """Let a job come again by `cron` or `every` so often, from now on or from `start`.

        A schedule of this name is changed; with the same times it goes on as it would have.
        Raises `ConfigInvalid` and `PayloadInvalid`.
        """
        await self.queue_of.refresh()
        store = self.queue_of.app.store
        times = Times(cron, every, tz, missed, start)
        level = None if priority is None else wishes.level(priority)
        schedule = self.schedule_of(
            name, times, payload=payload, priority=self._priority(level), tenant=tenant
        )
        return await put(store, self.queue, checked(schedule, await store_ms(store, self.queue)))

    def schedule_of(
        self, name: str, times: Times, *, payload: object, priority: int, tenant: str = ""
    ) -> Schedule:
        """Return a schedule of this job type."""
        args = self._in_clear(payload)
        fields = {**times.fields(), "priority": priority, "tenant": tenant, "args": args}
        return Schedule(wishes.text("name", name, str), self.name, **fields)

    def declare_schedule(self, times: Times) -> None:
        """Give the job type a schedule of its own name, which each process declares at its start.

        Raises `ConfigInvalid`.
        """
        code = self.queue_of.defaults.priority
        level = code if self.options.priority is None else self.options.priority
        priority = DEFAULT_PRIORITY if level is None else wishes.level(level)
        try:
            schedule = self.schedule_of(self.name, times, payload=None, priority=priority)
        except PayloadInvalid as error:
            detail = "It needs a payload: leave this out, and call `schedule(…, payload=…)`."
            raise ConfigInvalid([FieldError("/cron", detail)], f"job type {self.name}") from error
        self.declared = checked(structs.replace(schedule, declared=True), SystemClock().now_ms())

    async def status(self, job_id: str) -> JobStatus | None:
        """Return how a job of this type stands; `None` when there is no such job (any more)."""
        wanted = JobId(wishes.text("job_id", job_id, check_job_id))
        (stored,) = await self.queue_of.app.store.read(self.queue, [wanted])
        status = status_of(stored, lambda: self.queue_of.app.keys) if stored is not None else None
        return status if status is not None and status.type == self.name else None

    @property
    def _is_hidden(self) -> bool:
        return self.is_sensitive or self.queue_of.live_encrypts

    def _body(self, accepted: Any, job_id: str, tenant: str, correlation_id: str) -> bytes:
        try:
            if self._is_careful or self.queue_of.live_encrypts:
                place = Place(self.queue, job_id, self.name, tenant)
                return pack(self._sealed(accepted, place, correlation_id))
            args = [self._plain.fields(accepted) or self._written(accepted)]
            return pack(Envelope(self.name, args, tenant=tenant, correlation_id=correlation_id))
        except UNFIT as error:
            fault = self._unfit(error)
        raise fault

    def _in_clear(self, payload: object) -> list[Any]:
        """Return the arguments of a schedule, in which nothing can be sealed."""
        accepted, harvest = self.accept(payload), Harvest()
        try:
            args = [self._written(accepted, harvest)]
            pack(args)  # what can't be sent is refused now, and not when it is due
        except UNFIT as error:
            fault = self._unfit(error)
        else:
            if payload is None or not (self._is_hidden or harvest.gather(args)):
                return args
            detail = "It can't be sealed in a schedule: give none, and let the handler look it up."
            fault = PayloadInvalid(self.name, [FieldError("/payload", detail)])
        raise fault

    def _unfit(self, error: Exception) -> PayloadInvalid:
        fault = PayloadInvalid(self.name, [unfit(error, is_hidden=self._is_hidden)])
        fault.__cause__ = None if self._is_hidden or self._is_careful else error
        return fault

    def _written(self, accepted: Any, harvest: Harvest | None = None) -> Any:
        """Return a payload as `restore` takes it: no aliases, nothing that the model computes.

        Raises `ValueError` for one that was changed into something which no longer fits.
        """
        return self._adapter.serializer.to_python(
            accepted,
            mode="json",
            by_alias=False,
            round_trip=True,
            warnings="error",
            context=harvest,
        )

    def _sealed(self, accepted: Any, place: Place, correlation_id: str) -> Envelope:
        """Return the envelope with all of it sealed, or its sensitive values, or nothing."""
        is_whole = self.queue_of.live_encrypts or self._secrecy.is_whole
        harvest = Harvest()
        args = [self._written(accepted, None if is_whole else harvest)]
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

    def _priority(self, given: int | None) -> int:
        if given is not None:
            return given
        for value in (self.options.priority, self.queue_of.live_priority):
            if value is not None:
                return wishes.level(value)
        return DEFAULT_PRIORITY

    @override
    def __repr__(self) -> str:
        """Name the queue and the type."""
        return f"JobType({self.queue}/{self.name})"
