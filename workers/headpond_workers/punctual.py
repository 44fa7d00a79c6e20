"""Fires a queue's schedules when an exchange says that one is due. Never stops the worker."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from headpond.errors import StoreUnavailable
from headpond.firing import fire_due

if TYPE_CHECKING:
    from headpond.ports import QueueStore

logger = logging.getLogger(__name__)

SOON_S: Final = 0.05
"""While schedules are being fired, the store is asked again after this."""
AGAIN_AFTER_S: Final = 1.0
"""A schedule that could not be fired is tried again after this."""


class Punctual:
    """Starts a firing unless one is under way or has just failed."""

    def __init__(self, store: QueueStore, queue: str) -> None:
        """Fire by `store`."""
        self._store = store
        self._queue = queue
        self._firing: asyncio.Task[None] | None = None
        self._not_before = 0.0

    def due(self, now_ms: int) -> float:
        """Fire what is due at the store's time `now_ms`; return when to ask the store again."""
        loop = asyncio.get_running_loop()
        pause_s = self._not_before - loop.time()
        if self._firing is None and pause_s <= 0:
            self._firing = loop.create_task(self._fire(now_ms))
        return max(SOON_S, pause_s)

    async def _fire(self, now_ms: int) -> None:
        is_fired = False
        try:
            is_fired = await fire_due(self._store, self._queue, now_ms)
        except StoreUnavailable as error:
            logger.info(
                "queue %s: schedules are fired later: %s",
                self._queue,
                error,
                extra={"event": "schedules-late", "queue": self._queue},
            )
        except Exception:
            logger.exception(
                "queue %s: firing its schedules failed",
                self._queue,
                extra={"event": "schedules-failed", "queue": self._queue},
            )
        finally:
            self._firing = None
            if not is_fired:
                self._not_before = asyncio.get_running_loop().time() + AGAIN_AFTER_S
