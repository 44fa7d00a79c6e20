"""What running one kind of job takes, worked out once: a job pays for the steps that it uses."""

from __future__ import annotations

import functools
import inspect
import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from taskiq import Context, TaskiqMessage, TaskiqState
from taskiq.acks import AckController
from taskiq_dependencies import DependencyGraph

from headpond.app import Job
from headpond.broker import HeadpondBroker
from headpond.broker.formatter import message_of
from headpond.envelope import Envelope
from headpond.telemetry.tally import Runs
from headpond_workers.casts import Casts, casts_of
from headpond_workers.held import Held
from headpond_workers.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from headpond.app import JobType


@dataclass(frozen=True, slots=True)
class Manners:
    """What taskiq's command says of how tasks are run."""

    casts: bool = True
    """Off by `--no-parse`."""
    propagates: bool = True
    """Off by `--no-propagate-errors`."""
    most_runs: int = 0
    """`--max-tasks-per-child`; 0: no limit."""


@dataclass(slots=True)
class Plan:
    """How to run one job type or taskiq task."""

    name: str
    handler: Callable[..., Any]
    job_type: JobType | None
    labels: dict[str, Any]
    is_async: bool
    job_parameter: str | None
    graph: DependencyGraph | None
    """taskiq's dependencies, `None` when the handler has none."""
    casts: Casts
    """Of a taskiq task's arguments."""
    payload_by_name: bool = False
    """The payload is not the handler's first parameter."""
    propagates: bool = True
    """Errors are thrown into generator dependencies."""
    is_secret: bool = False
    """What its jobs leave is sealed, whatever the queue says."""
    runs: Runs = field(default_factory=Runs)
    """Where they are counted."""

    @property
    def is_simple(self) -> bool:
        """Whether running it is calling the handler and no more."""
        return self.is_async and self.graph is None and self.job_type is not None

    def invoke(self, work: Work) -> Awaitable[Any]:
        """Call the handler; what is returned is to be awaited. Raises `PayloadInvalid`."""
        given = work.message or work.envelope
        args, kwargs = self.arguments(given.args, given.kwargs, work.held.job)
        if self.graph is not None:
            return self._resolved(self.graph, work, args, kwargs)
        if self.is_async:
            return self.handler(*args, **kwargs)  # type: ignore[no-any-return]  # a coroutine
        return self._call(work.threads, args, kwargs)

    async def _resolved(
        self, graph: DependencyGraph, work: Work, args: list[Any], kwargs: dict[str, Any]
    ) -> Any:
        """Call the handler with taskiq's dependencies."""
        message = work.message or work.make_message()
        context = Context(message, work.broker, AckController(_nothing))
        provided = {
            **work.broker.custom_dependency_context,
            Context: context,
            TaskiqState: work.broker.state,
        }
        resolver = graph.async_ctx(provided, work.broker.dependency_overrides or None)
        try:
            resolved = await resolver.resolve_kwargs()
            resolved.update(kwargs)
            value = await self._call(work.threads, args, resolved)
            work.held.has_returned = True
        except BaseException as error:
            seen = (type(error), error, error.__traceback__)
            await resolver.close(*(seen if self.propagates else (None, None, None)))
            raise
        await resolver.close(None, None, None)
        return value

    def arguments(
        self, args: list[Any], kwargs: dict[str, Any], job: Job | None
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return what to call the handler with; raises `PayloadInvalid`."""
        job_type = self.job_type
        if job_type is None:
            args, kwargs = self.casts.of_positional(args), self.casts.of_named(kwargs)
        elif job_type.payload_parameter is None:
            args, kwargs = [], {}
        elif self.payload_by_name:
            args, kwargs = [], {job_type.payload_parameter: job_type.restore(args[0])}
        else:
            args, kwargs = [job_type.restore(args[0])], {}
        if self.job_parameter is not None:
            kwargs[self.job_parameter] = job
        return args, kwargs

    async def _call(self, threads: Threads, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if self.is_async:
            return await self.handler(*args, **kwargs)
        value = await threads.run(functools.partial(self.handler, *args, **kwargs))
        return await value if inspect.isawaitable(value) else value


class Work(msgspec.Struct, eq=False):
    """One run of one job, where it takes more than calling the handler."""

    held: Held
    envelope: Envelope
    broker: HeadpondBroker
    threads: Threads
    message: TaskiqMessage | None = None
    """taskiq's view of the job, as its middlewares left it."""

    def make_message(self) -> TaskiqMessage:
        """Return taskiq's view of the job as it came."""
        return message_of(self.envelope, self.held.claim.id)

    def take(self, message: TaskiqMessage) -> None:
        """Run the job as the middlewares left it; their labels say how long it may take."""
        self.message = message
        if message.labels:
            self.held.set_limit(message.labels, self.held.limit_s)


def make_plan(broker: HeadpondBroker, name: str, manners: Manners) -> Plan | None:
    """Work out how to run jobs of this name; `None` when this process does not know them."""
    task = broker.find_task(name)
    if task is None:
        return None
    job_type = broker.job_types.get(name)
    handler = task.original_func
    graph = DependencyGraph(handler)
    hints = typing.get_type_hints(handler)
    parameters = list(inspect.signature(handler).parameters)
    injected = {parameter for parameter in parameters if hints.get(parameter) is Job}
    payload = None if job_type is None else job_type.payload_parameter
    wants_casts = manners.casts and job_type is None
    return Plan(
        name=name,
        handler=handler,
        job_type=job_type,
        labels=dict(task.labels),
        is_async=inspect.iscoroutinefunction(handler),
        job_parameter=next(iter(injected), None),
        graph=None if graph.is_empty() else graph,
        casts=casts_of(handler, hints, injected) if wants_casts else Casts(),
        payload_by_name=payload is not None and payload != parameters[0],
        propagates=manners.propagates,
        is_secret=broker.seals.is_sensitive(name),
    )


def _nothing() -> None:
    """Acknowledge nothing: a job is acknowledged by its end."""
