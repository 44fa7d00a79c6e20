"""One connection to Redis, as thin as asyncio allows.

Every command sent in the same tick of the loop leaves in one write, and replies are parsed by
hiredis: the objects that redis-py makes for each command cost more than the scripts do (figures in
`docs/decisions/0001-redis-data-model.md`). A command is never sent twice: a lost reply is reported
as `StoreUnavailable`, and the caller knows whether repeating is safe.
"""

from __future__ import annotations

import asyncio
import random
import re
import ssl
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import hiredis
from typing_extensions import override

from headpond.errors import HeadpondError, StoreFull, StoreUnavailable, StoreUnfit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REPLY_TIMEOUT_S: Final = 5.0
"""A connection that owes an answer this long is given up: half-open connections look just so."""
CONNECT_TIMEOUT_S: Final = 2.0
RETRY_AFTER_S: Final = 0.2
"""After a failed connect, calls fail at once for this long instead of piling up; up to a quarter
less, so that a crowd of processes doesn't come back in step."""

_UNFIT = ("NOAUTH", "WRONGPASS", "NOPERM")
_AWAY = (
    "LOADING",
    "MISCONF",
    "READONLY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "BUSY",
    "NOREPLICAS",
    "TRYAGAIN",
)


_INNER = re.compile(r"^ERR Error running script .*?: -([A-Z]+) ", re.DOTALL)
"""Up to 6.2 an error inside a script comes wrapped; since 7.0 it comes as it is."""
_CLOSED = "The connection to Redis was closed by this process."


class ScriptMissing(Exception):
    """Redis does not know the script (it was restarted, or scripts were flushed). Nothing ran."""


class _Protocol(asyncio.Protocol):
    """Bytes in, replies out; answers come in the order of the questions."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.lost = ""
        """Why the connection is gone; who sends now would wait forever."""
        self.reader = hiredis.Reader()
        self.waiting: deque[asyncio.Future[Any]] = deque()
        self.unsent: list[bytes] = []
        self.transport: asyncio.WriteTransport | None = None
        self.replies = 0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a socket's transport writes

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.lost = f"The connection to Redis was lost ({exc or 'closed by Redis'})."
        while self.waiting:
            future = self.waiting.popleft()
            if not future.done():
                future.set_exception(StoreUnavailable(self.lost))

    @override
    def data_received(self, data: bytes) -> None:
        self.reader.feed(data)
        take, waiting = self.reader.gets, self.waiting
        while (reply := take()) is not False:
            self.replies += 1
            future = waiting.popleft()
            if future.done():
                continue
            if isinstance(reply, hiredis.ReplyError):
                future.set_exception(translate(reply))
            else:
                future.set_result(reply)

    def send(self, command: tuple[Any, ...]) -> asyncio.Future[Any]:
        packed = hiredis.pack_command(command)
        future = self.loop.create_future()
        if self.lost:  # between the greeting and whoever waited for it
            future.set_exception(StoreUnavailable(self.lost))
            return future
        if not self.unsent:
            self.loop.call_soon(self.flush)
        self.unsent.append(packed)
        self.waiting.append(future)
        return future

    def flush(self) -> None:
        unsent, self.unsent = self.unsent, []
        if self.transport is not None:
            self.transport.write(b"".join(unsent) if len(unsent) > 1 else unsent[0])


def translate(error: Exception) -> Exception:
    """Turn Redis' word into an error of ours."""
    text = str(error)
    inner = _INNER.match(text)
    word = inner[1] if inner else text.partition(" ")[0]
    if word == "NOSCRIPT":
        return ScriptMissing(text)
    if word == "OOM":
        return StoreFull(
            "Redis has reached its maxmemory and takes no new jobs; running ones can end."
        )
    if word in _UNFIT:
        return StoreUnfit(f"Redis refuses the login or the rights: {text}")
    if word in _AWAY:
        return StoreUnavailable(f"Redis can't do it now: {text}")
    return HeadpondError(f"Redis answered with an error: {text}")


class Wire:
    """A connection that comes back by itself; calls raise `StoreUnavailable` meanwhile."""

    def __init__(
        self, options: Mapping[str, Any], *, setup: Sequence[tuple[Any, ...]] = ()
    ) -> None:
        """Keep redis-py's options of a parsed URL, and what to send after each connect."""
        self.options = options
        self.setup = setup
        self._protocol: _Protocol | None = None
        self._connecting: asyncio.Task[_Protocol] | None = None
        self._refused_until = 0.0
        self._refusal = ""
        self._closed = False

    async def call(self, *command: Any) -> Any:
        """Send one command, connecting first where needed, and return its reply."""
        protocol = self._protocol
        if protocol is None or protocol.transport is None:
            protocol = await self.connect()
        return await protocol.send(command)

    def send(self, *command: Any) -> asyncio.Future[Any] | None:
        """Send one command if the connection stands, else return `None` (then use `call`)."""
        protocol = self._protocol
        if protocol is None or protocol.transport is None:
            return None
        return protocol.send(command)

    async def connect(self) -> _Protocol:
        """Connect if needed; callers at the same time share one attempt."""
        protocol = self._protocol
        if protocol is not None and protocol.transport is not None:
            return protocol
        loop = asyncio.get_running_loop()
        if self._closed:
            raise StoreUnavailable(_CLOSED)
        if self._connecting is None:
            if loop.time() < self._refused_until:
                raise StoreUnavailable(self._refusal)
            self._connecting = loop.create_task(self._connect(loop))
            self._connecting.add_done_callback(self._connected)
        connecting = self._connecting
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if connecting.cancelled() and caller is not None and not caller.cancelling():
                raise StoreUnavailable(_CLOSED) from None  # by `close`; nobody cancelled the caller
            raise

    def _connected(self, task: asyncio.Task[_Protocol]) -> None:
        self._connecting = None
        if not task.cancelled() and (error := task.exception()) is not None:
            pause_s = RETRY_AFTER_S * random.uniform(0.75, 1.0)  # noqa: S311 (no secret)
            self._refused_until = asyncio.get_running_loop().time() + pause_s
            self._refusal = str(error)

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> _Protocol:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                protocol = await self._open(loop)
                await self._welcome(protocol)
        except (OSError, TimeoutError) as error:
            where = (
                self.options.get("path") or f"{self.options.get('host')}:{self.options.get('port')}"
            )
            why = str(error) or "no answer in time"
            raise StoreUnavailable(f"Redis at {where} can't be reached: {why}.") from error
        self._protocol = protocol
        self._watch(loop, protocol, protocol.replies)
        return protocol

    async def _open(self, loop: asyncio.AbstractEventLoop) -> _Protocol:
        options = self.options
        if options.get("path"):
            _, protocol = await loop.create_unix_connection(
                lambda: _Protocol(loop), options["path"]
            )
            return protocol
        context = _tls(options) if options.get("tls") else None
        host, port = options.get("host", "localhost"), options.get("port", 6379)
        _, protocol = await loop.create_connection(lambda: _Protocol(loop), host, port, ssl=context)
        return protocol

    async def _welcome(self, protocol: _Protocol) -> None:
        """Greet; a connection that is not welcomed is not left open."""
        try:
            await self._greet(protocol)
        except BaseException:
            if protocol.transport is not None:
                protocol.transport.abort()
            raise

    async def _greet(self, protocol: _Protocol) -> None:
        options = self.options
        greeting: list[tuple[Any, ...]] = []
        if options.get("password"):
            login = (options["username"],) if options.get("username") else ()
            greeting.append(("AUTH", *login, options["password"]))
        if options.get("db"):
            greeting.append(("SELECT", options["db"]))
        greeting.extend(self.setup)
        await asyncio.gather(*[protocol.send(command) for command in greeting])

    def _watch(self, loop: asyncio.AbstractEventLoop, protocol: _Protocol, replies: int) -> None:
        """Give a connection up that owed an answer at the last look and has given none since."""

        def look() -> None:
            if protocol.transport is None:
                return
            if owed and protocol.replies == replies:
                protocol.transport.abort()
                return
            self._watch(loop, protocol, protocol.replies)

        owed = bool(protocol.waiting)
        loop.call_later(self.options.get("reply_timeout", REPLY_TIMEOUT_S), look)

    def close(self) -> None:
        """Close the connection; calls under way fail."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self._protocol is not None and self._protocol.transport is not None:
            self._protocol.transport.close()


def _tls(options: Mapping[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    if options.get("ssl_certfile"):
        context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    return context
