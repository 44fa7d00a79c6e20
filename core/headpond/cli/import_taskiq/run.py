"""The composition root of `headpond import taskiq-redis`."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import click

from headpond.app.catalog import Catalog, load_apps
from headpond.broker import HeadpondBroker
from headpond.cli.import_taskiq.mover import Mover
from headpond.errors import HeadpondError, QueueUnknown
from headpond.redis import RedisQueueStore
from headpond.redis.stock import Connection, ListSource, StreamSource
from headpond.redis.stock.streams import StreamOptions
from headpond.settings import WorkerSettings, from_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headpond.cli.import_taskiq.options import Options
    from headpond.redis.stock import Left, Source

SAY_EVERY_S: Final = 2.0


async def run(options: Options) -> int:
    """Move, and say what became of it; return the exit code."""
    settings = from_environment(WorkerSettings)
    catalog = Catalog(load_apps(settings.apps))
    connection = Connection(options.url)
    store = RedisQueueStore(settings.url, settings.namespace)
    try:
        source = _source(options, connection)
        broker = await _broker(store, options.queue, catalog)
        _say(await source.open())
        return await _moved(options, source, broker)
    finally:
        connection.close()
        await store.close()


def _source(options: Options, connection: Connection) -> Source:
    if options.broker == "list":
        return ListSource(connection, options.queue_name)
    how = StreamOptions(options.group, options.keep, options.alive_s)
    return StreamSource(connection, options.queue_name, how)


async def _broker(store: RedisQueueStore, queue: str, catalog: Catalog) -> HeadpondBroker:
    """Return the queue as a broker; one that an app knows comes to exist, others must exist."""
    await store.start()
    broker = HeadpondBroker(store, queue)
    is_known = queue in catalog.queue_names()
    if is_known:
        broker.serve(catalog.queue(queue))
    if await store.settings(queue) is None:
        if not is_known:
            raise QueueUnknown(queue, {*catalog.queue_names(), *await store.queues()})
        await store.configure(broker.queue, broker.defaults)
    if not is_known:
        _say(
            f"No app that was found here knows the queue {queue!r}: its sensitive fields can't be"
            " told from others, and its job types not from unknown ones."
        )
    return broker


async def _moved(options: Options, source: Source, broker: HeadpondBroker) -> int:
    mover = Mover(source, broker, options.batch, _Progress())
    with _asked_to_stop() as stop:
        if options.dry_run:
            await mover.count(stop)
            _tell(mover, broker)
            click.echo(f"Nothing was changed: {mover.counts.line()}.")
            return int(bool(mover.counts.unreadable))
        await _move(mover, source, stop)
        left = await source.close()
    _tell(mover, broker)
    return _verdict(mover, left, is_stopped=stop.is_set())


@contextmanager
def _asked_to_stop() -> Iterator[asyncio.Event]:
    """Give an event that Ctrl-C or SIGTERM sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def _move(mover: Mover, source: Source, stop: asyncio.Event) -> None:
    try:
        await mover.move(stop)
    except HeadpondError:
        if not mover.is_in_doubt:
            with suppress(HeadpondError):
                await source.close()
        _say(f"Cut off: {mover.counts.line()}. Nothing is lost; run it again to go on.")
        raise


def _tell(mover: Mover, broker: HeadpondBroker) -> None:
    """Say which tasks they were, and what could not be read."""
    counts = mover.counts
    if counts.names:
        _say(f"Tasks: {counts.tasks()}.")
    unknown = sorted(set(counts.names) - set(broker.job_types)) if broker.job_types else []
    if unknown:
        names = ", ".join(map(repr, unknown[:10]))
        _say(
            f"The app's queue has no job type {names}: such jobs are parked until workers know it."
        )
    for each in counts.unreadables():
        _say(f"Stays where it is: {each}")


def _verdict(mover: Mover, left: Left, *, is_stopped: bool) -> int:
    """Print the tally to stdout, held against what the broker has now."""
    counts = mover.counts
    for note in left.notes:
        _say(note)
    gone = f", {counts.gone:,} trimmed by the stream" if counts.gone else ""
    click.echo(f"{counts.line()}{gone}, {left.count:,} left.")
    if not counts.is_balanced:
        raise HeadpondError(
            f"The counts don't add up: {counts.line()}. Nothing was removed that Headpond did not"
            " take; run it again, and report this."
        )
    if is_stopped:
        _say("Stopped as asked; run it again to go on.")
    elif left.count > counts.unreadable:
        _say("Something came meanwhile, or is with a worker: run it again.")
    return int(is_stopped or left.count > 0)


class _Progress:
    """Says now and then how far it is."""

    def __init__(self) -> None:
        """Begin."""
        self._next_s = time.monotonic() + SAY_EVERY_S

    def __call__(self, line: str) -> None:
        """Take a line; pass it on when it is time."""
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + SAY_EVERY_S
            _say(f"{line} …")


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
