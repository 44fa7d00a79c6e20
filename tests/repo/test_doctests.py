"""Examples in docstrings hold."""

from __future__ import annotations

import doctest
import importlib
from typing import TYPE_CHECKING

import pytest

from tree import ROOMS, ROOT, files

if TYPE_CHECKING:
    from pathlib import Path

MODULES = sorted(
    path
    for path in files(".py")
    if path.parts[0] in ROOMS and ">>> " in (ROOT / path).read_text("utf-8")
)


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_examples_hold(path: Path) -> None:
    """What a docstring shows is what the code does."""
    module = importlib.import_module(
        ".".join(path.with_suffix("").parts[1:]).removesuffix(".__init__")
    )
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0
