"""A TCP proxy between Headpond and Redis that drops, delays, half-opens and loses replies."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from until import until

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator

    from chaos import Chaos, World

CHUNK: Final = 65536
RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: close with a reset, as a router does that has forgotten the connection."""


@dataclass(eq=False)
class Link:
    """One client's connection, and ours to Redis for it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_deaf: bool = False
    """Nothing passes in either direction any more, and nobody is told: half open."""
    loses_reply: bool = False
    """The next thing that Redis says is swallowed, and the connection cut."""

    def cut(self) -> None:
        """Reset both ends."""
        for writer in (self.client, self.server):
            plug = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()


@dataclass
class TcpProxy:
    """Stands before one port of this machine."""

    target: int
    port: int = 0
    delay_s: float = 0.0
    """Each reply waits this long; their order stays."""
    refuses: bool = False
    """New connections are reset at once."""
    links: set[Link] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"redis://127.0.0.1:{self.port}/0"

    def cut_all(self) -> None:
        """Reset every connection."""
        for link in list(self.links):
            link.cut()

    def lose_replies(self, chance: random.Random, share: float) -> None:
        """Lose the next reply on a share of the connections: what was asked has happened."""
        for link in self.links:
            link.loses_reply = link.loses_reply or chance.random() < share

    def deafen(self, chance: random.Random, share: float) -> None:
        """Half-open a share of the connections."""
        for link in self.links:
            link.is_deaf = link.is_deaf or chance.random() < share

    @asynccontextmanager
    async def open(self) -> AsyncIterator[TcpProxy]:
        """Listen; reset every connection at the end."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.refuses = True
            self.cut_all()
            await until(lambda: not self.links)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.transport.abort()
            return
        try:
            answers, asks = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, asks)
        self.links.add(link)
        ways = [
            asyncio.ensure_future(self._pass(link, reader, asks, is_reply=False)),
            asyncio.ensure_future(self._pass(link, answers, writer, is_reply=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            link.cut()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self.links.discard(link)

    async def _pass(
        self,
        link: Link,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        *,
        is_reply: bool,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK):
                if is_reply and link.loses_reply:
                    return
                if is_reply and self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if not link.is_deaf:
                    sink.write(data)
                    await sink.drain()


def lease_for(seconds: float) -> int:
    """Return a lease that no fault of so long can cost: a third of it, and then a second."""
    return round(1_500 * (seconds + 1))


@asynccontextmanager
async def through_proxy(
    world: World, seconds: float, options: str = ""
) -> AsyncIterator[tuple[TcpProxy, Chaos]]:
    """Give a mill whose workers and producers reach Redis through a proxy, two at work."""
    async with (
        TcpProxy(world.server.port).open() as proxy,
        world.chaos(lease_ms=lease_for(seconds), worker_url=f"{proxy.url}{options}") as chaos,
    ):
        await chaos.staff(2)
        yield proxy, chaos
