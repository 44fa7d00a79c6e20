"""The shape of the tree: what would break imports, or leak the machine it was written on."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tree import ROOMS, ROOT, files

MACHINE_PATH = re.compile(
    r"(?<![\w.:/-])/(?:home|Users|root|work|workspace|builds)/[\w.]"
    r"|/tmp/[a-z]"  # this looks for such paths, it uses none
)
"""Absolute paths that exist on one machine only."""

BINARY = {".png", ".ico", ".woff2", ".zst"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_holds_packages_and_no_loose_modules(room: str) -> None:
    """A loose module in a room would become a top-level name as soon as the room is on the path."""
    assert not list((ROOT / room).glob("*.py"))


def test_there_is_no_init_under_tests() -> None:
    """An `__init__.py` under tests would let `tests/<name>` shadow a package of that name."""
    assert [path for path in files("__init__.py") if path.parts[0] == "tests"] == []


def test_every_test_file_has_a_name_of_its_own() -> None:
    """Import by path keys modules by their names, and people find files by theirs."""
    tests = [path.name for path in files(".py") if path.parts[0] == "tests"]
    counts = Counter(name for name in tests if name != "conftest.py")
    assert [name for name, count in counts.items() if count > 1] == []


def test_every_package_has_an_init() -> None:
    """Import-linter doesn't look into a folder of modules that has no `__init__.py`."""
    folders = {path.parent for path in files(".py") if path.parts[0] in ROOMS}
    assert [
        folder for folder in sorted(folders) if not (ROOT / folder / "__init__.py").is_file()
    ] == []


def test_no_room_is_empty() -> None:
    """Every room that the distribution lists holds code."""
    for room in ROOMS:
        assert any(path.parts[0] == room for path in files(".py")), room


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    """Absolute paths of a developer's machine mean nothing to anybody else."""
    found = []
    for path in files():
        if path.suffix in BINARY or path == Path("tests/repo/test_layout.py"):
            continue
        for number, line in enumerate((ROOT / path).read_text("utf-8").splitlines(), 1):
            if MACHINE_PATH.search(line):
                found.append(f"{path}:{number}: {line.strip()}")
    assert found == []
