"""What a queue's settings say to those who enqueue, followed within a second.

A job for a queue that is encrypted since a moment ago must not be stored as it is, so whoever
enqueues asks the store first; the answer is believed for a second.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from headpond.terms import read_terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from headpond.ports import QueueStore
    from headpond.terms import QueueTerms

FRESH_S: Final = 1.0


class Follower:
    """Asks the store for one queue's settings, at most once a second."""

    def __init__(self, queue: str, take: Callable[[QueueTerms], None]) -> None:
        """Call `take` with each new answer."""
        self._queue = queue
        self._take = take
        self._seen = float("-inf")
        self._document = "{}"
        self._asking: asyncio.Task[None] | None = None

    async def refresh(self, store: QueueStore) -> None:
        """Return once what is known is at most a second old.

        Raises `StoreUnavailable`, and `Unavailable` for settings that can't be read here.
        """
        loop = asyncio.get_running_loop()
        if loop.time() - self._seen < FRESH_S:
            return
        task = self._asking
        if task is None or task.done() or task.get_loop() is not loop:
            task = self._asking = loop.create_task(self._ask(store, loop))
            task.add_done_callback(_looked_at)
        await asyncio.shield(task)

    def forget(self) -> None:
        """Believe nothing any more: the store is another one."""
        self._seen, self._document, self._asking = float("-inf"), "{}", None

    async def _ask(self, store: QueueStore, loop: asyncio.AbstractEventLoop) -> None:
        settings = await store.settings(self._queue)
        # A queue that nobody has configured is as its code says.
        document = "{}" if settings is None else settings.document
        if document != self._document:
            self._take(read_terms(self._queue, document))
            # Not before: what can't be read is not believed the next time.
            self._document = document
        self._seen = loop.time()


def _looked_at(task: asyncio.Task[None]) -> None:
    """Take note of the exception, should all who waited for the task be gone."""
    if not task.cancelled():
        task.exception()
