"""/livez, /readyz and /metrics of a worker, for whoever supervises it.

Alive means that the loop turns: never whether Redis answers, or an outage of Redis would restart
every worker. Ready means that it claims jobs.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

READ_WITHIN_S: Final = 2.0
_PLAIN: Final = "text/plain"
_FIGURES: Final = "text/plain; version=0.0.4; charset=utf-8"


async def serve(
    port: int, is_ready: Callable[[], bool], figures: Callable[[], bytes]
) -> asyncio.Server:
    """Answer GET /livez, /readyz and /metrics on every interface; port 0 takes a free one."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                line = await reader.readline()
                while (await reader.readline()).strip():
                    pass  # headers: closing with one unread would reset the answer away
            path = line.split(b" ")[1].partition(b"?")[0] if line.count(b" ") > 1 else b""
            writer.write(_response(path, is_ready, figures))
            await writer.drain()
        except (TimeoutError, OSError, ValueError):
            pass  # a prober that goes away is no fault of ours
        finally:
            writer.close()

    return await asyncio.start_server(answer, "0.0.0.0", port)  # noqa: S104 (kubelet comes from outside)


def _response(path: bytes, is_ready: Callable[[], bool], figures: Callable[[], bytes]) -> bytes:
    status, kind, body = "404 Not Found", _PLAIN, b"there is /livez, /readyz and /metrics"
    if path == b"/livez":
        status, body = "200 OK", b"alive"
    elif path == b"/readyz" and is_ready():
        status, body = "200 OK", b"ready"
    elif path == b"/readyz":
        status, body = "503 Service Unavailable", b"not claiming"
    elif path == b"/metrics":
        status, kind, body = "200 OK", _FIGURES, figures()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body
