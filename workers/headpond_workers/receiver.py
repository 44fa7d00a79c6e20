"""`HeadpondReceiver`: taskiq's `Receiver` with leases, fences, retries and no hoarding.

Only `listen` is ours: `headpond worker` calls it and nothing else; so does taskiq's command with
`--receiver headpond_workers.receiver:HeadpondReceiver`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from taskiq.receiver import Receiver
from typing_extensions import override

from headpond.broker import HeadpondBroker
from headpond.errors import ConfigInvalid, FieldError, HeadpondError
from headpond.ports import WorkerBeat
from headpond.queues import check_worker_id
from headpond_workers.leases import LeaseThread
from headpond_workers.lifecycle import state_of
from headpond_workers.live import LiveSettings
from headpond_workers.plans import Manners
from headpond_workers.pump import Pump
from headpond_workers.punctual import Punctual
from headpond_workers.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskiq import AsyncBroker

    from headpond.app import Queue
    from headpond.jobs import JobId
    from headpond.ports import Renewal
    from headpond.telemetry.tally import Tally

logger = logging.getLogger(__name__)

LOOK_S: Final = 0.05
"""How often timeouts and jobs that wait for a slot are looked after."""
RENEW_PAST_S: Final = 15.0
"""A job this far past its timeout is renewed no more: its loop is blocked for good."""


class HeadpondReceiver(Receiver):
    """Runs one queue's jobs until it is told to finish."""

    def __init__(
        self,
        broker: AsyncBroker,
        *,
        max_async_tasks: int | None = None,
        worker: str = "",
        queue: Queue | None = None,
        grace_s: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Take taskiq's arguments, and a worker's id, an app's queue and the grace of the shutdown.

        `max_async_tasks` is a fixed number of slots; without it the queue's settings say, live.
        """
        if not isinstance(broker, HeadpondBroker):
            fault = FieldError("/broker", f"{type(broker).__name__} is no HeadpondBroker.")
            raise ConfigInvalid([fault], source="HeadpondReceiver")
        super().__init__(broker, max_async_tasks=max_async_tasks or 1, **kwargs)
        self.headpond = broker
        self.worker = check_worker_id(worker or worker_id())
        self.grace_s = grace_s if grace_s is not None else self.wait_tasks_timeout
        self._fixed_slots = max_async_tasks
        self._live = LiveSettings(queue)
        manners = Manners(
            casts=self.validate_params,
            propagates=self.propagate_exceptions,
            most_runs=self.max_tasks_to_execute or 0,
        )
        self._runner = Runner(broker, self._live, self.worker, manners)
        self._pump = Pump(
            broker.store, broker.queue, self.worker, max_async_tasks or 1, self._runner.start
        )
        self._runner.attach(self._pump)
        self._pump.on_due = Punctual(broker.store, broker.queue).due
        self._version = -1
        self._turns = 0
        self.on_lost: Callable[[], None] | None = None
        """Called in the lease thread when the loop is blocked for good."""
        self._started_ms = time.time_ns() // 1_000_000
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leases: LeaseThread | None = None
        self.started = False

    @property
    def is_ready(self) -> bool:
        """Whether it works; a drain is no reason to say no.

        A ReplicaSet takes pods that are not ready first, whatever their deletion cost says: a
        worker that is draining must not go before the one that was chosen.
        """
        return self.started and not self._pump.stopping

    @property
    def tally(self) -> Tally:
        """What it has counted of its jobs."""
        return self._runner.tally

    def load(self) -> tuple[int, int]:
        """Return its slots, and how many of them run a job."""
        return self._pump.slots, self._pump.running

    # ── the life of a worker ──

    @override
    async def listen(self, finish_event: asyncio.Event) -> None:
        """Claim and run jobs until `finish_event`; then let running ones end within the grace."""
        if self.run_startup:
            await self.broker.startup()
        self._loop = asyncio.get_running_loop()
        keeper = self.headpond.store.leases(self.headpond.queue, self.worker)
        self._leases = LeaseThread(keeper, self)
        await self._refresh()
        self._leases.start()
        self.started = True
        self._pump.begin()
        looking = self._loop.create_task(self._look())
        ends = [self._loop.create_task(end.wait()) for end in (finish_event, self._runner.enough)]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            await self._finish()
        finally:
            await self._pump.stop_claiming()
            for held in list(self._pump.held.values()):  # of a listening that was cancelled
                self._runner.interrupt(held, "shutdown")  # before nobody keeps its lease any more
            for task in (looking, *ends):
                task.cancel()
            await asyncio.to_thread(self._leases.stop)
        if self.on_exit is not None:
            self.on_exit(self)

    async def _finish(self) -> None:
        """Hand back what has not started, wait for what runs, release what outlasts the grace."""
        await self._pump.stop_claiming()
        try:
            async with asyncio.timeout(self.grace_s):
                await self._pump.wait_empty()
        except TimeoutError:
            running = list(self._pump.held.values())
            logger.warning(
                "the grace ends with %d jobs running: they go back",
                len(running),
                extra={"event": "grace-ended", "jobs": len(running)},
            )
            for held in running:
                self._runner.interrupt(held, "shutdown")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._pump.wait_empty()
            await self._release_the_deaf()

    async def _release_the_deaf(self) -> None:
        """Hand back jobs of handlers that heed no cancellation: the process ends with them."""
        for held in list(self._pump.held.values()):
            self._pump.end(held.released())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await self._pump.wait_empty()

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_S)
            self._turns += 1
            now = loop.time()
            try:
                self._runner.sweep(now)
                self._runner.tally.fold()
                self._pump.release_stale(now)
            except Exception:
                logger.exception(
                    "looking after the running jobs failed; it is tried again",
                    extra={"event": "looking-failed"},
                )

    # ── settings ──

    async def _follow_settings(self) -> None:
        settings = await self.headpond.store.settings(self.headpond.queue)
        if settings is None or settings.version == self._version:
            return
        self._version = settings.version
        if self._leases is not None:
            self._leases.follow(settings.lease_ms)
        self._pump.last_chance = max(1, settings.max_deliveries - 1)
        try:
            self._live.follow(settings.document)
        except ValueError as error:
            logger.warning(
                "queue %s has settings unknown here: %s",
                self.headpond.queue,
                error,
                extra={"event": "settings-unknown", "queue": self.headpond.queue},
            )
            return
        self._pump.set_slots(self._fixed_slots or self._live.slots)

    async def _refresh(self) -> None:
        with contextlib.suppress(HeadpondError):
            await self._follow_settings()

    # ── called from the lease thread ──

    def beat(self) -> WorkerBeat:
        """Say what this worker is doing."""
        pump = self._pump
        state = state_of(
            started=self.started,
            stopping=pump.stopping,
            draining=pump.draining,
            holds=not pump.is_empty,
        )
        host = socket.gethostname()
        return WorkerBeat(self.worker, state, pump.slots, self._started_ms, host, os.getpid())

    def held(self) -> list[tuple[JobId, str]]:
        """Return the jobs whose leases are to be kept: not those that are far past their time."""
        now = time.monotonic()  # the loop's clock
        return [
            (job_id, held.claim.fence)
            for job_id, held in list(self._pump.held.items())
            if not held.given_back and (not held.deadline or now < held.deadline + RENEW_PAST_S)
        ]

    def turns(self) -> int:
        """Return how often the loop has looked."""
        return self._turns

    def give_back(self) -> list[tuple[JobId, str]]:
        """Take the jobs that have not started away from the loop."""
        spare = [held for held in list(self._pump.held.values()) if held.begin()]
        for held in spare:
            held.given_back = True
        return [(held.claim.id, held.claim.fence) for held in spare]

    def lost(self) -> None:
        """Do what the composition root wants done with a process whose loop is blocked for good."""
        if self.on_lost is not None:
            self.on_lost()

    def heard(self, renewal: Renewal, asked: dict[JobId, str]) -> None:
        """Pass on to the loop what a renewal said."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._take, renewal, asked)

    def _take(self, renewal: Renewal, asked: dict[JobId, str]) -> None:
        pump, now = self._pump, asyncio.get_running_loop().time()
        pump.set_draining(renewal.draining)
        for job_id in renewal.lost:
            held = pump.held.get(job_id)
            if held is not None and held.claim.fence == asked.get(job_id):
                logger.warning(
                    "the lease of job %s was lost; its run is stopped",
                    job_id,
                    extra={"event": "lease-lost", "job_id": job_id},
                )
                pump.lose(held)
                self._runner.interrupt(held, "lost")
        for job_id in renewal.cancelled:
            held = pump.held.get(job_id)
            if held is not None and held.claim.fence == asked.get(job_id):
                self._runner.cancel(held, now)
        if renewal.settings_version != self._version:
            task = asyncio.get_running_loop().create_task(self._refresh())
            self._tasks = {task}


def worker_id() -> str:
    """Return a name that no other worker process has: host, pid and a bit of chance."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
