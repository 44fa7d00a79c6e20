"""Runs held jobs: each in a task of its own, with taskiq's steps in taskiq's order."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec
from taskiq import TaskiqMiddleware, TaskiqResult
from taskiq.exceptions import NoResultError
from taskiq.utils import maybe_awaitable

from headpond.app import Job
from headpond.broker import Running, StoreResultBackend, running_job
from headpond.envelope import Envelope, unpack_envelope
from headpond.jobs import Released
from headpond_workers import reports
from headpond_workers.live import ONE_RUN
from headpond_workers.plans import Manners, Plan, Work, make_plan
from headpond_workers.threads import HandlerExit, Threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taskiq import TaskiqMessage

    from headpond.broker import HeadpondBroker
    from headpond.jobs import Ended
    from headpond_workers.live import LiveSettings
    from headpond_workers.pump import Held, Pump

logger = logging.getLogger(__name__)

PARKED_MS: Final = 5_000
"""A job of an unknown type is offered again after this long; after a deploy somebody knows it."""
STUCK_AFTER_S: Final = 1.0
"""A handler that goes on this long after it was told to stop is left; its slot is used again."""


class Runner:
    """Starts held jobs and reports how they end."""

    def __init__(
        self,
        broker: HeadpondBroker,
        live: LiveSettings,
        worker: str,
        manners: Manners | None = None,
    ) -> None:
        """Work out what the middlewares override."""
        self._broker = broker
        self._manners = manners or Manners()
        self._started = 0
        self._live = live
        self._worker = worker
        self._plans: dict[str, Plan | None] = {}
        self._threads = Threads()
        self.pump: Pump | None = None
        self.enough = asyncio.Event()
        """It has started as many jobs as it may."""
        self._pre = self._overriding("pre_execute")
        self._post = self._overriding("post_execute")[::-1]
        self._save = self._overriding("post_save")[::-1]
        self._on_error = self._overriding("on_error")[::-1]
        self._foreign_results = not isinstance(broker.result_backend, StoreResultBackend)
        hooks = self._pre or self._post or self._save or self._on_error
        self._bare = not (hooks or self._foreign_results)

    def _overriding(self, hook: str) -> list[Any]:
        plain = getattr(TaskiqMiddleware, hook)
        middlewares = self._broker.middlewares
        return [each for each in middlewares if getattr(type(each), hook) is not plain]

    # ── starting and stopping ──

    def start(self, held: Held) -> None:
        """Run a held job; its end is reported to the pump."""
        held.task = asyncio.get_running_loop().create_task(self._run(held))
        self._started += 1
        if self._started == self._manners.most_runs:
            assert self.pump is not None  # noqa: S101 (set before anything runs)
            self.pump.stopping = True
            self.enough.set()

    def interrupt(self, held: Held, why: str) -> None:
        """Tell a running job to stop: cancel it, and mark it for handlers in threads."""
        held.ended_by = held.ended_by or why
        if held.job is not None:
            held.job.cancelled = True
        if held.task is not None:
            held.task.cancel()

    def sweep(self, now: float) -> None:
        """Stop what ran past its time; leave behind what doesn't heed it."""
        assert self.pump is not None  # noqa: S101 (set before anything runs)
        for held in list(self.pump.held.values()):
            if not held.deadline or now < held.deadline:
                continue
            if not held.ended_by:
                self.interrupt(held, "timeout")
            elif held.ended_by == "timeout" and now > held.deadline + STUCK_AFTER_S:
                logger.error("job %s ignores its cancellation and is left", held.claim.id)
                self._give_up(held)

    def _give_up(self, held: Held) -> None:
        run_us = round(held.limit_s * 1_000_000)
        run = reports.Run(held.claim, self._worker, _now_ms() - run_us // 1000, run_us)
        if held.running is not None:
            held.running.is_over = True
        self._end(reports.timed_out(run, held.limit_s, held.retry or ONE_RUN, random.random))

    # ── one run ──

    async def _run(self, held: Held) -> None:
        if not held.begin():  # the loop was blocked, and the lease thread gave the job back
            assert self.pump is not None  # noqa: S101 (set before anything runs)
            self.pump.abandon(held)
            return
        started_ms, began = _now_ms(), time.perf_counter()
        value: Any = None
        caught: BaseException | None = None
        try:
            envelope = unpack_envelope(held.claim.body)
        except msgspec.MsgspecError as error:
            self._end(reports.unreadable(held.claim, self._worker, started_ms, error))
            return
        plan = self._plan(envelope.job_type)
        if plan is None:
            self._park(held, envelope.job_type)
            return
        try:
            value = await self._invoke(held, plan, envelope)
        except BaseException as raised:  # noqa: BLE001 (SystemExit ends the job, not the worker)
            caught = raised
        run_us = max(1, round((time.perf_counter() - began) * 1_000_000))
        run = reports.Run(held.claim, self._worker, started_ms, run_us)
        try:
            report = self._verdict(held, run, value, caught)
        except Exception as error:
            logger.exception("what the end of job %s means can't be told", run.claim.id)
            report = reports.undecided(run, error)
        self._end(report)

    async def _invoke(self, held: Held, plan: Plan, envelope: Envelope) -> Any:
        terms = self._live.terms(plan.name, plan.job_type, plan.labels)
        held.retry = terms.retry
        _set_limit(held, envelope.labels, terms.timeout_s)
        held.job = self._job(held, envelope)
        work = Work(held, envelope, self._broker, self._threads, held.job)
        if self._bare and plan.job_type is not None and plan.graph is None:
            return await plan.invoke(work)
        held.running = Running(self._broker, held.claim.id, envelope)
        running_job.set(held.running)
        if self._bare:
            return await plan.invoke(work)
        return await self._with_middlewares(plan, work, terms.timeout_s)

    def _park(self, held: Held, name: str) -> None:
        claim = held.claim
        logger.warning("job %s parked: this worker knows no %r", claim.id, name)
        self._end(Released(claim.id, claim.fence, delay_ms=PARKED_MS, parked=name))

    def _job(self, held: Held, envelope: Envelope) -> Job:
        claim = held.claim
        return Job(
            id=claim.id,
            queue=self._broker.queue,
            type=envelope.job_type,
            tenant=envelope.tenant,
            attempt=claim.attempts + 1,
            correlation_id=envelope.correlation_id,
        )

    def _verdict(
        self, held: Held, run: reports.Run, value: Any, error: BaseException | None
    ) -> Ended:
        claim, retry = run.claim, held.retry or ONE_RUN
        if held.running is not None:
            held.running.is_over = True
            if held.running.again is not None:
                body, delay_ms = held.running.again
                return Released(claim.id, claim.fence, delay_ms=max(1, delay_ms), body=body)
        if error is None or isinstance(error, NoResultError):
            return reports.returned(run, value)
        if held.ended_by == "timeout":
            return reports.timed_out(run, held.limit_s, retry, random.random)
        if held.ended_by in {"shutdown", "lost"}:
            return Released(claim.id, claim.fence)
        if not isinstance(error, Exception):
            cause, error = error, HandlerExit(f"{type(error).__name__}: {error}")
            error.__cause__ = cause
        return reports.raised(run, error, retry, random.random)

    def _end(self, report: Ended) -> None:
        assert self.pump is not None  # noqa: S101 (set before anything runs)
        self.pump.end(report)

    def _plan(self, name: str) -> Plan | None:
        try:
            return self._plans[name]
        except KeyError:
            plan = make_plan(self._broker, name, self._manners)
            if plan is not None:
                self._plans[name] = plan
            return plan

    # ── with taskiq's middlewares ──

    async def _with_middlewares(self, plan: Plan, work: Work, limit_s: float) -> Any:
        message = work.message()
        for each in self._pre:
            message = await maybe_awaitable(each.pre_execute(message))
        work.replace_message(message)
        _set_limit(work.held, message.labels, limit_s)
        began = time.time()
        value: Any = None
        error: BaseException | None = None
        try:
            value = await plan.invoke(work)
        except BaseException as raised:  # noqa: BLE001 (middlewares see every end, as in taskiq)
            error = _as_seen(work.held, raised)
        result: TaskiqResult[Any] = TaskiqResult.model_construct(
            is_err=error is not None,
            log=None,
            return_value=value,
            execution_time=round(time.time() - began, 2),
            labels=message.labels,
            error=error,
        )
        await self._after(message, result)
        if result.error is not None:
            raise result.error
        return result.return_value

    async def _after(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        if result.error is not None:
            for each in self._on_error:
                await maybe_awaitable(each.on_error(message, result, result.error))
        for each in self._post:
            await maybe_awaitable(each.post_execute(message, result))
        if isinstance(result.error, NoResultError):
            return
        if self._foreign_results:
            try:
                await self._broker.result_backend.set_result(message.task_id, result)
            except Exception:
                logger.exception("job %s: its result could not be saved", message.task_id)
                return
        for each in self._save:
            await maybe_awaitable(each.post_save(message, result))


def _as_seen(held: Held, error: BaseException) -> BaseException:
    """Return a run's error as middlewares see it; a run that a shutdown ends did not end for them.

    A cancellation that is over leaves no trace in the task, which has middlewares to run yet.
    """
    if held.ended_by in {"shutdown", "lost"}:
        raise error
    if held.ended_by == "timeout" and isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        return reports.out_of_time(held.limit_s)
    return error


def _set_limit(held: Held, labels: Mapping[str, Any], limit_s: float) -> None:
    """Set when the run's time is up: as its label says, else as its terms do; 0: never."""
    label = labels.get("timeout") if labels else None
    held.limit_s = limit_s if label is None else float(label)
    now = asyncio.get_running_loop().time() if held.limit_s else 0.0
    held.deadline = now + held.limit_s


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
