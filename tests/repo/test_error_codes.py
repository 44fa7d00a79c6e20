"""The error tree: codes are names that clients may rely on."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import headpond.errors
from headpond.errors import HeadpondError

if TYPE_CHECKING:
    from collections.abc import Iterator


def tree(root: type[HeadpondError]) -> Iterator[type[HeadpondError]]:
    """Yield a class and all below it."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


ERRORS = [error for error in tree(HeadpondError) if error.__module__ == "headpond.errors"]


def test_every_code_is_unique() -> None:
    """Two errors never share a code."""
    counts = Counter(error.code for error in ERRORS)
    assert [code for code, count in counts.items() if count > 1] == []


def test_every_code_is_kebab_case() -> None:
    """A code can stand in a URL and a log line."""
    assert [error for error in ERRORS if not re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code)] == []


def test_the_docstring_draws_every_error() -> None:
    """The picture at the top of errors.py is complete."""
    drawn = headpond.errors.__doc__ or ""
    assert [error.__name__ for error in ERRORS if error.__name__ not in drawn] == []
