"""Which node of a Redis Cluster serves which slot, as the nodes tell it. For any thread."""

from __future__ import annotations

import random
import threading
import time
from binascii import crc_hqx
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from headpond.errors import HeadpondError, StoreUnavailable, StoreUnfit
from headpond.redis.address import Node
from headpond.redis.blocking import Line
from headpond.redis.places import ASK_S
from headpond.redis.replies import NotRun

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headpond.redis.address import Address

SLOTS: Final = 16384
AT_MOST_EVERY_S: Final = 0.2
"""Many calls may fail at once, and one look at the cluster does for all of them."""


@lru_cache(maxsize=8192)
def slot_of(key: str) -> int:
    """Return the slot of a key; of one with a hash tag only what is in the braces counts.

    >>> slot_of("foo"), slot_of("{foo}:bar"), slot_of("{}foo") == slot_of("foo")
    (12182, 12182, False)
    """
    start = key.find("{")
    if start >= 0 and (end := key.find("}", start + 1)) > start + 1:
        key = key[start + 1 : end]
    return crc_hqx(key.encode(), 0) % SLOTS


@dataclass(frozen=True, slots=True)
class Slots:
    """What the nodes said at one moment, and what has been heard of single slots since."""

    starts: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    owners: tuple[Node, ...] = ()
    nodes: tuple[Node, ...] = ()
    """All that are known, replicas too."""
    moved: Mapping[int, Node] = field(default_factory=dict)

    def owner(self, slot: int) -> Node | None:
        """Return the node of a slot, `None` when nobody serves it."""
        if slot in self.moved:
            return self.moved[slot]
        at = bisect_right(self.starts, slot) - 1
        return self.owners[at] if at >= 0 and slot <= self.ends[at] else None


class Topology:
    """The cluster as this process knows it."""

    def __init__(self, address: Address) -> None:
        """Know nothing yet but the nodes of the address."""
        self._address = address
        self._slots = Slots()
        self._looking = threading.Lock()
        self._looked = float("-inf")

    def owner(self, slot: int) -> Node | None:
        """Return the node of a slot as far as it is known; asks nobody."""
        return self._slots.owner(slot)

    def primaries(self) -> list[Node]:
        """Return the nodes that serve slots, in a fixed order; none before the first look."""
        return list(dict.fromkeys(self._slots.owners))

    def find(self, slot: int) -> Node:
        """Return the node of a slot; asks the nodes when it isn't known."""
        owner = self.owner(slot)
        if owner is None:
            self.look()
            owner = self.owner(slot)
        if owner is None:
            raise NotRun(f"No node of the Redis Cluster serves slot {slot} now.", "CLUSTERDOWN")
        return owner

    def look(self) -> None:
        """Ask one node after the other, in any order, for the slots; raise when none answers."""
        with self._looking:
            if time.monotonic() - self._looked < AT_MOST_EVERY_S:
                return
            try:
                self._slots = self._ask()
            finally:
                self._looked = time.monotonic()

    def learn(self, why: Exception) -> bool:
        """Take what a MOVED says of a slot; False when it says nothing."""
        if not (isinstance(why, NotRun) and why.word == "MOVED" and why.node and why.node.host):
            return False
        known = self._slots
        self._slots = replace(known, moved={**known.moved, why.slot: why.node})
        return True

    def _ask(self) -> Slots:
        nodes = list(dict.fromkeys((*self._slots.nodes, *self._address.nodes)))
        random.shuffle(nodes)
        faults: list[HeadpondError] = []
        for node in nodes:
            line = Line(self._address, node, timeout_s=ASK_S)
            try:
                rows = line.call("CLUSTER", "SLOTS")
            except HeadpondError as error:
                faults.append(error)
                continue
            finally:
                line.close()
            if rows:
                return _slots(rows, node)
            faults.append(NotRun(f"Redis at {node} knows of no slots."))
        why = " ".join(dict.fromkeys(str(error) for error in faults))
        if any(isinstance(error, StoreUnavailable) for error in faults):
            raise NotRun(f"No node of the Redis Cluster says who serves what: {why}")
        raise StoreUnfit(f"This is no Redis Cluster, or it can't be asked: {why}")


def _slots(rows: list[Any], asked: Node) -> Slots:
    rows = sorted(rows, key=lambda row: int(row[0]))
    named = [[_node(each, asked) for each in row[2:]] for row in rows]
    return Slots(
        tuple(row[0] for row in rows),
        tuple(row[1] for row in rows),
        tuple(nodes[0] for nodes in named),
        tuple(dict.fromkeys(node for nodes in named for node in nodes)),
    )


def _node(said: list[Any], asked: Node) -> Node:
    """Read a node; one that doesn't say its host is where it was asked."""
    host = (said[0] or b"").decode()
    return Node(asked.host if host in {"", "?"} else host, int(said[1]))


class SlotOwner:
    """Where a slot is served: the place of a connection for one queue."""

    def __init__(self, topology: Topology, slot: int) -> None:
        """Follow the slot."""
        self._topology = topology
        self._slot = slot
        self._is_stale = False

    def find(self) -> Node:
        """Return its node."""
        if self._is_stale:
            self._topology.look()
            self._is_stale = False
        return self._topology.find(self._slot)

    def missed(self, why: Exception) -> None:
        """Go where a MOVED says, else look at the cluster next time."""
        self._is_stale = not self._topology.learn(why)


class Anywhere:
    """Any node: what is published reaches them all."""

    def __init__(self, topology: Topology) -> None:
        """Begin with any."""
        self._topology = topology
        self._at = random.randrange(SLOTS)  # noqa: S311 (no secret)
        self._is_stale = True

    def find(self) -> Node:
        """Return the node whose turn it is."""
        if self._is_stale:
            self._topology.look()
            self._is_stale = False
        nodes = self._topology.primaries()
        if not nodes:
            raise NotRun("No node of the Redis Cluster is known.")
        return nodes[self._at % len(nodes)]

    def missed(self, why: Exception) -> None:  # noqa: ARG002 (whatever it was, another may do)
        """Take the next one, of those that there are then."""
        self._at += 1
        self._is_stale = True
