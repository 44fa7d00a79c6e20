"""One connection to Redis, as thin as asyncio allows.

Every command sent in the same tick of the loop leaves in one write, and replies are parsed by
hiredis: the objects that redis-py makes for each command cost more than the scripts do (figures in
`docs/decisions/0001-redis-data-model.md`). A command is sent twice only when Redis has said that it
did not run: a lost reply is reported as `StoreUnavailable`, and the caller knows whether repeating
is safe.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import hiredis
from typing_extensions import override

from headpond.errors import StoreUnavailable, StoreUnfit
from headpond.redis.address import Kind, Node
from headpond.redis.replies import ELSEWHERE, NotRun, check_greeting, not_run, translate
from headpond.redis.tls import context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.redis.address import Address
    from headpond.redis.places import Place

RETRY_AFTER_S: Final = 0.2
"""After a failed connect, calls fail at once for this long instead of piling up; up to a quarter
less, so that a crowd of processes doesn't come back in step."""

_CLOSED = "The connection to Redis was closed by this process."


class Protocol(asyncio.Protocol):
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
        self.lost = self.lost or f"The connection to Redis was lost ({exc or 'closed by Redis'})."
        while self.waiting:
            future = self.waiting.popleft()
            if not future.done():
                future.set_exception(StoreUnavailable(self.lost))

    @override
    def data_received(self, data: bytes) -> None:
        self.reader.feed(data)
        take, waiting = self.reader.gets, self.waiting
        try:
            while (reply := take()) is not False:
                self.replies += 1
                future = waiting.popleft()
                if future.done():
                    continue
                if isinstance(reply, hiredis.ReplyError):
                    future.set_exception(translate(reply))
                else:
                    future.set_result(reply)
        except hiredis.ProtocolError:
            self.lost = "What answers there does not speak as Redis does; is it another program?"
            if self.transport is not None:
                self.transport.abort()

    def send(self, command: tuple[Any, ...]) -> asyncio.Future[Any]:
        """Send one command with all others of this tick of the loop."""
        packed = hiredis.pack_command(command)
        future = self.loop.create_future()
        if self.lost:  # between the greeting and whoever waited for it
            future.set_exception(NotRun(self.lost))
            return future
        if not self.unsent:
            self.loop.call_soon(self.flush)
        self.unsent.append(packed)
        self.waiting.append(future)
        return future

    def flush(self) -> None:
        """Write what is unsent."""
        unsent, self.unsent = self.unsent, []
        if self.transport is not None:
            self.transport.write(b"".join(unsent) if len(unsent) > 1 else unsent[0])


class Wire:
    """A connection that comes back by itself; calls raise `StoreUnavailable` meanwhile."""

    def __init__(
        self,
        address: Address,
        where: Node | Place | None = None,
        *,
        setup: Sequence[tuple[Any, ...]] = (),
        reply_timeout_s: float = 0.0,
    ) -> None:
        """Log in as `address` says at `where`, its first node; send `setup` after each connect."""
        self.address = address
        self.where = where or address.nodes[0]
        self.setup = setup
        self.reply_timeout_s = reply_timeout_s or address.reply_timeout_s
        self._protocol: Protocol | None = None
        self._connecting: asyncio.Task[Protocol] | None = None
        self._refused_until = 0.0
        self._refusal = ""
        self._closed = False

    @property
    def stands(self) -> bool:
        """Whether there is a connection now."""
        return self._protocol is not None and self._protocol.transport is not None

    # ── what it says ──

    async def command(self, command: tuple[Any, ...]) -> Any:
        """Send one command, again if Redis did not run it for want of a script."""
        protocol = self._protocol
        try:
            return await self.call(*command)
        except NotRun as error:
            replies: list[Any] = [error]
            await self._mend([command], replies, protocol)
            if isinstance(replies[0], Exception):
                raise replies[0] from None
            return replies[0]

    async def answers(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Send commands in one write and return for each its reply or its error.

        Futures, not tasks: this is the worker's hot path. Raises when there is no connection.
        """
        protocol = self._protocol
        if protocol is None or protocol.transport is None:
            protocol = await self.connect()
        futures = [protocol.send(command) for command in commands]
        replies: list[Any] = []
        failed = False
        try:
            for future in futures:
                try:
                    replies.append(await future)
                except Exception as error:  # noqa: BLE001 (one of several)
                    failed = True
                    replies.append(error)
        except asyncio.CancelledError:
            for future in futures:
                future.cancel()  # else an error that comes later is nobody's
            raise
        if failed:
            await self._mend(commands, replies, protocol)
        return replies

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

    async def _mend(
        self, commands: Sequence[tuple[Any, ...]], replies: list[Any], used: Protocol | None
    ) -> None:
        """Send again, once, what did not run for a reason that this connection can do away with."""
        words = {reply.word: reply for reply in replies if isinstance(reply, NotRun)}
        elsewhere = next((words[word] for word in ELSEWHERE if word in words), None)
        if elsewhere is not None and not isinstance(self.where, Node):
            self.where.missed(elsewhere)
            self._leave(used)
        elif "MOVED" in words and self.address.kind is not Kind.CLUSTER:
            replies[:] = [_fit(reply) for reply in replies]
            return
        elif "NOSCRIPT" not in words:
            return
        again = not_run(commands, replies)
        try:
            protocol = await self.connect()
        except StoreUnavailable as error:
            for at in again:
                replies[at] = error
            return
        if protocol is used:  # a new one has been set up already
            anew = [protocol.send(command) for command in self.setup]
            await asyncio.gather(*anew, return_exceptions=True)
        second = [protocol.send(commands[at]) for at in again]
        found = await asyncio.gather(*second, return_exceptions=True)
        for at, reply in zip(again, found, strict=True):
            replies[at] = reply

    # ── how it connects ──

    async def connect(self) -> Protocol:
        """Connect if needed; callers at the same time share one attempt."""
        protocol = self._protocol
        if protocol is not None and protocol.transport is not None:
            return protocol
        loop = asyncio.get_running_loop()
        if self._closed:
            raise StoreUnavailable(_CLOSED)
        if self._connecting is None:
            if loop.time() < self._refused_until:
                raise NotRun(self._refusal)
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

    def _connected(self, task: asyncio.Task[Protocol]) -> None:
        self._connecting = None
        if not task.cancelled() and (error := task.exception()) is not None:
            pause_s = RETRY_AFTER_S * random.uniform(0.75, 1.0)  # noqa: S311 (no secret)
            self._refused_until = asyncio.get_running_loop().time() + pause_s
            self._refusal = str(error)

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> Protocol:
        where = self.where
        node = where if isinstance(where, Node) else await asyncio.to_thread(where.find)
        try:
            async with asyncio.timeout(self.address.connect_timeout_s):
                protocol = await self._open(loop, node)
                await self._welcome(protocol, node)
        except (OSError, TimeoutError, StoreUnavailable) as error:
            if not isinstance(where, Node):
                where.missed(error)
            if isinstance(error, StoreUnavailable):
                raise NotRun(str(error)) from error
            why = str(error) or "no answer in time"
            raise NotRun(f"Redis at {node} can't be reached: {why}.") from error
        self._protocol = protocol
        self._watch(loop, protocol, protocol.replies)
        return protocol

    async def _open(self, loop: asyncio.AbstractEventLoop, node: Node) -> Protocol:
        def make() -> Protocol:
            return self.speaks(loop)

        if node.path:
            return (await loop.create_unix_connection(make, node.path))[1]
        tls = self.address.tls
        return (
            await loop.create_connection(
                make, node.host, node.port, ssl=context(tls) if tls else None
            )
        )[1]

    def speaks(self, loop: asyncio.AbstractEventLoop) -> Protocol:
        """Make one connection's protocol."""
        return Protocol(loop)

    async def _welcome(self, protocol: Protocol, node: Node) -> None:
        """Greet; a connection that is not welcomed is not left open."""
        greeting = [*self.address.greeting(), *self.setup]
        try:
            replies = await asyncio.gather(*[protocol.send(command) for command in greeting])
            check_greeting(self.address, node, replies)
        except BaseException:
            if protocol.transport is not None:
                protocol.transport.abort()
            raise

    # ── how it ends ──

    def _watch(self, loop: asyncio.AbstractEventLoop, protocol: Protocol, replies: int) -> None:
        """Give a connection up that owed an answer at the last look and has given none since."""

        def look() -> None:
            if protocol.transport is None:
                return
            if owed and protocol.replies == replies:
                protocol.transport.abort()
                return
            self._watch(loop, protocol, protocol.replies)

        owed = bool(protocol.waiting)
        loop.call_later(self.reply_timeout_s, look)

    def _leave(self, protocol: Protocol | None) -> None:
        """Use this connection no more; what is under way on it is still answered."""
        if protocol is None or protocol is not self._protocol:
            return
        self._protocol = None
        if protocol.transport is not None and not protocol.waiting:
            protocol.transport.close()
        elif protocol.transport is not None:
            protocol.loop.call_later(self.reply_timeout_s, protocol.transport.abort)

    def close(self) -> None:
        """Close the connection; calls under way fail."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        transport = self._protocol.transport if self._protocol else None
        if transport is not None and self.address.tls:
            transport.abort()  # a farewell in TLS waits for the other side's
        elif transport is not None:
            transport.close()


def _fit(reply: Any) -> Any:
    """Say what it means that a command belongs elsewhere where there is no elsewhere."""
    if isinstance(reply, NotRun) and reply.word == "MOVED":
        return StoreUnfit(
            "This Redis is a node of a Redis Cluster; write redis+cluster:// in the address."
        )
    return reply
