"""Where a connection goes when that isn't fixed. All of it may be called from any thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from headpond.errors import HeadpondError, StoreUnfit
from headpond.redis.address import Node
from headpond.redis.blocking import Line
from headpond.redis.replies import NotRun

if TYPE_CHECKING:
    from headpond.redis.address import Address

ASK_S: Final = 1.0
"""What one sentinel, or one node of a cluster, may take to say where something is."""


class Place(Protocol):
    """Something that knows where to connect."""

    def find(self) -> Node:
        """Return where to connect now, or raise `StoreUnavailable`; may take seconds."""
        ...

    def missed(self, why: Exception) -> None:
        """Hear that what was found is not there, or not what it should be. Asks nobody."""
        ...


class Primary:
    """The primary, as sentinels name it."""

    def __init__(self, address: Address) -> None:
        """Ask in the order of the address, and begin with whoever knew it last."""
        self._address = address
        self._order = address.nodes

    def find(self) -> Node:
        """Ask one sentinel after the other."""
        faults: list[HeadpondError] = []
        for sentinel in self._order:
            line = Line(self._address.of_sentinels(), sentinel, timeout_s=ASK_S)
            try:
                said = line.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._address.master)
            except HeadpondError as error:
                faults.append(error)
                continue
            finally:
                line.close()
            if said is not None:
                self._order = (sentinel, *(each for each in self._order if each != sentinel))
                return Node(said[0].decode(), int(said[1]))
            faults.append(NotRun(f"The sentinel at {sentinel} knows no such name."))
        why = " ".join(dict.fromkeys(str(error) for error in faults))
        if all(isinstance(error, StoreUnfit) for error in faults):
            raise StoreUnfit(f"The sentinels refuse to be asked: {why}")
        raise NotRun(f"No sentinel says where the primary {self._address.master!r} is: {why}")

    def missed(self, why: Exception) -> None:  # noqa: ARG002 (whatever it was, another may know)
        """Ask another sentinel next time: this one may be behind the times."""
        self._order = (*self._order[1:], *self._order[:1])
