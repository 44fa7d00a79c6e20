"""What Redis says when it can't do as it was asked, as errors of ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from headpond.errors import HeadpondError, StoreFull, StoreUnavailable, StoreUnfit
from headpond.redis.address import Kind, Node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.redis.address import Address

_UNFIT: Final = ("NOAUTH", "WRONGPASS", "NOPERM")
_AWAY: Final = ("LOADING", "MISCONF", "MASTERDOWN", "BUSY", "NOREPLICAS")
_NOT_RUN: Final = ("MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "READONLY")

_INNER: Final = re.compile(r"^ERR Error running script .*?: -([A-Z]+) ", re.DOTALL)
"""Up to 6.2 an error inside a script comes wrapped; since 7.0 it comes as it is."""
ELSEWHERE: Final = ("MOVED", "READONLY")
"""What a command hears that belongs to another node; whoever can look for it there does."""
_FOLLOWERS: Final = ("WAIT", "WAITAOF")
"""They speak of the write before them on their connection."""
_ELSEWHERE: Final = re.compile(r"(?:MOVED|ASK) (\d+) (.*):(\d+)")


class NotRun(StoreUnavailable):
    """The command did not run here: it may run elsewhere, or later, and may be sent again."""

    def __init__(self, text: str, word: str = "", slot: int = -1, node: Node | None = None) -> None:
        """`word` is Redis' own; empty when the command could not even be sent."""
        super().__init__(text)
        self.word = word
        self.slot = slot
        self.node = node
        """Where it belongs. The host is empty when it is the one that said so."""


class ScriptMissing(NotRun):
    """Redis does not know the script: it was restarted, or scripts were flushed."""


def translate(error: Exception) -> Exception:
    """Turn Redis' word into an error of ours."""
    text = str(error)
    inner = _INNER.match(text)
    word = inner[1] if inner else text.partition(" ")[0]
    if word == "NOSCRIPT":
        return ScriptMissing(f"Redis keeps no scripts: {text}", word)
    if word == "OOM":
        return StoreFull(
            "Redis has reached its maxmemory and takes no new jobs; running ones can end."
        )
    if word in _UNFIT:
        return StoreUnfit(f"Redis refuses the login or the rights: {text}")
    if word in _AWAY:
        return StoreUnavailable(f"Redis can't do it now: {text}")
    if word in _NOT_RUN:
        return _not_run(word, text)
    return HeadpondError(f"Redis answered with an error: {text}")


def _not_run(word: str, text: str) -> NotRun:
    said = f"Redis can't do it now: {text}"
    found = _ELSEWHERE.match(text)
    if found is None:
        return NotRun(said, word)
    host = "" if found[2] == "?" else found[2]
    return NotRun(said, word, int(found[1]), Node(host, int(found[3])))


def not_run(commands: Sequence[tuple[Any, ...]], replies: Sequence[Any]) -> list[int]:
    """Return the positions of the commands to send again: what did not run, and who waits for it.

    >>> not_run([("SET", "a", 1), ("WAIT", 1, 9), ("GET", "b")], [NotRun("later"), 0, b"b"])
    [0, 1]
    """
    again: list[int] = []
    for at, reply in enumerate(replies):
        follows = commands[at][0] in _FOLLOWERS and again[-1:] == [at - 1]
        if follows or isinstance(reply, NotRun):
            again.append(at)
    return again


def check_greeting(address: Address, node: Node, replies: Sequence[Any]) -> None:
    """Raise what a server has against the login, or that it is not the primary it should be."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    if address.kind is Kind.SENTINEL:
        role = replies[len(address.greeting()) - 1][0].decode()
        if role != "master":
            raise NotRun(f"Redis at {node} is the primary no more, or not yet: it is a {role}.")
