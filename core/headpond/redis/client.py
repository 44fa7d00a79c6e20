"""What the facets of the store share: connections, keys, the clock, and how a script is run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from redis.connection import SSLConnection, parse_url

from headpond.errors import ConfigInvalid, FieldError
from headpond.redis.keys import queue_key
from headpond.redis.scripts import Script, all_scripts
from headpond.redis.wire import ScriptMissing, Wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.ports import Clock


def connection_options(url: str) -> dict[str, Any]:
    """Parse a Redis URL, or raise `ConfigInvalid`; a TLS URL gets `tls: True`."""
    try:
        options: dict[str, Any] = dict(parse_url(url))
    except ValueError:
        # Neither the value nor the parser's words: both may hold a part of the password.
        detail = (
            "This is no address of a Redis; write redis://user:password@host:6379/0, rediss:// for"
            " TLS or unix:///path, and a password's special characters as %2F, %23, …."
        )
        raise ConfigInvalid([FieldError("/HEADPOND_REDIS_URL", detail)]) from None
    if options.pop("connection_class", None) is SSLConnection:
        options["tls"] = True
    return options


class Client:
    """One process' connection to Redis for a namespace."""

    def __init__(self, url: str, namespace: str, clock: Clock | None) -> None:
        """`clock` replaces Redis' own time; for tests only."""
        self.url = url
        self.namespace = namespace
        self.clock = clock
        self.options = connection_options(url)
        self.scripts = all_scripts()
        loads = [("SCRIPT", "LOAD", script.source) for script in self.scripts.values()]
        self.wire = Wire(self.options, setup=loads)
        self._heads: dict[tuple[str, str], tuple[str | int, ...]] = {}

    def now(self) -> int:
        """Return the first argument of every script: 0 for Redis' own time."""
        return 0 if self.clock is None else self.clock.now_ms()

    def key(self, queue: str, column: str) -> str:
        """Return a key of a queue."""
        return queue_key(self.namespace, queue, column)

    def head(self, name: str, queue: str) -> tuple[str | int, ...]:
        """Return a script's command up to its arguments."""
        try:
            return self._heads[name, queue]
        except KeyError:
            head = self.scripts[name].head(self.namespace, queue)
            return self._heads.setdefault((name, queue), head)

    async def run(self, name: str, queue: str, *args: Any) -> Any:
        """Run one script on a queue; the clock goes first among its arguments."""
        return await self.command((*self.head(name, queue), self.now(), *args))

    async def command(self, command: tuple[Any, ...]) -> Any:
        """Send one command; a script that Redis has forgotten is loaded again (it did not run)."""
        try:
            return await self.wire.call(*command)
        except ScriptMissing:
            await self.load()
            return await self.wire.call(*command)

    async def pipeline(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Send commands in one write and return their replies; the first error is raised."""
        replies = await self.answers(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    async def answers(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Send commands in one write and return for each its reply or its error.

        Futures, not tasks: this is the worker's hot path.
        """
        protocol = await self.wire.connect()
        futures = [protocol.send(command) for command in commands]
        replies: list[Any] = []
        try:
            for future, command in zip(futures, commands, strict=True):
                replies.append(await self._answer(future, command))
        except asyncio.CancelledError:
            for future in futures:
                future.cancel()  # else an error that comes later is nobody's
            raise
        return replies

    async def _answer(self, future: asyncio.Future[Any], command: tuple[Any, ...]) -> Any:
        try:
            try:
                return await future
            except ScriptMissing:
                await self.load()
                return await self.wire.call(*command)
        except Exception as error:  # noqa: BLE001 (the caller raises it, once every reply is in)
            return error

    async def load(self) -> None:
        """Load every script."""
        for script in self.scripts.values():
            await self.wire.call("SCRIPT", "LOAD", script.source)


__all__ = ["Client", "Script", "connection_options"]
