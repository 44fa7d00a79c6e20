"""The peer in Node: BullMQ, installed from its lock when a benchmark first wants it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

_SOURCE: Final = Path(__file__).resolve().parents[1] / "bullmq"
INSTALLED: Final = Path(__file__).resolve().parents[2] / ".peers" / "bullmq"
"""A copy of the source with `node_modules` beside it; git ignores it."""
INSTALLS_WITHIN_S: Final = 180.0
PART: Final = 0.4
"""Of our jobs, so that its runs take about as long; it is warm after 10,000."""


def command(*words: str) -> list[str]:
    """Return the command that runs the peer's script."""
    return ["node", str(INSTALLED / "bench.mjs"), *words]


def absence(*, may_install: bool) -> str:
    """Install the peer where that is wanted and missing; say why it can't run, "" when it can."""
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing:
        return (
            f"{' and '.join(missing)} not found; install Node 20 or newer to have BullMQ beside us"
        )
    if _is_installed():
        return ""
    if not may_install:
        return "--quick installs nothing: run a benchmark once without it"
    return _install()


def _install() -> str:
    shutil.copytree(_SOURCE, INSTALLED, dirs_exist_ok=True)
    try:
        ended = subprocess.run(
            ("npm", "install", "--no-save", "--loglevel", "error"),
            cwd=INSTALLED,
            capture_output=True,
            text=True,
            timeout=INSTALLS_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"npm did not install BullMQ within {INSTALLS_WITHIN_S:g} s"
    if ended.returncode:
        return f"npm could not install BullMQ: {(ended.stderr.strip().splitlines() or ['?'])[-1]}"
    return ""


def _is_installed() -> bool:
    """Look whether what is installed is what the lock wants; bring the script up to date."""
    lock = INSTALLED / "package-lock.json"
    if not (INSTALLED / "node_modules" / ".package-lock.json").exists() or not lock.exists():
        return False
    if lock.read_bytes() != (_SOURCE / "package-lock.json").read_bytes():
        return False
    shutil.copy(_SOURCE / "bench.mjs", INSTALLED)
    return True
