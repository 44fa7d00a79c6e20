"""Send jobs by HTTP from a process of its own: `python -m harness.load TARGET JOBS [RATE]`.

Keep-alive connections, one request at a time on each: as fast as answers come, or at a fixed rate.
TARGET is JSON (`harness.target`). An answer other than 2xx ends everything. The last line printed
is JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from statistics import quantiles
from typing import TYPE_CHECKING, Final

import uvloop
from typing_extensions import override

from harness.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS: Final = 64
WARM: Final = 0.25
"""Part of the requests that is sent, but not timed."""


class Refused(Exception):  # noqa: N818 (what happened, as in the domain)
    """The server answered with something else than success, or hung up."""


class Connection(asyncio.Protocol):
    """One keep-alive connection; `answered` is called after each answer with its milliseconds."""

    def __init__(self, answered: Callable[[Connection, float], None]) -> None:
        """Begin with nothing sent."""
        self._answered = answered
        self._buffer = b""
        self._sent = 0.0
        self._transport: asyncio.WriteTransport | None = None
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a socket's transport writes

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"The server hung up: {exc}.")

    async def trouble(self) -> None:
        """Raise `Refused` when something goes wrong; else wait for ever."""
        await self._failed

    def send(self, request: bytes) -> None:
        """Send one request."""
        self._sent = time.perf_counter()
        if self._transport is not None:
            self._transport.write(request)

    @override
    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(buffer) < end + 4 + length:
            return
        if not head.startswith(b"http/1.1 2"):
            self._fail(f"The server refused: {buffer.decode(errors='replace')}")
            return
        self._buffer = b""
        self._answered(self, (time.perf_counter() - self._sent) * 1e3)

    def _fail(self, why: str) -> None:
        if not self._failed.done():
            self._failed.set_exception(Refused(why))


class Load:
    """So many requests over so many connections."""

    def __init__(self, target: Target, jobs: int) -> None:
        """Count from nothing."""
        self._target = target
        self._jobs = jobs
        self._sent = 0
        self._ended = 0
        self._began = 0.0
        self._waits: list[float] = []
        self._idle: asyncio.Queue[Connection] = asyncio.Queue()
        self._done = asyncio.Event()

    async def run(self, rate: int) -> dict[str, float]:
        """Send them all; `rate` 0 is as fast as answers come."""
        loop = asyncio.get_running_loop()
        host, port = "127.0.0.1", self._target.port
        answered = self._paced if rate else self._next
        connections = [
            (await loop.create_connection(lambda: Connection(answered), host, port))[1]
            for _ in range(CONNECTIONS)
        ]
        async with asyncio.TaskGroup() as group:
            watching = [group.create_task(connection.trouble()) for connection in connections]
            if rate:
                for connection in connections:
                    self._idle.put_nowait(connection)
                await self._pace(rate)
            else:
                for connection in connections:
                    self._send(connection)
            await self._done.wait()
            for task in watching:
                task.cancel()
        cuts = quantiles(self._waits, n=100)
        seconds = time.perf_counter() - self._began
        return {"per_second": len(self._waits) / seconds, "p50_ms": cuts[49], "p99_ms": cuts[98]}

    def _send(self, connection: Connection, now_ns: int = 0) -> None:
        self._sent += 1
        connection.send(self._target.request(self._sent, now_ns))

    def _count(self, wait_ms: float) -> None:
        self._ended += 1
        if self._ended == int(self._jobs * WARM):
            self._began = time.perf_counter()
        elif self._began:
            self._waits.append(wait_ms)
        if self._ended == self._jobs:
            self._done.set()

    def _next(self, connection: Connection, wait_ms: float) -> None:
        self._count(wait_ms)
        if self._sent < self._jobs:
            self._send(connection)

    async def _pace(self, rate: int) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(self._jobs):
            await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
            due_ns = time.monotonic_ns()  # a server that lets us wait for a connection is slow, too
            self._send(await self._idle.get(), due_ns)

    def _paced(self, connection: Connection, wait_ms: float) -> None:
        self._count(wait_ms)
        self._idle.put_nowait(connection)


async def main(target: str, jobs: str, rate: str = "0") -> None:
    """Send, and print what came of it."""
    print(json.dumps(await Load(Target(**json.loads(target)), int(jobs)).run(int(rate))))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
