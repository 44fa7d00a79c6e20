"""Each promise of `docs/reference/promises.md` has tests that carry its word."""

from __future__ import annotations

import re

import pytest

from tree import ROOT, files

PAGE = (ROOT / "docs/reference/promises.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([a-z ,]+) \|.*\| `([a-z]+)` \|$", PAGE, re.MULTILINE)
NAMES = [
    name
    for path in files(".py")
    if path.parts[0] == "tests" and path.parts[1] != "repo"
    for name in re.findall(
        r"^(?:async )?def (test_\w+)", (ROOT / path).read_text("utf-8"), re.MULTILINE
    )
]
FEWEST = 2
"""One test would hardly show both sides of a promise."""


def test_the_page_has_rows() -> None:
    """The check below would pass on an empty table."""
    assert len(ROWS) > 20


@pytest.mark.parametrize(("promise", "word"), ROWS, ids=[word for _, word in ROWS])
def test_a_promise_has_tests_of_its_name(promise: str, word: str) -> None:
    """`pytest -k` finds some for its word."""
    found = [name for name in NAMES if word in name]
    assert len(found) >= FEWEST, promise
