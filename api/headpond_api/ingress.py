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
"""Between two tries to reach the store, and between two looks at the settings."""


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
        catalog.bind(store, settings.keyring())

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
        await self._try_start(first=True)
        minding = asyncio.create_task(self._mind())
        for app in self.catalog.apps:
            for hook in app.start_hooks:
                await _call(hook)
        try:
            yield
        finally:
            self.closing = True
            minding.cancel()
            await asyncio.gather(minding, return_exceptions=True)
            for app in reversed(self.catalog.apps):
                for hook in reversed(app.stop_hooks):
                    await _call(hook)
            await self._store.close()

    async def _try_start(self, *, first: bool = False) -> None:
        try:
            await self._store.start()
            await self.book.declare()
            await self.catalog.declare_schedules()
        except StoreUnfit as error:
            if first:
                raise
            self._note(error)
        except HeadpondError as error:
            self._note(error)
        else:
            if self.trouble:
                log.info("store_started", extra={"event": "store-started"})
            self.trouble = ""

    def _note(self, error: HeadpondError) -> None:
        if str(error) != self.trouble:
            log.warning("store_not_started: %s", error, extra={"event": "store-not-started"})
        self.trouble = str(error)

    async def _mind(self) -> None:
        """Go on trying a store that has not passed its start; then follow the queues' settings.

        Routes of apps enqueue without asking the book, so it is kept fresh for them here.
        """
        while True:
            await asyncio.sleep(AGAIN_S)
            if self.trouble:
                await self._try_start()
                continue
            try:
                await self.book.declare()
            except StoreUnavailable as error:
                log.debug("settings_not_read: %s", error, extra={"event": "settings-not-read"})
            except HeadpondError as error:
                log.warning(
                    "settings_not_understood: %s", error, extra={"event": "settings-not-understood"}
                )


async def _call(hook: object) -> None:
    assert callable(hook)  # noqa: S101 (App.on_start takes callables only)
    answer = hook()
    if inspect.isawaitable(answer):
        await answer
