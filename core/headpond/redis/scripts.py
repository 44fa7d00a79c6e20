"""The Lua scripts: `lua/<verb>.lua` with includes put in; their keys come from the headers."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from headpond.redis.keys import queue_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

_IN_A_LINE: Final = 5
_INCLUDE: Final = re.compile(r"^( *)--@include (\w+)\n", re.MULTILINE)
_HEADER: Final = re.compile(r"((?:--[^@].*\n)+)((?:.*\n)*)")
_KEYS: Final = re.compile(r"^-- KEYS((?:.*\n--  )*.*)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """A verb, ready to be sent."""

    name: str
    source: str
    sha: str
    columns: tuple[str, ...]
    """The columns whose keys it declares, in order."""

    def head(self, namespace: str, queue: str) -> tuple[str | int, ...]:
        """Return the EVALSHA command for a queue up to its arguments."""
        keys = (queue_key(namespace, queue, column) for column in self.columns)
        return ("EVALSHA", self.sha, len(self.columns), *keys)


def assemble(name: str) -> tuple[str, tuple[str, ...]]:
    """Return a verb's source, and the columns that it and its includes need.

    Each include comes in once, where it is first asked for. An indented one belongs to its block:
    what it brings exists there alone, and costs nothing unless the block is entered. The columns
    become local names right after the header, so that a key is written down in one place.
    """
    folder = resources.files("headpond.redis") / "lua"
    found = _HEADER.fullmatch((folder / f"{name}.lua").read_text("utf-8"))
    if found is None:
        message = f"lua/{name}.lua does not begin with its header"
        raise ValueError(message)
    header, body = found.groups()
    body = _expand(body, folder / "shared", set())
    columns = tuple(dict.fromkeys(_columns(header) + _columns(body)))
    return header + "".join(_locals(columns)) + body, columns


def _expand(source: str, folder: Traversable, known: set[str]) -> str:
    """Put includes in; `known` are those that the code around has, and grows by this code's."""
    parts, at, block = [], 0, known
    for found in _INCLUDE.finditer(source):
        parts.append(source[at : found.start()])
        if not found[1]:
            block = known
        elif found.start() > at or block is known:  # else the line before has opened the block
            block = set(known)
        if found[2] not in block:
            block.add(found[2])
            included = (folder / f"{found[2]}.lua").read_text("utf-8")
            parts.append(_expand(included, folder, block))
        at = found.end()
    return "".join([*parts, source[at:]])


def _locals(columns: tuple[str, ...]) -> Iterator[str]:
    for first in range(0, len(columns), _IN_A_LINE):
        part = columns[first : first + _IN_A_LINE]
        keys = (f"KEYS[{first + at}]" for at in range(1, len(part) + 1))
        yield f"local {', '.join(part)} = {', '.join(keys)}\n"


def _columns(source: str) -> list[str]:
    return [word for found in _KEYS.findall(source) for word in re.findall(r"[a-z_]+", found)]


def load(name: str) -> Script:
    """Read one verb."""
    source, columns = assemble(name)
    sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
    return Script(name, source, sha, columns)


@cache
def all_scripts() -> dict[str, Script]:
    """Read all verbs, by name."""
    folder = resources.files("headpond.redis") / "lua"
    names = (entry.name.removesuffix(".lua") for entry in folder.iterdir())
    return {name: load(name) for name in sorted(names) if name != "shared"}
