"""Connections for commands that block, each used by one call at a time: Redis answers in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headpond.redis.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from headpond.redis.address import Address, Node
    from headpond.redis.places import Place


class Waiters:
    """As many connections to each place as calls are blocked there."""

    def __init__(self, address: Address, place: Callable[[str], Node | Place]) -> None:
        """Connect when the first call comes, to where `place` says that a key is."""
        self._address = address
        self._place = place
        self._wires: list[Wire] = []
        self._free: dict[Node | Place, list[Wire]] = {}

    async def block(self, command: tuple[Any, ...], longest_s: float) -> Any:
        """Send a command that blocks, for at most `longest_s`, on the key it begins with.

        A call that was given up keeps its connection until Redis answers.
        """
        where = self._place(command[1])
        free = self._free.setdefault(where, [])
        wire = free.pop() if free else self._another(where, longest_s)
        try:
            return await wire.command(command)
        finally:
            free.append(wire)

    def _another(self, where: Node | Place, longest_s: float) -> Wire:
        wire = Wire(self._address, where, reply_timeout_s=2 * longest_s)
        self._wires.append(wire)
        return wire

    def close(self) -> None:
        """Close all."""
        for wire in self._wires:
            wire.close()
