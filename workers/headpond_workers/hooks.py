"""taskiq's middlewares around a run, in taskiq's order; those that a worker hasn't cost nothing."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final

from taskiq import TaskiqMessage, TaskiqMiddleware, TaskiqResult
from taskiq.exceptions import NoResultError
from taskiq.utils import maybe_awaitable

from headpond.broker import JobFailed, StoreResultBackend
from headpond.broker.formatter import unchecked
from headpond.sealing import SHOWN
from headpond_workers import reports

if TYPE_CHECKING:
    from headpond.broker import HeadpondBroker
    from headpond_workers.held import Held
    from headpond_workers.plans import Plan, Work

logger = logging.getLogger(__name__)

_ALL: Final = set(TaskiqResult.model_fields)


class Hooks:
    """What the broker's middlewares and its result backend override."""

    def __init__(self, broker: HeadpondBroker) -> None:
        """Work it out once."""
        self._broker = broker
        self._pre = self._overriding("pre_execute")
        self._post = self._overriding("post_execute")[::-1]
        self._save = self._overriding("post_save")[::-1]
        self._on_error = self._overriding("on_error")[::-1]
        self._foreign_results = not isinstance(broker.result_backend, StoreResultBackend)
        self.are_none = not (
            self._pre or self._post or self._save or self._on_error or self._foreign_results
        )

    def _overriding(self, hook: str) -> list[Any]:
        plain = getattr(TaskiqMiddleware, hook)
        middlewares = self._broker.middlewares
        return [
            getattr(each, hook) for each in middlewares if getattr(type(each), hook) is not plain
        ]

    async def run(self, plan: Plan, work: Work) -> Any:
        """Run a handler between its middlewares; return or raise what they leave of its end."""
        message = work.make_message()
        for hook in self._pre:
            seen = hook(message)
            message = seen if type(seen) is TaskiqMessage else await maybe_awaitable(seen)
        work.take(message)
        began = time.monotonic()
        value: Any = None
        error: BaseException | None = None
        try:
            value = await plan.invoke(work)
        except BaseException as raised:  # noqa: BLE001 (middlewares see every end, as in taskiq)
            error = _as_seen(work.held, raised)
        work.held.has_returned = error is None
        result = _result(message, value, error, time.monotonic() - began)
        if error is not None:
            await _each(self._on_error, message, result, error)
        await _each(self._post, message, result)
        if self._foreign_results or self._save:
            await self._saved(work.held, message, result)
        if result.error is not None:
            raise result.error
        return result.return_value

    async def _saved(self, held: Held, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        if isinstance(result.error, NoResultError):
            return
        if self._foreign_results:
            try:
                kept = result if held.place is None else _covered(result)
                await self._broker.result_backend.set_result(message.task_id, kept)
            except Exception:
                logger.exception(
                    "job %s: its result could not be saved",
                    message.task_id,
                    extra={"event": "result-not-saved", "job_id": message.task_id},
                )
                return
        await _each(self._save, message, result)


def _result(
    message: TaskiqMessage, value: Any, error: BaseException | None, took_s: float
) -> TaskiqResult[Any]:
    fields = {
        "is_err": error is not None,
        "log": None,
        "return_value": value,
        "execution_time": int(took_s * 100 + 0.5) / 100,
        "labels": message.labels,
        "error": error,
    }
    return unchecked(TaskiqResult, fields, _ALL)


async def _each(hooks: list[Any], *seen: Any) -> None:
    for hook in hooks:
        unfinished = hook(*seen)
        if unfinished is not None:
            await maybe_awaitable(unfinished)


def _covered(result: TaskiqResult[Any]) -> TaskiqResult[Any]:
    """Return what a foreign result backend may have of a sealed job: whether it ended well."""
    error = result.error
    return TaskiqResult(
        is_err=result.is_err,
        log=None,
        return_value=None if error else dict(SHOWN),
        execution_time=result.execution_time,
        labels={},
        error=None if error is None else JobFailed(type(error).__name__, ""),
    )


def _as_seen(held: Held, error: BaseException) -> BaseException:
    """Return a run's error as middlewares see it; a run that a shutdown ends did not end for them.

    A cancellation that is over leaves no trace in the task, which has middlewares to run yet.
    """
    if held.ended_by in {"shutdown", "lost"}:
        raise error
    if not held.ended_by or not isinstance(error, asyncio.CancelledError):
        return error
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
    if held.ended_by == "cancelled":
        return reports.Cancelled()
    return reports.out_of_time(held.limit_s)
