"""A server that is no Redis: it says what it is told to, breaks off, or stays silent."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from headpond.redis.address import Address, Kind, Node
from headpond.redis.wire import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Fake:
    """A server that answers whatever it reads with set bytes, and then perhaps hangs up."""

    def __init__(self, *answers: bytes, hangs_up: bool = False, drips_s: float = 0) -> None:
        """Say what it answers, the last one again and again; `drips_s` lies between two bytes."""
        self.answers = list(answers)
        self.hangs_up = hangs_up
        self.drips_s = drips_s
        self.came = 0
        self.left = 0
        self.writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Address]:
        """Give its address."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            yield Address(Kind.ALONE, (Node("127.0.0.1", port),), connect_timeout_s=0.5)
        finally:
            server.close()
            for writer in self.writers:
                writer.close()

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[Wire]:
        """Give a wire to it that greets with one PING."""
        async with self.listening() as address:
            wire = Wire(address, setup=[("PING",)])
            yield wire
            wire.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it leaves."""
        self.came += 1
        self.writers.append(writer)
        answers = list(self.answers)
        try:
            while await reader.read(4096):
                await self._answer(writer, answers.pop(0) if answers[1:] else answers[0])
                if self.hangs_up:
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass  # the test is over
        self.left += 1
        writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        for each in (
            [answer[at : at + 1] for at in range(len(answer))] if self.drips_s else [answer]
        ):
            writer.write(each)
            await writer.drain()
            await asyncio.sleep(self.drips_s)
