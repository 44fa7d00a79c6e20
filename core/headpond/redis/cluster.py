"""A Redis Cluster: each command goes to the node of its first key, and follows it when it moves.

A command without a key goes where the one before it went (`WAIT` speaks of that write), alone to
any node. A node that is away makes its own queues unknown and no others.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from headpond.errors import HeadpondError, StoreUnavailable
from headpond.redis.address import Node
from headpond.redis.replies import NotRun, not_run
from headpond.redis.topology import Anywhere, SlotOwner, Topology, slot_of
from headpond.redis.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from headpond.queues import QueueSample
    from headpond.redis.address import Address
    from headpond.redis.places import Place

logger = logging.getLogger(__name__)

PAUSES_S: Final = (0.0, 0.05, 0.1, 0.2, 0.4)
"""Before a command that did not run is sent again. A slot that moves or is without a node for
longer is reported: the caller tries again in its own time."""
LOOK_S: Final = 2.0
"""Looking at the queues of one node may hold up that at the others' for so long."""
_KEYLESS: Final = frozenset(
    {"PING", "INFO", "CONFIG", "SCRIPT", "TIME", "WAIT", "WAITAOF", "ACL", "COMMAND", "CLIENT"}
)
_KEY_AT: Final = {"EVALSHA": 3, "EVAL": 3}


def key_of(command: tuple[Any, ...]) -> str | None:
    """Return the first key of a command, `None` when it has none.

    >>> key_of(("EVALSHA", "a" * 40, 2, "{h:q}:waiting", "{h:q}:meta", 1))
    '{h:q}:waiting'
    """
    return None if command[0] in _KEYLESS else str(command[_KEY_AT.get(command[0], 1)])


class Cluster:
    """A connection to each node that is needed."""

    def __init__(self, address: Address, setup: Sequence[tuple[Any, ...]]) -> None:
        """Connect lazily; `setup` is sent after each connect."""
        self._address = address
        self._setup = setup
        self._topology = Topology(address)
        self._wires: dict[Node, Wire] = {}
        self._looking: asyncio.Task[None] | None = None
        self._owners: dict[int, SlotOwner] = {}
        self._unknown: frozenset[str] = frozenset()

    # ── commands ──

    async def command(self, command: tuple[Any, ...]) -> Any:
        """Send one command to its node."""
        (reply,) = await self.answers([command])
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def answers(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Send each command to its node, all nodes at once; return its reply or its error."""
        if not self._topology.primaries():
            await self._look()
        replies: list[Any] = [None] * len(commands)
        left = list(range(len(commands)))
        for pause_s in PAUSES_S:
            await self._round(commands, replies, left)
            left = await self._followed(commands, replies, left)
            if not left:
                break
            await asyncio.sleep(pause_s)
        return replies

    async def _round(
        self, commands: Sequence[tuple[Any, ...]], replies: list[Any], left: Iterable[int]
    ) -> None:
        parts: dict[tuple[Node, bool], list[int]] = {}
        seat = (self._any(), False)
        for at in left:
            key = key_of(commands[at])
            try:
                seat = seat if key is None else self._seat(key, replies[at])
            except NotRun as error:
                replies[at] = error
                continue
            parts.setdefault(seat, []).append(at)
        rounds = [self._sent(*part, commands, replies) for part in parts.items()]
        if len(rounds) == 1:
            await rounds[0]
        else:
            await asyncio.gather(*rounds)

    def _any(self) -> Node:
        """Return a node to ask what all know: one that is connected, if there is one."""
        nodes = self._topology.primaries()
        return next((node for node in nodes if self._wire(node).stands), nodes[0])

    def _seat(self, key: str, last: Any) -> tuple[Node, bool]:
        """Return where to send a command, and whether as one that was asked to come."""
        if isinstance(last, NotRun) and last.word == "ASK" and last.node is not None:
            return last.node, True
        owner = self._topology.owner(slot_of(key))
        if owner is None:
            raise NotRun(f"No node of the Redis Cluster serves {key} now.", "CLUSTERDOWN")
        return owner, False

    async def _sent(
        self,
        seat: tuple[Node, bool],
        part: list[int],
        commands: Sequence[tuple[Any, ...]],
        replies: list[Any],
    ) -> None:
        node, is_asked = seat
        words = [commands[at] for at in part]
        if is_asked:
            words = [each for word in words for each in (("ASKING",), word)]
        try:
            found = await self._wire(node).answers(words)
        except HeadpondError as error:
            found = [error] * len(words)
        for at, reply in zip(part, found[1::2] if is_asked else found, strict=True):
            if isinstance(reply, NotRun) and reply.node is not None and not reply.node.host:
                reply.node = Node(node.host, reply.node.port)
            replies[at] = reply

    async def _followed(
        self, commands: Sequence[tuple[Any, ...]], replies: list[Any], left: list[int]
    ) -> list[int]:
        """Learn from what did not run; return what is worth sending again."""
        again = not_run(commands, replies)
        stray = {at: replies[at] for at in again if isinstance(replies[at], NotRun)}
        before = {at: self._owner(commands[at]) for at in stray}
        if any(error.word in {"", "MOVED", "CLUSTERDOWN"} for error in stray.values()):
            try:
                await self._look()
            except HeadpondError as error:
                logger.debug(
                    "the cluster can't be looked at: %s", error, extra={"event": "cluster-unseen"}
                )
        for word in stray.values():
            self._topology.learn(word)
        lost = {
            at
            for at, word in stray.items()
            if not word.word and before[at] == self._owner(commands[at])
        }
        return [at for at in again if at in left and at not in lost]

    def _owner(self, command: tuple[Any, ...]) -> Node | None:
        key = key_of(command)
        return None if key is None else self._topology.owner(slot_of(key))

    async def _look(self) -> None:
        """Read the topology; callers at the same time share one look."""
        if self._looking is None:
            self._looking = asyncio.create_task(asyncio.to_thread(self._topology.look))
            self._looking.add_done_callback(self._looked)
        await asyncio.shield(self._looking)

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._looking = None
        if not task.cancelled():
            task.exception()  # whoever asked has it

    def _wire(self, node: Node) -> Wire:
        if node not in self._wires:
            self._wires[node] = Wire(self._address, node, setup=self._setup)
        return self._wires[node]

    def send(self, command: tuple[Any, ...]) -> asyncio.Future[Any] | None:
        """Send one command if the connection to its node stands."""
        owner = self._owner(command)
        return None if owner is None else self._wire(owner).send(*command)

    # ── places ──

    def place(self, key: str) -> Node | Place:
        """Return where a key is."""
        slot = slot_of(key)
        if slot not in self._owners:
            self._owners[slot] = SlotOwner(self._topology, slot)
        return self._owners[slot]

    def anywhere(self) -> Node | Place:
        """Return where all words are heard."""
        return Anywhere(self._topology)

    async def apart(
        self,
        look: Callable[[Sequence[str]], Awaitable[dict[str, QueueSample]]],
        queues: Sequence[str],
        keys: Sequence[str],
    ) -> dict[str, QueueSample]:
        """Look at the queues of each node apart: those of a node that is away are left out."""
        if not self._topology.primaries():
            await self._look()
        parts: dict[Node | None, list[str]] = {}
        for queue, key in zip(queues, keys, strict=True):
            parts.setdefault(self._topology.owner(slot_of(key)), []).append(queue)
        if len(parts) == 1:
            return await look(queues)
        known: dict[str, QueueSample] = {}
        unknown: dict[str, HeadpondError] = {}

        async def one(part: list[str]) -> None:
            try:
                async with asyncio.timeout(LOOK_S):
                    known.update(await look(part))
            except TimeoutError:
                late = StoreUnavailable(f"Their node gave no answer within {LOOK_S:g} s.")
                unknown.update(dict.fromkeys(part, late))
            except HeadpondError as error:
                unknown.update(dict.fromkeys(part, error))

        await asyncio.gather(*map(one, parts.values()))
        self._say(unknown)
        if unknown and not known:
            raise next(iter(unknown.values()))
        return known

    def _say(self, unknown: dict[str, HeadpondError]) -> None:
        """Log once which queues can't be looked at, and why."""
        names = frozenset(unknown)
        if names and names != self._unknown:
            why = next(iter(unknown.values()))
            logger.warning(
                "queues %s can't be looked at: %s",
                ", ".join(sorted(names)),
                why,
                extra={"event": "queues-unseen", "queues": sorted(names)},
            )
        self._unknown = names

    def close(self) -> None:
        """Close every connection."""
        for wire in self._wires.values():
            wire.close()
