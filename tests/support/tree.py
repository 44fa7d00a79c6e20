"""The repository as files, for tests of its shape. Needs no git."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
ROOMS: Final = ("core", "api", "workers", "apps")

_NOT_OURS: Final = {"__pycache__", "build", "dist", "htmlcov", "results"}
_HIDDEN_AND_OURS: Final = {".ci", ".github"}


def files(suffix: str = "") -> Iterator[Path]:
    """Yield the files that somebody wrote, relative to the root."""
    for folder, names, found in os.walk(ROOT):
        names[:] = [
            name
            for name in names
            if name not in _NOT_OURS and (not name.startswith(".") or name in _HIDDEN_AND_OURS)
        ]
        for name in found:
            if name.endswith(suffix) and not name.startswith(".coverage"):
                yield (Path(folder) / name).relative_to(ROOT)
