"""Each Lua script says what it takes and gives, and keeps to what Redis Cluster allows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tree import ROOT, files

LUA = Path("core/headpond/redis/lua")
VERBS = sorted(path for path in files(".lua") if path.parent == LUA)
SHARED = sorted(path for path in files(".lua") if path.parent == LUA / "shared")


def header(path: Path) -> str:
    """Return the comment block that a script begins with."""
    lines = (ROOT / path).read_text("utf-8").splitlines()
    length = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    return "\n".join(lines[:length])


def test_there_are_scripts() -> None:
    """The checks below would pass on an empty folder."""
    assert VERBS


@pytest.mark.parametrize("path", VERBS, ids=lambda path: path.stem)
def test_a_verb_has_its_header(path: Path) -> None:
    """A verb's header has its name, KEYS, ARGV, RETURNS and COST, in this order."""
    lines = [re.match(r"-- ([A-Z]+|[a-z_]+:) ?", line) for line in header(path).splitlines()]
    found = [line[1] for line in lines if line]
    words = [word for word in found if word in {f"{path.stem}:", "KEYS", "ARGV", "RETURNS", "COST"}]
    assert words == [f"{path.stem}:", "KEYS", "ARGV", "RETURNS", "COST"]


@pytest.mark.parametrize("path", VERBS, ids=lambda path: path.stem)
def test_a_verb_uses_the_keys_that_it_declares(path: Path) -> None:
    """The highest KEYS[n] in the body is the number of keys in the header."""
    declared = re.search(r"^-- KEYS((?:.*\n--  )*.*)$", header(path), re.MULTILINE)
    assert declared is not None
    used = {int(n) for n in re.findall(r"KEYS\[(\d+)\]", (ROOT / path).read_text("utf-8"))}
    assert max(used) == len(re.findall(r"[a-z_]+", declared[1]))


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.stem)
def test_an_include_says_what_it_is(path: Path) -> None:
    """An include begins with its name and what it does."""
    assert header(path).startswith(f"-- {path.stem}: ")


@pytest.mark.parametrize("path", [*VERBS, *SHARED], ids=lambda path: path.stem)
def test_a_script_makes_no_key_names_and_searches_no_keys(path: Path) -> None:
    """Commands that walk the key space, or stop the server, have no place in a script."""
    body = (ROOT / path).read_text("utf-8")
    assert not re.search(r"redis\.call\('(KEYS|SCAN|FLUSH\w+|DEBUG|CONFIG|SELECT)'", body)
