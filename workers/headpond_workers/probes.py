"""/livez and /readyz of a worker, for whoever supervises it.

Alive means that the loop turns: never whether Redis answers, or an outage of Redis would restart
every worker. Ready means that it claims jobs.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

READ_WITHIN_S: Final = 2.0


async def serve(port: int, is_ready: Callable[[], bool]) -> asyncio.Server:
    """Answer GET /livez and /readyz on every interface; port 0 takes a free one."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                line = await reader.readline()
            path = line.split(b" ")[1] if line.count(b" ") > 1 else b""
            writer.write(_response(path, ready=is_ready()))
            await writer.drain()
        except (TimeoutError, OSError, ValueError):
            pass  # a prober that goes away is no fault of ours
        finally:
            writer.close()

    return await asyncio.start_server(answer, "0.0.0.0", port)  # noqa: S104 (kubelet comes from outside)


def _response(path: bytes, *, ready: bool) -> bytes:
    status, text = "404 Not Found", "there is /livez and /readyz"
    if path == b"/livez":
        status, text = "200 OK", "alive"
    elif path == b"/readyz":
        status, text = ("200 OK", "ready") if ready else ("503 Service Unavailable", "not claiming")
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n"
    return f"{head}Connection: close\r\n\r\n{text}".encode()
