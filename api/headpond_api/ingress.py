"""What the routes of one API process share, and how it begins and ends.

The process starts without its store, says so on /readyz, and goes on trying: a Redis that is away
for a minute must not turn into an API that is down for longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import AsyncIterator
from typing import Final

from headpond.app.catalog import Catalog
from headpond.errors import HeadpondError, StoreUnavailable, StoreUnfit
from headpond.ports import Clock, QueueStore
from headpond.settings import ApiSettings
from headpond_api.auth import Keys
from headpond_api.book import QueueBook
from headpond_api.metrics import HttpMeter

log = logging.getLogger("headpond.api")

AGAIN_S: Final = 1.0
"""Between two tries to reach the store at the start."""


class Ingress:
    """One API process: its store, its apps, its queues, its state."""

    def __init__(
        self, settings: ApiSettings, store: QueueStore, catalog: Catalog, clock: Clock
    ) -> None:
        """Bind the apps to the store; nothing is asked yet."""
        self.settings = settings
        self.catalog = catalog
        self.clock = clock
        self.meter = HttpMeter()
        self.keys = Keys(settings.api_key.get_secret_value())
        self.book = QueueBook(store, catalog)
        self.closing = False
        self.trouble = ""
        """Why the store did not pass its start; `""` when it did, or was never asked to start."""
        self._store = store
        catalog.bind(store)

    @property
    def store(self) -> QueueStore:
        """The store; raises `StoreUnavailable` while it has not passed its start."""
        if self.trouble:
            raise StoreUnavailable(self.trouble)
        return self._store

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start the store and the apps; stop them at the end, in the other order.

        Raises `StoreUnfit` when the store answers and must not hold jobs.
        """
        starting: asyncio.Task[None] | None = None
        if not await self._try_start(first=True):
            starting = asyncio.create_task(self._keep_trying())
        for app in self.catalog.apps:
            for hook in app.start_hooks:
                await _call(hook)
        try:
            yield
        finally:
            self.closing = True
            if starting is not None:
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
            for app in reversed(self.catalog.apps):
                for hook in reversed(app.stop_hooks):
                    await _call(hook)
            await self._store.close()

    async def _try_start(self, *, first: bool = False) -> bool:
        try:
            await self._store.start()
            await self.book.declare()
        except StoreUnfit as error:
            if first:
                raise
            self._note(error)
        except HeadpondError as error:
            self._note(error)
        else:
            if self.trouble:
                log.info("store_started")
            self.trouble = ""
            return True
        return False

    def _note(self, error: HeadpondError) -> None:
        if str(error) != self.trouble:
            log.warning("store_not_started: %s", error)
        self.trouble = str(error)

    async def _keep_trying(self) -> None:
        while True:
            await asyncio.sleep(AGAIN_S)
            if await self._try_start():
                return


async def _call(hook: object) -> None:
    assert callable(hook)  # noqa: S101 (App.on_start takes callables only)
    answer = hook()
    if inspect.isawaitable(answer):
        await answer
