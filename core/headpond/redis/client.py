"""What the facets of the store share: connections, keys, the clock, and how a script is run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headpond.redis.address import Kind, parse
from headpond.redis.cluster import Cluster
from headpond.redis.keys import queue_key
from headpond.redis.scripts import Script, all_scripts
from headpond.redis.single import Single
from headpond.redis.waiters import Waiters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.ports import Clock


class Client:
    """One process' connections to Redis for a namespace, however that Redis is made."""

    def __init__(self, url: str, namespace: str, clock: Clock | None) -> None:
        """`clock` replaces Redis' own time; for tests only."""
        self.url = url
        self.namespace = namespace
        self.clock = clock
        self.address = parse(url)
        self.scripts = all_scripts()
        self.loads = [("SCRIPT", "LOAD", script.source) for script in self.scripts.values()]
        """What a connection on which scripts run is to be set up with."""
        in_nodes = self.address.kind is Kind.CLUSTER
        routes = Cluster(self.address, self.loads) if in_nodes else Single(self.address, self.loads)
        self._routes = routes
        self._waiters = Waiters(self.address, routes.place)
        # The routes' own methods: nothing is put between the worker and its connection.
        self.command, self.answers, self.send = routes.command, routes.answers, routes.send
        self.place, self.anywhere, self.apart = routes.place, routes.anywhere, routes.apart
        self.block = self._waiters.block
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

    async def pipeline(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Send commands in one write and return their replies; the first error is raised."""
        replies = await self.answers(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    def close(self) -> None:
        """Close every connection of the loop."""
        self._routes.close()
        self._waiters.close()


__all__ = ["Client", "Script"]
