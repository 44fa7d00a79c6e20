"""The loop: take some messages, make jobs of them, enqueue these, remove those. In this order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headpond.broker.stock import StockMessages, Unreadable
from headpond.cli.import_taskiq.counts import Counts
from headpond.jobs import JobId

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from headpond.broker import HeadpondBroker
    from headpond.jobs import NewJob
    from headpond.redis.stock import Entry, Source


class Mover:
    """One run. Cut off anywhere, it can be run again: ids dedupe, and nothing is removed early."""

    def __init__(
        self, source: Source, broker: HeadpondBroker, batch: int, say: Callable[[str], None]
    ) -> None:
        """`say` is told how far it is, after each step."""
        self.counts = Counts()
        self.is_in_doubt = False
        """What was taken last may be in the queue already: it must not go back to where others run
        it."""
        self._source = source
        self._store = broker.store
        self._queue = broker.queue
        self._messages = StockMessages(broker)
        self._batch = batch
        self._say = say

    async def move(self, stop: asyncio.Event) -> None:
        """Take over until nothing waits, or until stopped: then after the step under way."""
        async for entries in self._source.take(self._batch):
            await self._step(entries)
            self._say(self.counts.line())
            if stop.is_set():
                return

    async def count(self, stop: asyncio.Event) -> None:
        """Count what `move` would do."""
        async for entries in self._source.peek(self._batch):
            readable, _ = await self._read(entries)
            found = await self._store.read(self._queue, [JobId(job.id) for job, _ in readable])
            for (_, name), stored in zip(readable, found, strict=True):
                self._tally(name, created=stored is None)
            self._say(self.counts.line())
            if stop.is_set():
                return

    async def _step(self, entries: Sequence[Entry]) -> None:
        readable, moved = await self._read(entries)
        self.is_in_doubt = True
        placed = await self._store.enqueue(self._queue, [job for job, _ in readable])
        for (_, name), place in zip(readable, placed, strict=True):
            self._tally(name, created=place.created)
        await self._source.done(moved)
        self.is_in_doubt = False

    async def _read(self, entries: Sequence[Entry]) -> tuple[list[tuple[NewJob, str]], list[Entry]]:
        """Return the jobs with their tasks' names, and the entries that may leave the source."""
        await self._messages.refresh()
        jobs: list[tuple[NewJob, str]] = []
        leaving: list[Entry] = []
        self.counts.read += len(entries)
        for entry in entries:
            if entry.body is None:
                self.counts.gone += 1
                leaving.append(entry)
                continue
            try:
                jobs.append(self._messages.job(entry.body))
            except Unreadable as error:
                self.counts.blame(entry.name, str(error))
            else:
                leaving.append(entry)
        return jobs, leaving

    def _tally(self, name: str, *, created: bool) -> None:
        if created:
            self.counts.imported += 1
            self.counts.names[name] += 1
        else:
            self.counts.there += 1
