"""Runs held jobs: each in a task of its own, with taskiq's steps in taskiq's order."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec
from taskiq.exceptions import NoResultError

from headpond.app import Job
from headpond.broker import Running, running_job
from headpond.envelope import Envelope, unpack_envelope
from headpond.jobs import Done, Released
from headpond.telemetry.tally import Tally
from headpond_workers import reports
from headpond_workers.hooks import Hooks
from headpond_workers.live import ONE_RUN
from headpond_workers.plans import Manners, Plan, Work, make_plan
from headpond_workers.relay import Relay
from headpond_workers.reports import Run
from headpond_workers.saying import Saying
from headpond_workers.threads import HandlerExit, Threads
from headpond_workers.vault import Shut, Vault

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from headpond.broker import HeadpondBroker
    from headpond.jobs import Ended
    from headpond.telemetry.tally import Runs
    from headpond_workers.held import Held, Why
    from headpond_workers.live import LiveSettings
    from headpond_workers.pump import Pump

logger = logging.getLogger(__name__)

PARKED_MS: Final = 5_000
"""A job of an unknown type is offered again after this long; after a deploy somebody knows it."""
UNTOLD: Final = "what the end of job %s means can't be told: %s"
STUCK_AFTER_S: Final = 1.0
"""A handler that goes on this long after its time was up is left; its slot is used again."""
PATIENCE_S: Final = 3.0
"""The same for a handler whose job was cancelled: what it does last is worth knowing."""


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
        self._plans: dict[str, Plan] = {}
        self._threads = Threads()
        self._hooks = Hooks(broker)
        self._vault = Vault(broker, worker)
        self._saying: Saying | None = None
        self._relay: Relay | None = None
        self._pump: Pump
        self.tally = Tally()
        """What the jobs waited and took, and how they ended."""
        self._waited = self.tally.waited
        self.enough = asyncio.Event()
        """It has started as many jobs as it may."""

    def attach(self, pump: Pump) -> None:
        """Report to this pump; to be called before anything runs."""
        self._pump = pump

    # ── starting and stopping ──

    def start(self, held: Held) -> None:
        """Run a held job; its end is reported to the pump."""
        relay = self._relay = self._relay or Relay(self._run)
        relay.add(held)
        if self._manners.most_runs:
            self._count()

    def _count(self) -> None:
        self._started += 1
        if self._started == self._manners.most_runs:
            self._pump.stopping = True
            self.enough.set()

    def interrupt(self, held: Held, why: Why) -> None:
        """Tell a job to stop: interrupt its handler, and mark it for handlers in threads."""
        held.ended_by = held.ended_by or why
        if held.begin():  # it never will
            if why == "shutdown":
                self._pump.end(held.released())
            return
        if held.job is not None:
            held.job.cancelled = True
        if held.task is not None:
            held.task.cancel()

    def cancel(self, held: Held, now: float) -> None:
        """Tell a job that somebody wants it stopped, once; what has ended well is let be."""
        if held.ended_by or held.has_returned or held.given_back:
            return
        if held.begin():
            self._pump.withdraw(held, reports.never_ran(held.claim, self._worker))
            return
        held.leave_at = now + PATIENCE_S
        if held.in_thread:
            held.ended_by = "cancelled"
            if held.job is not None:
                held.job.cancelled = True
        else:
            self.interrupt(held, "cancelled")

    def sweep(self, now: float) -> None:
        """Stop what ran past its time; leave behind what doesn't heed its interruption."""
        for held in list(self._pump.held.values()):
            if held.leave_at:
                if now > held.leave_at:
                    self._give_up(held, now)
            elif held.deadline and now >= held.deadline and not held.ended_by:
                held.leave_at = held.deadline + STUCK_AFTER_S
                self.interrupt(held, "timeout")

    def _give_up(self, held: Held, now: float) -> None:
        logger.error(
            "job %s ignores its cancellation and is left",
            held.claim.id,
            extra={"event": "handler-left", "job_id": held.claim.id},
        )
        run_us = round((now - held.began) * 1_000_000)
        run = Run(held.claim, self._worker, _now_ms() - run_us // 1000, run_us)
        if held.running is not None:
            held.running.is_over = True
        report: Ended
        if held.ended_by == "cancelled":
            report = reports.stopped(run, reports.Cancelled(left=True))
        else:
            retry = held.retry or ONE_RUN
            report = reports.timed_out(run, held.limit_s, retry, random.random)
        if self._end(held, report):
            self.tally.of(unpack_envelope(held.claim.body).job_type).ended(report)
        if held.ended_by == "cancelled" and held.in_thread and held.task is not None:
            held.task.cancel()

    # ── one run ──

    async def _run(self, held: Held) -> float:
        """Run a job, and return when it ended by the loop's clock."""
        held.began = now = time.monotonic()
        if not held.begin():  # it was given back, or stopped before
            self._pump.abandon(held)
            return now
        started_ms = time.time_ns() // 1_000_000
        value: Any = None
        caught: BaseException | None = None
        try:
            envelope = unpack_envelope(held.claim.body)
        except msgspec.MsgspecError as error:
            self._set_aside(held, reports.unreadable(held.claim, self._worker, started_ms, error))
            return now
        plan = self._plans.get(envelope.job_type) or self._plan(envelope.job_type)
        if plan is None:
            self._park(held, envelope.job_type)
            return now
        self._waited(now - held.ready_s)
        try:
            value = await self._invoke(held, plan, envelope)
        except BaseException as raised:  # noqa: BLE001 (SystemExit ends the job, not the worker)
            caught = raised
        now = time.monotonic()
        run_us = int((now - held.began) * 1_000_000) or 1
        run = Run(held.claim, self._worker, started_ms, run_us)
        try:
            report = self._verdict(held, run, value, caught)
        except Exception as error:
            shown = None if held.place else error  # its words may be those of the payload
            logger.error(  # noqa: TRY400
                UNTOLD,
                run.claim.id,
                type(error).__name__,
                exc_info=shown,
                extra={"event": "end-untold", "job_id": run.claim.id, "job_type": plan.name},
            )
            report = reports.undecided(run, error)
        is_heard = self._end(held, report)
        if is_heard and type(report) is Done:
            plan.runs.completed(run_us)
        else:
            _count(plan.runs, held, report, is_heard=is_heard)
        return now

    def _invoke(self, held: Held, plan: Plan, envelope: Envelope) -> Awaitable[Any]:
        """Prepare a run and return what is to be awaited for it; raises `Shut`."""
        if envelope.sealed or self._live.encrypts or plan.is_secret:
            envelope = self._vault.open(held, envelope)
        terms = self._live.terms(plan.name, plan.job_type, plan.labels)
        held.retry = terms.retry
        held.set_limit(envelope.labels, terms.timeout_s)
        if plan.job_parameter is not None:
            held.job = self._job(held, envelope)
        hooks = self._hooks
        if hooks.are_none and plan.is_simple:
            args, kwargs = plan.arguments(envelope.args, envelope.kwargs, held.job)
            return plan.handler(*args, **kwargs)  # type: ignore[no-any-return]  # a coroutine
        held.in_thread = not plan.is_async
        work = Work(held, envelope, self._broker, self._threads)
        if hooks.are_none and plan.job_type is not None and plan.graph is None:
            return plan.invoke(work)
        held.running = Running(self._broker, held.claim.id, envelope)
        held.token = running_job.set(held.running)
        if hooks.are_none:
            return plan.invoke(work)
        return hooks.run(plan, work)

    def _job(self, held: Held, envelope: Envelope) -> Job:
        saying = self._saying = self._saying or Saying(self._pump)
        claim = held.claim
        return Job(
            id=claim.id,
            queue=self._broker.queue,
            type=envelope.job_type,
            tenant=envelope.tenant,
            attempt=claim.attempts + 1,
            correlation_id=envelope.correlation_id,
            say=saying.say,
        )

    # ── its end ──

    def _verdict(self, held: Held, run: Run, value: Any, error: BaseException | None) -> Ended:
        running = held.running
        if running is not None:
            running.is_over = True
        if held.token is not None:
            running_job.reset(held.token)
        if held.ended_by == "cancelled" and _was_stopped(held, error):
            return reports.stopped(run, error)
        if running is not None and running.again is not None:
            body, delay_ms = running.again
            return Released(run.claim.id, run.claim.fence, delay_ms=max(1, delay_ms), body=body)
        if error is None or isinstance(error, NoResultError):
            return reports.returned(run, value)
        return self._bad_end(held, run, error)

    def _bad_end(self, held: Held, run: Run, error: BaseException) -> Ended:
        if isinstance(error, Shut):
            return error.report
        if held.ended_by in {"shutdown", "lost"}:
            return held.released()
        retry = held.retry or ONE_RUN
        if held.ended_by == "timeout":
            return reports.timed_out(run, held.limit_s, retry, random.random)
        if not isinstance(error, Exception):
            cause, error = error, HandlerExit(f"{type(error).__name__}: {error}")
            error.__cause__ = cause
        return reports.raised(run, error, retry, random.random)

    def _end(self, held: Held, report: Ended) -> bool:
        """Report the end of a job; False when it is not held any more."""
        if held.said is not None and self._saying is not None:
            self._saying.finish(held)
        return self._pump.end(
            report if held.place is None else self._vault.seal(held.place, report)
        )

    def _set_aside(self, held: Held, report: Ended) -> None:
        """Report the end of a job that can't be run here."""
        if self._end(held, report):
            self.tally.others().ended(report)

    def _park(self, held: Held, name: str) -> None:
        claim = held.claim
        logger.warning(
            "job %s parked: this worker knows no %r",
            claim.id,
            name,
            extra={"event": "job-parked", "job_id": claim.id, "job_type": name},
        )
        self._set_aside(held, Released(claim.id, claim.fence, delay_ms=PARKED_MS, parked=name))

    def _plan(self, name: str) -> Plan | None:
        plan = make_plan(self._broker, name, self._manners)
        if plan is not None:
            self._plans[name] = plan
            plan.runs = self.tally.of(name)
        return plan


def _count(runs: Runs, held: Held, report: Ended, *, is_heard: bool) -> None:
    """Count a run's end, unless it was counted when its handler was left."""
    if is_heard:
        runs.ended(report)
    elif held.ended_by == "lost":
        runs.lost()


def _was_stopped(held: Held, error: BaseException | None) -> bool:
    """Whether a cancelled run ended because of that: others ended well or badly on their own."""
    if error is None:
        return held.in_thread and held.job is not None and held.job.has_seen
    return isinstance(error, asyncio.CancelledError | reports.Cancelled)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
