"""One primary for all queues: standalone, or the one that sentinels name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headpond.redis.address import Kind
from headpond.redis.places import Primary
from headpond.redis.wire import Wire

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Sequence

    from headpond.queues import QueueSample
    from headpond.redis.address import Address, Node
    from headpond.redis.places import Place


class Single:
    """All keys at one place. The commands are the wire's own: nothing is put into the hot path."""

    def __init__(self, address: Address, setup: Sequence[tuple[Any, ...]]) -> None:
        """Connect lazily; `setup` is sent after each connect."""
        is_named = address.kind is Kind.SENTINEL
        self._where: Node | Place = Primary(address) if is_named else address.nodes[0]
        self._wire = Wire(address, self._where, setup=setup)
        self.command = self._wire.command
        self.answers = self._wire.answers

    def send(self, command: tuple[Any, ...]) -> asyncio.Future[Any] | None:
        """Send one command if the connection stands."""
        return self._wire.send(*command)

    def place(self, key: str) -> Node | Place:  # noqa: ARG002 (in a cluster it matters)
        """Return where a key is."""
        return self._where

    def anywhere(self) -> Node | Place:
        """Return where all words are heard."""
        return self._where

    async def apart(
        self,
        look: Callable[[Sequence[str]], Awaitable[dict[str, QueueSample]]],
        queues: Sequence[str],
        keys: Sequence[str],  # noqa: ARG002 (the same)
    ) -> dict[str, QueueSample]:
        """Look at queues: here they stand or fall together."""
        return await look(queues)

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()
