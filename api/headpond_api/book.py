"""The queues that there are: those in the store, and those that the loaded apps declare.

A declared queue that the store does not have yet gets the defaults of its code, once it is needed.
What the store says of a queue is believed for a second at most: a change is in force that soon.
"""

from __future__ import annotations

import asyncio
from typing import Final

from headpond.app.catalog import Catalog
from headpond.config import default_config
from headpond.errors import HeadpondError, JobTypeUnknown, QueueUnknown, StoreUnavailable
from headpond.ports import QueueStore
from headpond.queues import QueueSettings
from headpond.terms import read_terms

STALE_S: Final = 1.0
"""Settings older than this are asked for before they are used."""

REFRESH_S: Final = 0.5
"""Settings older than this are asked for while they are still used: nobody waits for them."""


class QueueBook:
    """What this process knows of the queues."""

    def __init__(self, store: QueueStore, catalog: Catalog) -> None:
        """Know nothing yet but what the apps declare."""
        self._store = store
        self._catalog = catalog
        self._seen: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def names(self) -> list[str]:
        """Return the names of all queues, sorted."""
        return sorted({*await self._store.queues(), *self._catalog.queue_names()})

    async def unknown(self, queue: str) -> QueueUnknown:
        """Return the error that names what exists."""
        return QueueUnknown(queue, await self.names())

    async def check_type(self, queue: str, job_type: str) -> HeadpondError | None:
        """Return what is wrong with the pair; `None` when an app that is loaded has it."""
        if queue not in self._catalog.queue_names():
            names = await self._store.queues()
            if queue not in names:
                return QueueUnknown(queue, {*names, *self._catalog.queue_names()})
            return JobTypeUnknown(job_type, queue)
        types = self._catalog.job_types(queue)
        return None if job_type in types else JobTypeUnknown(job_type, queue, types)

    def is_fresh(self, queue: str, now: float) -> bool:
        """Whether `admit` has nothing to do at this moment of the loop's time."""
        return now - self._seen.get(queue, float("-inf")) < REFRESH_S

    async def admit(self, queue: str) -> None:
        """Return when the queue exists and its settings here are fresh; raise `QueueUnknown`."""
        now = asyncio.get_running_loop().time()
        if self.is_fresh(queue, now):
            return
        age = now - self._seen.get(queue, float("-inf"))
        task = self._asking.get(queue)
        if task is None:
            task = self._asking[queue] = asyncio.create_task(self._ask(queue))
            task.add_done_callback(lambda done: self._asked(queue, done))
        if age >= STALE_S:
            await asyncio.shield(task)

    async def declare(self) -> None:
        """Give the store the declared queues that it does not have."""
        for queue in self._catalog.queue_names():
            await self._ask(queue)

    def expire(self) -> None:
        """Believe nothing that was read so far: the next request asks the store."""
        self._seen.clear()

    def _declared(self, queue: str) -> QueueSettings | None:
        if queue not in self._catalog.queue_names():
            return None
        defaults = self._catalog.queue(queue).defaults
        return default_config(queue, defaults).spec.to_settings()

    async def _ask(self, queue: str) -> None:
        settings = await self._store.settings(queue)
        if settings is None:
            settings = self._declared(queue)
            if settings is None:
                raise await self.unknown(queue)
            await self._store.configure(queue, settings)
        if queue in self._catalog.queue_names():
            self._catalog.queue(queue).follow(read_terms(queue, settings.document))
        self._seen[queue] = asyncio.get_running_loop().time()

    def _asked(self, queue: str, task: asyncio.Task[None]) -> None:
        self._asking.pop(queue, None)
        if task.cancelled():
            return
        error = task.exception()  # looked at, so that asyncio does not complain
        if error is not None and not isinstance(error, StoreUnavailable):
            self._seen.pop(queue, None)
