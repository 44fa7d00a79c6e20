"""The job at hand, as its handler sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from headpond.envelope import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_MESSAGE: Final = 500
"""Characters of a progress' message that are kept."""
MOST_AMOUNT: Final = 1e300


@dataclass(slots=True)
class Job:
    """Who the handler works for. A handler asks for it by a parameter annotated `Job`."""

    id: str
    queue: str
    type: str
    tenant: str = ""
    attempt: int = 1
    """1 for the first run."""
    correlation_id: str = ""
    say: Callable[[Job, Progress], None] | None = field(default=None, repr=False, compare=False)
    """Where progress goes; set by the worker."""
    _is_cancelled: bool = field(default=False, init=False)
    _has_seen: bool = field(default=False, init=False, repr=False, compare=False)

    @property
    def cancelled(self) -> bool:
        """Nobody waits for this run any more: it was cancelled, ran too long or lost its lease.

        A handler in a thread can't be interrupted; it looks here between two steps. One that has
        seen a cancellation and returns is taken to have stopped because of it.
        """
        self._has_seen = self._is_cancelled
        return self._is_cancelled

    @cancelled.setter
    def cancelled(self, value: bool) -> None:
        self._is_cancelled = value

    @property
    def has_seen(self) -> bool:
        """Whether the handler has looked at `cancelled` and found it true."""
        return self._has_seen

    async def progress(self, done: float, total: float = 0, message: str = "") -> None:
        """Say how far the run is; `total` 0 means that it isn't known.

        It waits for nothing, and of many calls the queue hears five a second and the last one.
        Raises `ValueError` for what is no progress.
        """
        self.report_progress(done, total, message)

    def report_progress(self, done: float, total: float = 0, message: str = "") -> None:
        """Say the same from a handler in a thread."""
        progress = Progress(
            _amount("done", done), _amount("total", total), _text(message)[:MOST_MESSAGE]
        )
        if self.say is not None:
            self.say(self, progress)


def _amount(name: str, value: object) -> float:
    if isinstance(value, int | float) and 0 <= value <= MOST_AMOUNT:
        return float(value)
    message = f"{value!r} can't be the progress' {name}: write a finite number of 0 or more."
    raise ValueError(message)


def _text(message: object) -> str:
    if not isinstance(message, str):
        error = f"{message!r} can't be the progress' message: write a text."
        raise ValueError(error)  # noqa: TRY004 (as for the numbers)
    return message.encode("utf-8", "replace").decode("utf-8")
