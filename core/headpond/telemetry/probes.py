"""/livez, /readyz and /metrics of a worker or an operator, for whoever supervises it.

Alive means that the loop turns: never whether Redis answers, or an outage of Redis would restart
every process.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

READ_WITHIN_S: Final = 2.0
_PLAIN: Final = "text/plain"
_FIGURES: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Probed:
    """What a process says of itself."""

    is_ready: Callable[[], bool]
    figures: Callable[[], bytes]
    """What Prometheus gets."""
    is_alive: Callable[[], bool] = lambda: True
    """For what an answer alone does not prove."""


async def serve(port: int, probed: Probed) -> asyncio.Server:
    """Answer GET /livez, /readyz and /metrics on every interface; port 0 takes a free one."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                line = await reader.readline()
                while (await reader.readline()).strip():
                    pass  # headers: closing with one unread would reset the answer away
            path = line.split(b" ")[1].partition(b"?")[0] if line.count(b" ") > 1 else b""
            writer.write(_response(path, probed))
            await writer.drain()
        except (TimeoutError, OSError, ValueError):
            pass  # a prober that goes away is no fault of ours
        finally:
            writer.close()

    return await asyncio.start_server(answer, None, port)  # kubelet comes from outside, by IPv6 too


def _response(path: bytes, probed: Probed) -> bytes:
    status, kind, body = "404 Not Found", _PLAIN, b"there is /livez, /readyz and /metrics"
    if path == b"/livez":
        status, body = _verdict(well=probed.is_alive(), good=b"alive", bad=b"stuck")
    elif path == b"/readyz":
        status, body = _verdict(well=probed.is_ready(), good=b"ready", bad=b"not ready")
    elif path == b"/metrics":
        status, kind, body = "200 OK", _FIGURES, probed.figures()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body


def _verdict(*, well: bool, good: bytes, bad: bytes) -> tuple[str, bytes]:
    return ("200 OK", good) if well else ("503 Service Unavailable", bad)
