"""One process, one port: binds, says where, serves until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from typing import Final

import click
import uvicorn
from fastapi import FastAPI
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from headpond.errors import ConfigInvalid, FieldError
from headpond.telemetry.logs import is_json

logger = logging.getLogger("headpond.api")

GRACE_S: Final = 10
"""After SIGTERM requests under way may take this long."""

BACKLOG: Final = 2048
"""Connections that wait to be accepted, as uvicorn's own default."""


MOST_HEAD: Final = 64 * 1024
"""Bytes of a request line with its headers; the parser itself has no limit."""

TOO_LONG: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP on httptools, with a limit on what comes before the body."""

    _is_in_head = True
    _head_bytes = 0

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._is_in_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD and not self.transport.is_closing():
            self.transport.write(TOO_LONG)
            self.transport.close()

    @override
    def on_message_begin(self) -> None:
        self._is_in_head, self._head_bytes = True, 0
        super().on_message_begin()

    @override
    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()


def serve(app: FastAPI, host: str, port: int) -> None:
    """Serve until told to stop.

    Raises `ConfigInvalid`, `StoreUnfit` or what a start hook of an app raises when it can't begin.
    """
    listening = _bind(host, port)
    address, actual = listening.getsockname()[:2]
    shown = f"[{address}]" if ":" in address else address
    url = f"http://{shown}:{actual}"
    if is_json():
        logger.info("listens on %s", url, extra={"event": "api-started", "url": url})
    else:
        click.echo(f"Headpond API listens on {url}")
    config = uvicorn.Config(
        app,
        http=BoundedHttp,
        log_config=None,  # its words go where ours go …
        log_level="debug" if logger.isEnabledFor(logging.DEBUG) else "error",  # … if they matter
        access_log=logger.isEnabledFor(logging.DEBUG),
        lifespan="off",  # begun here, so that what goes wrong in it can be said in a sentence
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        backlog=BACKLOG,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_run(app, uvicorn.Server(config), listening))


async def _run(app: FastAPI, server: uvicorn.Server, listening: socket.socket) -> None:
    async with app.router.lifespan_context(app):
        gc.collect()
        gc.freeze()  # what start-up made stays; looking through it took a sixth of each request
        # uvicorn raises the signal that ended it once more when it is done; that is no failure.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        await server.serve(sockets=[listening])


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        sentence = f"{host}:{port} can't be listened on ({error.strerror}); choose another port."
        raise ConfigInvalid([FieldError("/port", sentence)], source="HEADPOND_PORT") from error
