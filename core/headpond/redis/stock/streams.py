"""`RedisStreamBroker`: XADD by those who kick, a consumer group of workers, XACK of what is run.

Three kinds of entries wait: never delivered; delivered to a worker that has not acknowledged; and
those that an earlier run has taken. All are taken by a consumer of our own, so that no stock worker
runs them as well. Acknowledged ones stay in a stream, but wait no more: they are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from headpond.errors import Invalid
from headpond.redis.stock.source import Entry, Left

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from headpond.redis.stock.connection import Connection

CONSUMER: Final = "headpond-import"
FIELD: Final = b"data"
"""Where taskiq-redis puts the message."""
STEP: Final = 500
MOST_COUNTED: Final = 10_000


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How entries are taken and left."""

    group: str = "taskiq"
    keeps: bool = False
    """Acknowledge only: the entries stay in the stream."""
    alive_s: float = 5.0
    """Whoever was heard of within this may be running what it has."""


@dataclass(frozen=True, slots=True)
class _Consumer:
    name: bytes
    pending: int
    idle_ms: int


class StreamSource:
    """One consumer group of one stream. See `Source`."""

    def __init__(self, connection: Connection, key: str, options: StreamOptions) -> None:
        """Touch nothing yet."""
        self._redis = connection
        self._key = key
        self._options = options
        self._group = options.group
        self._delivered = b"0-0"
        """The last entry that was delivered to anybody of the group."""
        self._is_grouped = True
        self._keeps = options.keeps
        self._notes: dict[str, None] = {}

    async def open(self) -> str:
        """Find the group, and count what waits."""
        if not await self._redis.check_type(self._key, "stream"):
            self._is_grouped = False
            return f"There is no key {self._key!r} at {self._redis.name}: nothing waits."
        groups = {
            row[b"name"].decode("utf-8", "backslashreplace"): row
            for row in map(_row, await self._redis.ask("XINFO", "GROUPS", self._key))
        }
        if groups and self._group not in groups:
            known = ", ".join(map(repr, sorted(groups)))
            raise Invalid(
                f"The stream {self._key!r} has no consumer group {self._group!r}; it has {known}:"
                " name one with --group."
            )
        self._is_grouped = self._group in groups
        if self._is_grouped:
            self._delivered = groups[self._group][b"last-delivered-id"]
        if len(groups) > 1 and not self._keeps:
            self._keeps = True
            others = ", ".join(repr(name) for name in sorted(groups) if name != self._group)
            self._notes[
                f"The entries stay in the stream, acknowledged: {others} reads it as well."
            ] = None
        pending = int(groups[self._group][b"pending"]) if self._is_grouped else 0
        return (
            f"{await self._undelivered()} messages wait in {self._key!r} at {self._redis.name},"
            f" and {pending:,} are delivered and not acknowledged."
        )

    # ── reading ──

    async def peek(self, size: int) -> AsyncIterator[list[Entry]]:
        """Read by ids."""
        for consumer in await self._idle_consumers(with_own=True):
            async for ids in self._pending(consumer.name, size):
                ranges = [("XRANGE", self._key, each, each) for each in ids]
                replies = await self._redis.ask_all(ranges)
                pairs = zip(ids, replies, strict=True)
                yield [_entry(*(found[0] if found else (each, None))) for each, found in pairs]
        after = self._delivered
        while found := await self._after(after, size):
            after = found[-1][0]
            yield [_entry(*row) for row in found]

    async def take(self, size: int) -> AsyncIterator[list[Entry]]:
        """Take over what others have, then what nobody has; begin with what we have already."""
        if not await self._redis.check_type(self._key, "stream"):
            return
        if not self._is_grouped:  # nothing was ever delivered to anybody
            await self._redis.ask("XGROUP", "CREATE", self._key, self._group, "0")
            self._is_grouped = True
        for consumer in await self._idle_consumers(with_own=False):
            await self._claim(consumer, size)
        last = b"0-0"
        while found := await self._read(last, size):
            last = found[-1][0]
            yield [_entry(*row) for row in found]
        while found := await self._read(b">", size):
            yield [_entry(*row) for row in found]

    async def done(self, entries: Sequence[Entry]) -> None:
        """Acknowledge, then delete: should the second be lost, nobody runs them all the same."""
        marks = [entry.mark for entry in entries]
        commands: list[tuple[Any, ...]] = [("XACK", self._key, self._group, *marks)]
        if not self._keeps:
            commands.append(("XDEL", self._key, *marks))
        await self._redis.ask_all(commands if marks else [])

    async def close(self) -> Left:
        """Leave what was not done pending; say what waits."""
        if not await self._redis.check_type(self._key, "stream") or not self._is_grouped:
            return Left(0, tuple(self._notes))
        consumers = await self._consumers()
        own = next((each for each in consumers if each.name == CONSUMER.encode()), None)
        if own is not None and not own.pending:
            await self._redis.ask("XGROUP", "DELCONSUMER", self._key, self._group, CONSUMER)
        groups = map(_row, await self._redis.ask("XINFO", "GROUPS", self._key))
        named = (row for row in groups if row[b"name"] == self._group.encode())
        self._delivered = next(named)[b"last-delivered-id"]
        waiting = len(await self._after(self._delivered, MOST_COUNTED))
        return Left(sum(each.pending for each in consumers) + waiting, tuple(self._notes))

    # ── the group ──

    async def _idle_consumers(self, *, with_own: bool) -> list[_Consumer]:
        """Return those who have something and are heard of no more; take note of the others."""
        idle: list[_Consumer] = []
        for each in await self._consumers():
            is_own = each.name == CONSUMER.encode()
            if not each.pending or (is_own and not with_own):
                continue
            if is_own or each.idle_ms >= self._options.alive_s * 1000:
                idle.append(each)
                continue
            name = each.name.decode("utf-8", "backslashreplace")
            self._notes[
                f"{each.pending:,} are with the worker {name!r}, which was heard of"
                f" {each.idle_ms / 1000:.1f} s ago and may be running them: stop it, and run this"
                " again."
            ] = None
        return idle

    async def _consumers(self) -> list[_Consumer]:
        if not self._is_grouped:
            return []
        rows = map(_row, await self._redis.ask("XINFO", "CONSUMERS", self._key, self._group))
        return [_Consumer(row[b"name"], int(row[b"pending"]), int(row[b"idle"])) for row in rows]

    async def _claim(self, consumer: _Consumer, size: int) -> None:
        async for ids in self._pending(consumer.name, size):
            take = ("XCLAIM", self._key, self._group, CONSUMER, 0, *ids, "JUSTID")
            claimed = await self._redis.ask(*take)
            gone = len(ids) - len(claimed)
            if gone:
                self._notes[
                    f"{gone:,} delivered entries had no message any more: the stream was trimmed."
                ] = None

    async def _pending(self, consumer: bytes, size: int) -> AsyncIterator[list[bytes]]:
        first = b"-"
        while rows := await self._redis.ask(
            "XPENDING", self._key, self._group, first, "+", size, consumer
        ):
            yield [row[0] for row in rows]
            first = b"(" + rows[-1][0]

    async def _read(self, after: bytes, size: int) -> list[Any]:
        """Read as our consumer: its own entries after an id, or new ones."""
        head = ("XREADGROUP", "GROUP", self._group, CONSUMER, "COUNT", size)
        reply = await self._redis.ask(*head, "STREAMS", self._key, after)
        return list(reply[0][1]) if reply else []

    async def _after(self, delivered: bytes, size: int) -> list[Any]:
        return list(
            await self._redis.ask("XRANGE", self._key, b"(" + delivered, "+", "COUNT", size)
        )

    async def _undelivered(self) -> str:
        count = len(await self._after(self._delivered, MOST_COUNTED))
        return f"{count:,}" if count < MOST_COUNTED else f"{count:,} or more"


def _entry(mark: bytes, fields: list[bytes] | None) -> Entry:
    """Read one entry; a stranger's fields are no message, and stay where they are."""
    if fields is None:
        return Entry(mark, None)
    pairs = dict(zip(fields[::2], fields[1::2], strict=True))
    return Entry(mark, pairs.get(FIELD, b""))


def _row(flat: list[Any]) -> dict[bytes, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
