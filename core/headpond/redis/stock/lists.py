"""`ListQueueBroker`: LPUSH by those who kick, BRPOP by workers, nothing is acknowledged.

What is taken moves to a list beside it first, so no stock worker runs it as well; a message leaves
that list once it was accepted elsewhere. Whatever a killed run left there, the next one finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from headpond.redis.stock.source import Entry, Left

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from headpond.redis.stock.connection import Connection

SUFFIX: Final = ":headpond-import"
STEP: Final = 500
"""Commands in one write."""


class ListSource:
    """One list. See `Source`."""

    def __init__(self, connection: Connection, key: str) -> None:
        """Touch nothing yet."""
        self._redis = connection
        self._key = key
        # In a cluster both must share a slot; without braces the whole name counts.
        self._side = f"{key}{SUFFIX}" if "{" in key else f"{{{key}}}{SUFFIX}"
        self._kept = 0
        """Messages at the old end of the list beside that were seen and not done."""

    async def open(self) -> str:
        """Count what waits."""
        there = await self._redis.check_type(self._key, "list")
        beside = await self._redis.check_type(self._side, "list")
        if not there and not beside:
            return f"There is no key {self._key!r} at {self._redis.name}: nothing waits."
        waiting, taken = await self._lengths()
        earlier = f", {taken:,} of them taken by an earlier run" if taken else ""
        return f"{waiting + taken:,} messages wait in {self._key!r} at {self._redis.name}{earlier}."

    async def peek(self, size: int) -> AsyncIterator[list[Entry]]:
        """Read from the old end on."""
        for key in (self._side, self._key):
            at = 0
            while found := await self._redis.ask("LRANGE", key, -at - size, -at - 1):
                at += len(found)
                yield [Entry(body, body) for body in reversed(found)]
                if len(found) < size:
                    break

    async def take(self, size: int) -> AsyncIterator[list[Entry]]:
        """Take the oldest to the list beside, and yield them from there."""
        move = ("LMOVE", self._key, self._side, "RIGHT", "LEFT")
        while True:
            # What lies there at the first look is what an earlier run left.
            found = await self._redis.ask("LRANGE", self._side, -self._kept - size, -self._kept - 1)
            if not found:
                moved = await self._redis.ask_all([move] * size)
                if moved[0] is None:
                    return
                continue
            entries = [Entry(body, body) for body in reversed(found)]
            self._kept += len(entries)
            yield entries

    async def done(self, entries: Sequence[Entry]) -> None:
        """Remove them from the list beside; they lie near its old end."""
        removed = await self._redis.ask_all(
            [("LREM", self._side, -1, entry.mark) for entry in entries]
        )
        self._kept -= sum(removed)

    async def close(self) -> Left:
        """Put back what was not done, at its old place and in its order."""
        back = ("LMOVE", self._side, self._key, "LEFT", "RIGHT")
        while (await self._redis.ask_all([back] * STEP))[-1] is not None:
            pass
        self._kept = 0
        return Left(sum(await self._lengths()))

    async def _lengths(self) -> tuple[int, int]:
        waiting, taken = await self._redis.ask_all([("LLEN", self._key), ("LLEN", self._side)])
        return waiting, taken
