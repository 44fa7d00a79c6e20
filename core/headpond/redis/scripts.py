"""The Lua scripts: `lua/<verb>.lua` with includes put in; their keys come from the header."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from headpond.redis.keys import queue_key

_INCLUDE: Final = re.compile(r"^--@include (\w+)\n", re.MULTILINE)
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


def assemble(name: str) -> str:
    """Return a verb's source with its includes in place."""
    folder = resources.files("headpond.redis") / "lua"
    source = (folder / f"{name}.lua").read_text("utf-8")
    shared = folder / "shared"
    return _INCLUDE.sub(lambda found: (shared / f"{found[1]}.lua").read_text("utf-8"), source)


def load(name: str) -> Script:
    """Read one verb."""
    source = assemble(name)
    header = _KEYS.search(source)
    columns = () if header is None else tuple(re.findall(r"[a-z_]+", header[1]))
    sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
    return Script(name, source, sha, columns)


@cache
def all_scripts() -> dict[str, Script]:
    """Read all verbs, by name."""
    folder = resources.files("headpond.redis") / "lua"
    names = (entry.name.removesuffix(".lua") for entry in folder.iterdir())
    return {name: load(name) for name in sorted(names) if name != "shared"}
