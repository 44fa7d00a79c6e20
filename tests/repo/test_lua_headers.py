"""Each Lua script says what it takes and gives, and keeps to what Redis Cluster allows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headpond.redis.keys import COLUMNS
from headpond.redis.scripts import all_scripts
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


@pytest.mark.parametrize("path", [*VERBS, *SHARED], ids=lambda path: path.stem)
def test_a_script_uses_the_keys_that_it_declares(path: Path) -> None:
    """Each name under KEYS is used below; `page` counts on their places."""
    declared = re.search(r"^-- KEYS((?:.*\n--  )*.*)$", header(path), re.MULTILINE)
    body = (ROOT / path).read_text("utf-8").replace(header(path), "")
    for name in re.findall(r"[a-z_]+", declared[1]) if declared else ():
        assert re.search(rf"\b{name}\b", body) or path.stem == "page", name


@pytest.mark.parametrize("name", sorted(all_scripts()))
def test_a_verb_declares_every_key_that_it_touches(name: str) -> None:
    """Whatever looks like a column in a whole script is a local name that comes from KEYS."""
    script = all_scripts()[name]
    words = set(re.findall(r"redis\.call\('[A-Z]+', ([a-z_]+)\b", script.source))
    columns = words & set(COLUMNS)
    assert columns <= {*script.columns}


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.stem)
def test_an_include_says_what_it_is(path: Path) -> None:
    """An include begins with its name and what it does."""
    assert header(path).startswith(f"-- {path.stem}: ")


@pytest.mark.parametrize("path", [*VERBS, *SHARED], ids=lambda path: path.stem)
def test_a_script_makes_no_key_names_and_searches_no_keys(path: Path) -> None:
    """Commands that walk the key space, or stop the server, have no place in a script."""
    body = (ROOT / path).read_text("utf-8")
    assert not re.search(r"redis\.call\('(KEYS|SCAN|FLUSH\w+|DEBUG|CONFIG|SELECT)'", body)
