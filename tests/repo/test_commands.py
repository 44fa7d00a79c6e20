"""Commands that the pages show exist."""

from __future__ import annotations

import os
import re
import tomllib

import pytest

from tree import ROOT, files

PAGES = sorted(path for path in files(".md") if path.name != "CHANGELOG.md")
WORDS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def shown(text: str, command: str) -> set[str]:
    """Return the words that follow `command` in code, inline or in blocks."""
    code = re.findall(r"^```.*?^```|`[^`\n]+`", text, re.MULTILINE | re.DOTALL)
    return {
        word
        for part in code
        for word in re.findall(rf"(?:^|[`$;&|]|\n) *{command} ([a-z0-9-]+)", part)
    }


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_make_knows_every_word_that_a_page_shows(page: os.PathLike[str]) -> None:
    """`make WORD` in a page is a word of the Makefile."""
    assert shown((ROOT / page).read_text("utf-8"), "make") <= WORDS


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_headpond_knows_every_command_that_a_page_shows(page: os.PathLike[str]) -> None:
    """`headpond COMMAND` in a page is an entry point."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    commands = set(project["entry-points"]["headpond.commands"])
    assert shown((ROOT / page).read_text("utf-8"), r"(?:\.venv/bin/)?headpond") <= commands


def test_every_word_is_explained() -> None:
    """`make help` lists every word."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert set(re.findall(r"^([a-z0-9-]+):.*## \S", makefile, re.MULTILINE)) == WORDS


def test_every_script_of_ci_can_be_started() -> None:
    """What the Makefile and the workflow call is executable."""
    assert [path for path in (ROOT / ".ci").iterdir() if not os.access(path, os.X_OK)] == []
