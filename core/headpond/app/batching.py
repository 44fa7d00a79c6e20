"""Batches, as an app opens and asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from headpond.app.calls import Call
from headpond.app.wishes import batch_name, milliseconds, refused
from headpond.batches import KEEP_MS, LOCK_MS, Batch
from headpond.errors import BatchLocked

if TYPE_CHECKING:
    from headpond.app.queue import Queue
    from headpond.app.wishes import Delay
    from headpond.batches import BatchState


class OpenBatch:
    """A batch that is opened by `async with`; give it, or its id, to the enqueues it consists of.

    Leaving the block does nothing: the batch is complete when its jobs have ended.
    """

    def __init__(  # noqa: PLR0913 (every option of a batch is a keyword of its own)
        self,
        queue: Queue,
        batch_id: str,
        *,
        total: int,
        on_complete: Call | None,
        lock: Delay | None,
        keep: Delay | None,
    ) -> None:
        """Check what is asked for; nothing is opened yet."""
        self._queue = queue
        self.id = batch_name(batch_id)
        if isinstance(total, bool) or not isinstance(total, int):
            raise refused("total", f"{total!r} is no number of jobs.")
        if on_complete is not None and not isinstance(on_complete, Call):
            raise refused("on_complete", f"{on_complete!r} is no job: make it by JobType.call.")
        self._callback = on_complete and on_complete.for_queue(queue.name, "on_complete")
        lock_ms = LOCK_MS if lock is None else milliseconds(lock, "lock")
        keep_ms = KEEP_MS if keep is None else milliseconds(keep, "keep")
        self._batch = Batch(self.id, total, lock_ms, keep_ms)

    async def open(self) -> bool:
        """Open it; False when it is being worked on, and then nothing is changed."""
        batch, call = self._batch, self._callback
        if call is not None:
            await self._queue.refresh()
            batch = Batch(batch.id, batch.total, batch.lock_ms, batch.keep_ms, call.pack())
        return await self._queue.app.store.open_batch(self._queue.name, batch)

    async def status(self) -> BatchState | None:
        """Return how it stands; `None` when it is not kept any more."""
        return await self._queue.batch_status(self.id)

    async def __aenter__(self) -> Self:
        """Open it; raise `BatchLocked` when it is being worked on."""
        if not await self.open():
            raise BatchLocked(self.id, self._queue.name)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave it to its jobs."""
