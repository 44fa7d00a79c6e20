"""When the governor looks next: after a while, when a queue's mark is crossed, or never again."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class Alarm:
    """An interruptible sleep. One task listens, the governor rests."""

    def __init__(self, wakes: Callable[[], AsyncIterator[str]], debounce_s: float) -> None:
        """After the first wake-up wait `debounce_s` for the others of the same burst."""
        self._wakes = wakes
        self._debounce_s = debounce_s
        self._rung = asyncio.Event()
        self._queues: set[str] = set()

    async def listen(self) -> None:
        """Hear the store's wake-ups until cancelled. A store that is away is asked again."""
        while True:
            with contextlib.suppress(Exception):  # whatever it is: each round looks anyway
                async for queue in self._wakes():
                    self.ring(queue)
            await asyncio.sleep(1.0)

    def ring(self, queue: str) -> None:
        """Wake whoever rests."""
        self._queues.add(queue)
        self._rung.set()

    async def rest(self, seconds: float, stop: asyncio.Event) -> set[str]:
        """Return after `seconds`, or sooner when rung or stopped; return the queues that rang."""
        rung = await _first(seconds, self._rung, stop)
        if rung and not stop.is_set():
            await _first(min(seconds, self._debounce_s), stop)
        queues, self._queues = self._queues, set()
        self._rung.clear()
        return queues


async def _first(seconds: float, *events: asyncio.Event) -> bool:
    """Wait until one of the events is set, at most `seconds`; return whether one is."""
    if any(event.is_set() for event in events):
        return True
    tasks = [asyncio.create_task(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return bool(done)
