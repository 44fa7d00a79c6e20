"""One blocking connection to Redis, for threads. Whatever happens, it ends in its time.

No call lasts longer than a connect and a reply may. After a fault the connection is closed, so that
no late reply is taken for another's, and the next call connects anew.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any, Final

import hiredis

from headpond.errors import HeadpondError, StoreUnavailable
from headpond.redis.address import Node
from headpond.redis.replies import ELSEWHERE, NotRun, check_greeting, translate
from headpond.redis.tls import context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.redis.address import Address
    from headpond.redis.places import Place

QUIET_S: Final = 5.0
"""A listener that has heard nothing for this long asks whether anybody is there."""
_SHORTEST_S: Final = 0.001
"""A timeout of 0 would mean something else to a socket."""


class Line:
    """A blocking connection that comes back at the next call. Not for two threads at a time."""

    def __init__(
        self,
        address: Address,
        where: Node | Place | None = None,
        *,
        setup: Sequence[tuple[Any, ...]] = (),
        timeout_s: float = 0.0,
    ) -> None:
        """Connect lazily, and to `where`; `timeout_s` bounds what the address allows."""
        self._address = address
        self._where = where or address.nodes[0]
        self._setup = setup
        longest = timeout_s or float("inf")
        self._connect_s = min(longest, address.connect_timeout_s)
        self._reply_s = min(longest, address.reply_timeout_s)
        self._socket: socket.socket | None = None
        self._reader = hiredis.Reader()
        self._heard = 0.0

    def call(self, *command: Any) -> Any:
        """Send one command; return its reply or raise its error."""
        connected = self._connected()
        try:
            (reply,) = self._ask(connected, [command], time.monotonic() + self._reply_s)
        except (OSError, hiredis.HiredisError) as error:
            self.close()
            raise StoreUnavailable(f"The connection to Redis was lost ({error}).") from error
        if not isinstance(reply, Exception):
            return reply
        if isinstance(reply, NotRun) and reply.word in ELSEWHERE:
            self.close()
            if not isinstance(self._where, Node):
                self._where.missed(reply)
        raise reply

    def listen(self, timeout_s: float) -> Any:
        """Wait for what a channel says; `None` when nothing was said in time."""
        connected = self._connected()
        now = time.monotonic()
        asks = now - self._heard > QUIET_S
        try:
            if asks:
                connected.sendall(hiredis.pack_command(("PING",)))
            reply = self._reply(connected, now + (self._reply_s if asks else timeout_s))
        except TimeoutError:
            if not asks:
                return None
            self.close()
            raise StoreUnavailable("Redis has gone silent.") from None
        except (OSError, hiredis.HiredisError) as error:
            self.close()
            raise StoreUnavailable(f"The connection to Redis was lost ({error}).") from error
        is_word = isinstance(reply, list) and reply[0] == b"message"
        return reply if is_word else None

    def close(self) -> None:
        """Close the connection, if there is one."""
        closing, self._socket = self._socket, None
        if closing is not None:
            closing.close()

    # ── how it connects ──

    def _connected(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        where = self._where
        node = where if isinstance(where, Node) else where.find()
        try:
            self._socket = self._open(node, time.monotonic() + self._connect_s)
        except (OSError, hiredis.HiredisError, StoreUnavailable) as error:
            if not isinstance(where, Node):
                where.missed(error)
            if isinstance(error, StoreUnavailable):
                raise NotRun(str(error)) from error
            raise NotRun(f"Redis at {node} can't be reached: {error}.") from error
        return self._socket

    def _open(self, node: Node, deadline: float) -> socket.socket:
        self._reader = hiredis.Reader()
        opened = self._plug(node)
        try:
            if self._address.tls:
                made = context(self._address.tls)
                opened.settimeout(max(_SHORTEST_S, deadline - time.monotonic()))
                opened = made.wrap_socket(opened, server_hostname=node.host)
            greeting = [*self._address.greeting(), *self._setup]
            check_greeting(self._address, node, self._ask(opened, greeting, deadline))
        except (OSError, hiredis.HiredisError, HeadpondError):
            opened.close()
            raise
        return opened

    def _plug(self, node: Node) -> socket.socket:
        if not node.path:
            plugged = socket.create_connection((node.host, node.port), self._connect_s)
            plugged.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return plugged
        plugged = socket.socket(socket.AF_UNIX)
        plugged.settimeout(self._connect_s)
        try:
            plugged.connect(node.path)
        except OSError:
            plugged.close()
            raise
        return plugged

    def _ask(
        self, connected: socket.socket, commands: Sequence[tuple[Any, ...]], deadline: float
    ) -> list[Any]:
        packed = b"".join(hiredis.pack_command(command) for command in commands)
        connected.settimeout(max(_SHORTEST_S, deadline - time.monotonic()))
        connected.sendall(packed)
        return [self._reply(connected, deadline) for _ in commands]

    def _reply(self, connected: socket.socket, deadline: float) -> Any:
        while (reply := self._reader.gets()) is False:
            connected.settimeout(max(_SHORTEST_S, deadline - time.monotonic()))
            data = connected.recv(65536)
            if not data:
                raise ConnectionResetError("closed by Redis")
            self._reader.feed(data)
        self._heard = time.monotonic()
        return translate(reply) if isinstance(reply, hiredis.ReplyError) else reply
