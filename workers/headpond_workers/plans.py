"""What running one kind of job takes, worked out once: a job pays for the steps that it uses."""

from __future__ import annotations

import functools
import inspect
import logging
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from taskiq import Context, TaskiqState
from taskiq.acks import AckController
from taskiq_dependencies import DependencyGraph

from headpond.app import Job
from headpond.broker.formatter import message_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskiq import TaskiqMessage

    from headpond.app import JobType
    from headpond.broker import HeadpondBroker
    from headpond.envelope import Envelope
    from headpond_workers.pump import Held
    from headpond_workers.threads import Threads

logger = logging.getLogger(__name__)

_EXACT = (int, str, float, bool, dict, list, bytes)
"""Types whose instances pass as they are."""


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
    checks: list[Callable[[Any], Any] | None]
    """For each positional parameter of a taskiq task what parses its argument."""
    named_checks: dict[str, Callable[[Any], Any]]

    async def invoke(self, work: Work) -> Any:
        """Run the handler and return what it returns; raises what it raises."""
        args, kwargs = self._arguments(work)
        if self.graph is None:
            return await self._call(work.threads, args, kwargs)
        message = work.message()
        context = Context(message, work.broker, AckController(_nothing))
        provided = {
            **work.broker.custom_dependency_context,
            Context: context,
            TaskiqState: work.broker.state,
        }
        resolver = self.graph.async_ctx(provided, work.broker.dependency_overrides or None)
        try:
            resolved = await resolver.resolve_kwargs()
            resolved.update(kwargs)
            value = await self._call(work.threads, args, resolved)
        except BaseException as error:
            await resolver.close(type(error), error, error.__traceback__)
            raise
        await resolver.close(None, None, None)
        return value

    def _arguments(self, work: Work) -> tuple[list[Any], dict[str, Any]]:
        envelope = work.envelope
        args, kwargs = envelope.args, envelope.kwargs
        if self.job_type is not None:
            args = (
                [] if self.job_type.payload_parameter is None else [self.job_type.accept(args[0])]
            )
            if self.job_parameter is not None:
                kwargs = {self.job_parameter: work.job}
            return args, kwargs
        parsed = [
            value if check is None else _parsed(check, value)
            for check, value in zip(self.checks, args, strict=False)
        ]
        parsed += args[len(parsed) :]
        if kwargs:
            checks = self.named_checks
            kwargs = {
                name: _parsed(checks[name], value) if name in checks else value
                for name, value in kwargs.items()
            }
        if self.job_parameter is not None:
            kwargs = {**kwargs, self.job_parameter: work.job}
        return parsed, kwargs

    async def _call(self, threads: Threads, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if self.is_async:
            return await self.handler(*args, **kwargs)
        value = await threads.run(functools.partial(self.handler, *args, **kwargs))
        return await value if inspect.isawaitable(value) else value


@dataclass(slots=True, eq=False)
class Work:
    """One run of one job."""

    held: Held
    envelope: Envelope
    broker: HeadpondBroker
    threads: Threads
    job: Job
    _message: TaskiqMessage | None = None

    def message(self) -> TaskiqMessage:
        """Return taskiq's view of the job, made when first asked for."""
        if self._message is None:
            self._message = message_of(self.envelope, self.held.claim.id)
        return self._message

    def replace_message(self, message: TaskiqMessage) -> None:
        """Take the message as a middleware changed it."""
        self._message = message
        self.envelope = type(self.envelope)(
            job_type=message.task_name,
            args=message.args,
            kwargs=message.kwargs,
            labels=message.labels,
            tenant=self.envelope.tenant,
            correlation_id=self.envelope.correlation_id,
        )


def make_plan(broker: HeadpondBroker, name: str) -> Plan | None:
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
    checks = {p: _check(hints[p]) for p in parameters if p in hints and p not in injected}
    known = {p: check for p, check in checks.items() if check is not None}
    return Plan(
        name=name,
        handler=handler,
        job_type=job_type,
        labels=dict(task.labels),
        is_async=inspect.iscoroutinefunction(handler),
        job_parameter=next(iter(injected), None),
        graph=None if graph.is_empty() else graph,
        checks=[known.get(parameter) for parameter in parameters],
        named_checks=known,
    )


def _check(annotation: Any) -> Callable[[Any], Any] | None:
    if annotation is Any:
        return None
    try:
        validate = TypeAdapter(annotation).validate_python
    except Exception:  # noqa: BLE001 (no schema for this annotation: as taskiq, pass the value on)
        return None
    if annotation in _EXACT:
        return lambda value: value if type(value) is annotation else validate(value)
    return validate


def _parsed(check: Callable[[Any], Any], value: Any) -> Any:
    """Parse an argument; as in taskiq, one that can't be parsed goes to the handler as it is."""
    try:
        return check(value)
    except (ValueError, RuntimeError) as error:
        logger.warning(
            "An argument does not fit its annotation and is passed on as it is: %s", error
        )
        return value


def _nothing() -> None:
    """Acknowledge nothing: a job is acknowledged by its end."""
