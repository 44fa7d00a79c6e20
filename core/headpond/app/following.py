"""What a queue's settings say to those who enqueue, followed within a second.

A job for a queue that is encrypted since a moment ago must not be stored as it is, so whoever
enqueues asks the store first; the answer is believed for a second.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from headpond.ports import QueueStore

FRESH_S: Final = 1.0


class QueueTerms(msgspec.Struct, frozen=True, rename="camel"):
    """The part of `spec.jobs` that matters when a job is made; `None` leaves it to the code."""

    priority: int | None = None
    encrypt_payload: bool | None = None


NO_TERMS: Final = QueueTerms()


class _Document(msgspec.Struct, frozen=True):
    jobs: QueueTerms = NO_TERMS


_read = msgspec.json.Decoder(_Document).decode


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
        """Return once what is known is at most a second old; raise `StoreUnavailable`."""
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
            self._take(_read(document).jobs)
            self._document = (
                document  # not before: what can't be read is not believed the next time
            )
        self._seen = loop.time()


def _looked_at(task: asyncio.Task[None]) -> None:
    """Take note of the exception, should all who waited for the task be gone."""
    if not task.cancelled():
        task.exception()
