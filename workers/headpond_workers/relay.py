"""Runs jobs in as few asyncio tasks as they need: one each for those that wait, else one for many.

Making a task costs more than running a handler that never waits. So a task runs job after job for
as long as none of them waits; once one does, the task is that job's own, and another goes on with
the rest. Each job still runs in a real task, and in a context of its own: a task whose context a
handler has changed, or that was cancelled, runs no other job.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from headpond_workers.held import Held

logger = logging.getLogger(__name__)

STRETCH_S: Final = 0.001
"""A task runs jobs for so long, then the loop turns: it has replies to read."""
MOST_AT_ONCE: Final = 1024


class Relay:
    """Runs whatever it is given as soon as the loop comes to it."""

    def __init__(self, run: Callable[[Held], Coroutine[Any, Any, float]]) -> None:
        """`run` runs one job and returns when it ended; contexts of jobs begin like this one."""
        self._run = run
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._next: deque[Held] = deque()
        self._coming = 0
        """Tasks that have not begun."""
        self._fresh: set[asyncio.Task[Any]] = set()
        """Tasks that have begun, and that have not been found waiting."""
        self._width = 1
        """How many of both to have: many while jobs wait, since each of these needs one."""

    def add(self, held: Held) -> None:
        """Run a job."""
        self._next.append(held)
        if self._coming + len(self._fresh) < self._width:
            self._begin()

    def _begin(self) -> None:
        self._coming += 1
        _ = self._loop.create_task(self._carry(), context=self._context.copy())

    async def _carry(self) -> None:
        """Run jobs until one has waited, or time is up."""
        task: Any = asyncio.current_task()
        fresh, waiting, until = self._fresh, self._next, time.monotonic() + STRETCH_S
        self._coming -= 1
        if not fresh:
            self._loop.call_soon(self._look, context=self._context)
        fresh.add(task)
        try:
            while waiting:
                held = waiting.popleft()
                held.task = task
                ended = await self._run(held)
                if task not in fresh:
                    return  # it was this job's own
                is_used = task.cancelling() or contextvars.copy_context() != self._context
                if is_used or ended > until:
                    break
            self._width = max(1, self._width // 2)
        except Exception:
            logger.exception("a job's run was cut off", extra={"event": "run-cut-off"})
        finally:
            fresh.discard(task)
            if waiting and not (fresh or self._coming):
                self._begin()

    def _look(self) -> None:
        """See which tasks wait: those that have begun and are not done when others have a turn."""
        if self._fresh:
            self._fresh.clear()
            self._width = min(2 * self._width, MOST_AT_ONCE)
        for _ in range(min(len(self._next), self._width - self._coming)):
            self._begin()
