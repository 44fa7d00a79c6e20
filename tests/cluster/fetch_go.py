"""Fetch a Go toolchain from the Go module proxy, as `go` does: `fetch_go.py go1.25.5 FOLDER`.

For machines without any Go. Only Python's own library is used: nothing is installed yet.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import tempfile
import urllib.request
import zipfile
from pathlib import Path
from typing import Final

PROXY: Final = "https://proxy.golang.org"
PATIENCE_S: Final = 120
SHA256: Final = {
    "go1.25.5.linux-amd64": "8cea6783dab64d68b38f5b81ecd38d45155a3c06638991acc6af19e0fca80edb",
    "go1.25.5.linux-arm64": "4d31d22f75fed99025f7b082319eabeb74106d11e343fc203b336ba2afdeb3a1",
}
"""What has been seen and is trusted; anything else is refused."""

MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


def main(version: str, folder: Path) -> int:
    """Unpack the toolchain as `folder`; return 1 when it can't be had."""
    name = f"{version}.linux-{MACHINES.get(platform.machine(), platform.machine())}"
    if name not in SHA256:
        return _say(f"{name} is not among the versions whose checksum is known.")
    proxies = [each for each in os.environ.get("GOPROXY", "").split(",") if "://" in each]
    url = f"{(proxies or [PROXY])[0]}/golang.org/toolchain/@v/v0.0.1-{name}.zip"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        archive = Path(scratch) / "go.zip"
        try:
            request = urllib.request.Request(url)  # noqa: S310 (https, or what GOPROXY says)
            with (
                urllib.request.urlopen(request, timeout=PATIENCE_S) as answer,  # noqa: S310
                archive.open("wb") as to,
            ):
                shutil.copyfileobj(answer, to)
        except OSError as error:
            return _say(f"{url} can't be fetched: {error}")
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != SHA256[name]:
            return _say(f"{url} has the checksum {found}, not the known one.")
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(scratch)
        tree = Path(scratch) / f"golang.org/toolchain@v0.0.1-{name}"
        for program in (*tree.glob("bin/*"), *tree.glob("pkg/tool/*/*")):
            program.chmod(0o755)  # zips of modules carry no modes
        tree.rename(folder)
    return 0


def _say(sentence: str) -> int:
    print(f"fetch_go: {sentence}", file=sys.stderr)  # noqa: T201 (a command)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
