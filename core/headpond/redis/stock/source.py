"""A place from which messages are taken over: what a list and a stream have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


@dataclass(frozen=True, slots=True)
class Entry:
    """One message where it lies."""

    mark: bytes
    """What tells it from others there: a stream's entry id, or the message itself."""
    body: bytes | None
    """`None`: there is an entry, and no message in it any more."""

    @property
    def name(self) -> str:
        """Name it for people."""
        return self.mark[:60].decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class Left:
    """What waits there still."""

    count: int
    notes: tuple[str, ...] = ()
    """Sentences on what was not touched, and why."""


class Source(Protocol):
    """Messages of one stock queue. Nobody else gets what was taken; until `done` nothing is gone.

    A run that is killed leaves what it took where the next run finds it first.
    """

    async def open(self) -> str:
        """Look whether it is what it should be; return a sentence on what is there.

        Raises `Invalid` when the key is of another type, or the group isn't there.
        """
        ...

    def peek(self, size: int) -> AsyncIterator[list[Entry]]:
        """Yield what `take` would, and change nothing."""
        ...

    def take(self, size: int) -> AsyncIterator[list[Entry]]:
        """Yield what waits, oldest first, at most `size` at a time, until nothing does."""
        ...

    async def done(self, entries: Sequence[Entry]) -> None:
        """Remove entries that were accepted elsewhere."""
        ...

    async def close(self) -> Left:
        """Put back what was taken and not done; say what is left."""
        ...
