"""Every request's way in and out: an id, a credential, a body to be trusted, a problem if it fails.

Plain ASGI, because it stands in front of the hot path. Closed by default: what is not listed as
open needs a credential, whatever route an app may bring; WebSockets are refused until something
here serves them.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Mapping
from time import perf_counter
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headpond.errors import HeadpondError, TooLarge
from headpond_api import body, problems
from headpond_api.auth import Keys
from headpond_api.metrics import HttpMeter

log = logging.getLogger("headpond.api")

OPEN: Final = frozenset({"/livez", "/readyz", "/metrics", "/docs", "/openapi.json"})
"""The probes, and what says how to use the API; none of them shows a job."""

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_SANE_ID = re.compile(rb"[A-Za-z0-9._:@/+=~-]{1,128}")
"""A caller's request or correlation id is taken when it is short and can't break a log line."""

_LINGER_S: Final = 2.0
"""A refused body is swallowed this long, so that the client can read why; then the line is cut."""


class Gateway:
    """The outermost layer of the API."""

    def __init__(self, app: ASGIApp, keys: Keys, limit: int, meter: HttpMeter) -> None:
        """`limit` is in bytes of a body."""
        self._app = app
        self._keys = keys
        self._limit = limit
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        state: dict[str, Any] = scope.setdefault("state", {})
        request_id = state["request_id"] = _sane(headers, b"x-request-id") or secrets.token_hex(16)
        state["correlation_id"] = _sane(headers, b"x-correlation-id") or request_id
        reply = _Reply(send, request_id)
        try:
            await self._pass(scope, receive, reply, headers)
        except body.ClientGone:
            return
        except HeadpondError as error:
            await self._refuse(problems.of(error), scope, receive, reply)
        except Exception:
            log.exception(
                "request_failed", extra={"event": "request-failed", "request_id": request_id}
            )
            if reply.status:
                raise  # half an answer is out: the server must cut the line
            await self._refuse(problems.internal(), scope, receive, reply)
        finally:
            self._meter.count(scope, reply.status, perf_counter() - began)

    async def _pass(
        self, scope: Scope, receive: Receive, reply: _Reply, headers: Mapping[bytes, bytes]
    ) -> None:
        if scope["path"] not in OPEN:
            scope["state"]["caller"] = self._keys.caller(headers)
            if scope["method"] in _WITH_BODY:
                receive = await self._read(scope, receive, headers)
        await self._app(scope, receive, reply)

    async def _read(
        self, scope: Scope, receive: Receive, headers: Mapping[bytes, bytes]
    ) -> Receive:
        """Read and decode the body; routes find the value in the state under `json`."""
        length = body.declared_length(headers)
        if length == 0:
            return receive
        body.check_media_type(headers)
        if length is not None and length > self._limit:
            raise TooLarge("The body", length, self._limit)
        content = await body.read(receive, self._limit)
        if content:
            scope["state"]["json"] = body.decode(content)
            scope["state"]["size"] = len(content)
        return body.replay(content, receive)

    async def _refuse(
        self, problem: problems.Problem, scope: Scope, receive: Receive, reply: _Reply
    ) -> None:
        content = problem.encoded(scope["path"], scope["state"]["request_id"])
        headers = [
            (b"content-type", problems.MEDIA_TYPE.encode()),
            (b"content-length", str(len(content)).encode()),
            *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
        ]
        cut = problem.code == TooLarge.code
        if cut:
            headers.append((b"connection", b"close"))
        await reply({"type": "http.response.start", "status": problem.status, "headers": headers})
        await reply({"type": "http.response.body", "body": content, "more_body": cut})
        if cut:
            await _linger(receive)
            await reply({"type": "http.response.body", "body": b"", "more_body": False})


class _Reply:
    """A `send` that remembers the status and adds the headers which every answer has."""

    __slots__ = ("_request_id", "_send", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id.encode()
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [
                *message["headers"],
                (b"x-request-id", self._request_id),
                (b"x-content-type-options", b"nosniff"),
                (b"cache-control", b"no-store"),
            ]
        await self._send(message)


def _sane(headers: Mapping[bytes, bytes], name: bytes) -> str:
    given = headers.get(name)
    return given.decode() if given and _SANE_ID.fullmatch(given) else ""


async def _linger(receive: Receive) -> None:
    """Swallow what the client still sends, for a while: a reset would take the answer with it."""
    try:
        async with asyncio.timeout(_LINGER_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
