"""A connection that listens to a channel, in the event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import hiredis
from typing_extensions import override

from headpond.errors import StoreUnavailable
from headpond.redis.replies import translate
from headpond.redis.wire import Protocol, Wire

if TYPE_CHECKING:
    from headpond.redis.address import Address, Node
    from headpond.redis.places import Place

QUIET_S: Final = 5.0
"""After this long without a word Redis is asked whether it is there; it may have vanished."""


class _Listening(Protocol):
    """A connection on which words come unasked, between the answers."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.words: asyncio.Queue[bytes | None] = asyncio.Queue()
        """`None` is the end of the connection."""

    @override
    def data_received(self, data: bytes) -> None:
        self.reader.feed(data)
        while (reply := self.reader.gets()) is not False:
            self.replies += 1
            if isinstance(reply, list) and reply[0] == b"message":
                self.words.put_nowait(reply[2])
                continue
            future = self.waiting.popleft()
            if future.done():
                continue
            if isinstance(reply, hiredis.ReplyError):
                future.set_exception(translate(reply))
            else:
                future.set_result(reply)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.words.put_nowait(None)


class Ear(Wire):
    """Hears what is said on one channel."""

    def __init__(self, address: Address, where: Node | Place, channel: str) -> None:
        """Connect lazily."""
        super().__init__(address, where, setup=[("SUBSCRIBE", channel)])

    @override
    def speaks(self, loop: asyncio.AbstractEventLoop) -> Protocol:
        return _Listening(loop)

    async def word(self) -> bytes:
        """Return the next word; raise `StoreUnavailable` when some may have been missed."""
        protocol = await self.connect()
        assert isinstance(protocol, _Listening)  # noqa: S101 (by `speaks`)
        while True:
            try:
                async with asyncio.timeout(QUIET_S):
                    word = await protocol.words.get()
            except TimeoutError:
                await protocol.send(("PING",))
                continue
            if word is None:
                raise StoreUnavailable(protocol.lost)
            return word
