"""The jobs that every side runs, as plain functions, and the middleware that sees them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from taskiq import TaskiqMiddleware
from typing_extensions import override

from harness.counter import COUNTER

if TYPE_CHECKING:
    from taskiq import TaskiqMessage, TaskiqResult

TEXT: Final = "x" * 64
"""Every job carries a number and this."""


async def noop(number: int, text: str) -> None:  # noqa: ARG001 (it does nothing, for the measure)
    """Count."""
    COUNTER.hit()


async def nap(number: int, text: str) -> None:  # noqa: ARG001 (as above)
    """Take a millisecond, and count."""
    await asyncio.sleep(0.001)
    COUNTER.hit()


async def stamp(sent_ns: int, text: str) -> None:  # noqa: ARG001 (as above)
    """Count, and note how long ago the job was sent."""
    COUNTER.arrived(sent_ns)


class Watching(TaskiqMiddleware):
    """The least that a useful middleware does: see each job begin and end."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        super().__init__()
        self.began = 0
        self.ended = 0

    @override
    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        self.began += 1
        return message

    @override
    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        self.ended += 1
