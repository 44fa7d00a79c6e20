"""The worker process put together: settings → store → broker → receiver, and its signals."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import os
import signal
from typing import TYPE_CHECKING, Final

from headpond.app.catalog import Catalog, load_apps
from headpond.broker import HeadpondBroker
from headpond.errors import ConfigInvalid, FieldError, HeadpondError, StoreUnavailable
from headpond.redis import RedisQueueStore
from headpond.telemetry import probes
from headpond_workers.receiver import HeadpondReceiver, worker_id

if TYPE_CHECKING:
    from headpond.app import App, Queue
    from headpond.settings import WorkerSettings

logger = logging.getLogger(__name__)

EXIT_BLOCKED: Final = 70
"""Exit code (EX_SOFTWARE) of a worker whose event loop was blocked for good by a handler."""


async def run(settings: WorkerSettings) -> None:
    """Serve one queue until SIGTERM or SIGINT; returns when everything held has ended or gone back.

    Raises `QueueUnknown` or `ConfigInvalid` before anything is connected, and `StoreUnfit` when the
    start-up gate refuses Redis. While Redis is away it waits.
    """
    catalog = Catalog(load_apps(settings.apps))
    queue = catalog.queue(settings.queue)
    store = RedisQueueStore(settings.url, settings.namespace)
    keys = settings.keyring()
    catalog.bind(store, keys)
    broker = HeadpondBroker(store, queue.name, keys=keys)
    broker.is_worker_process = True
    broker.serve(queue)
    finish = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, finish.set)
    worker = settings.worker_id or worker_id()
    receiver = HeadpondReceiver(
        broker, worker=worker, queue=queue, grace_s=settings.grace_s, run_startup=False
    )
    receiver.on_lost = lambda: os._exit(EXIT_BLOCKED)
    server = await _probes(settings.probe_port, queue.name, receiver)
    if not await _start(broker, finish):
        return
    await _declare(queue)
    await _hooks(queue.app, starting=True)
    logger.info(
        "worker %s serves queue %s and waits for jobs",
        worker,
        queue.name,
        extra={"event": "worker-started", "worker": worker, "queue": queue.name},
    )
    gc.collect()
    gc.freeze()  # what start-up made stays; looking through it again and again costs each job
    try:
        await receiver.listen(finish)
    finally:
        await _hooks(queue.app, starting=False)
        await broker.shutdown()
        if server is not None:
            server.close()
    logger.info(
        "worker %s has ended",
        worker,
        extra={"event": "worker-ended", "worker": worker, "queue": queue.name},
    )


async def _probes(port: int, queue: str, receiver: HeadpondReceiver) -> asyncio.Server | None:
    if not port:
        return None
    # Nobody else pays 2 MiB for it, and a worker that has begun never waits for an import.
    from headpond.telemetry.scrape import Scrape  # noqa: PLC0415
    from headpond.telemetry.worker_metrics import WorkerMetrics  # noqa: PLC0415

    scrape = Scrape(WorkerMetrics(queue, receiver.tally, receiver.load))
    try:
        return await probes.serve(port, probes.Probed(lambda: receiver.is_ready, scrape.text))
    except OSError as error:
        fault = FieldError("/HEADPOND_PROBE_PORT", f"Port {port} can't be had: {error.strerror}.")
        raise ConfigInvalid([fault], "environment") from error


async def _start(broker: HeadpondBroker, finish: asyncio.Event) -> bool:
    """Connect, waiting for a store that is away; False when the process is to end before that."""
    while not finish.is_set():
        try:
            await broker.startup()
        except StoreUnavailable as error:
            logger.warning("%s Trying again in a second.", error, extra={"event": "store-awaited"})
            try:
                async with asyncio.timeout(1.0):
                    await finish.wait()
            except TimeoutError:
                continue
        else:
            return True
    return False


async def _declare(queue: Queue) -> None:
    """Put the schedules that code declares into the store; a worker works without them too."""
    try:
        await queue.declare_schedules()
    except HeadpondError as error:
        logger.warning(
            "queue %s: its schedules were not declared: %s",
            queue.name,
            error,
            extra={"event": "schedules-not-declared", "queue": queue.name},
        )


async def _hooks(app: App, *, starting: bool) -> None:
    for hook in app.start_hooks if starting else app.stop_hooks:
        done = hook()
        if inspect.isawaitable(done):
            await done
