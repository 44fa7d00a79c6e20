"""Threads for synchronous handlers.

Not an executor of the standard library: a handler that never returns must neither use up a slot for
ever nor keep the process from ending, so these threads are daemons, and there is always one more.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Work = tuple[Callable[[], Any], asyncio.AbstractEventLoop, asyncio.Future[Any]]


class Threads:
    """As many threads as there are handlers running at once; idle ones are used again."""

    def __init__(self) -> None:
        """Begin with none."""
        self._work: SimpleQueue[Work] = SimpleQueue()
        self._idle = 0
        self._lock = threading.Lock()

    async def run(self, function: Callable[[], Any]) -> Any:
        """Run `function` in a thread, in a copy of this context, and return what it returns."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()
        work: Work = (lambda: context.run(function), loop, future)
        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                threading.Thread(target=self._serve, name="headpond-handler", daemon=True).start()
        self._work.put(work)
        return await future

    def _serve(self) -> None:
        while True:
            function, loop, future = self._work.get()
            try:
                value, error = function(), None
            except BaseException as raised:  # noqa: BLE001 (sys.exit in a handler ends the job, not us)
                value, error = None, raised
            with self._lock:
                self._idle += 1
            _hand_over(loop, future, value, error)
            del function, future, value, error


def _hand_over(
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[Any],
    value: Any,
    error: BaseException | None,
) -> None:
    def settle() -> None:
        if future.done():
            return
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(_carried(error))

    with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending
        loop.call_soon_threadsafe(settle)


class HandlerExit(Exception):  # noqa: N818 (wraps what is no Exception)
    """A handler raised what no future may carry, such as SystemExit or StopIteration."""


def _carried(error: BaseException) -> BaseException:
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    carried = HandlerExit(f"{type(error).__name__}: {error}")
    carried.__cause__ = error
    return carried
