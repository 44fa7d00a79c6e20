"""What was measured: the versions of everything that takes part."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import version
from typing import Final

from harness import bullmq
from headpond.cli.up.redis_binary import find_binary

PACKAGES: Final = ("headpond", "taskiq", "taskiq-redis", "redis", "hiredis", "msgspec", "uvloop")
NODE_PACKAGES: Final = ("bullmq", "ioredis")


def versions() -> dict[str, str]:
    """Return name → version; what isn't installed is left out."""
    found = {"Python": platform.python_version(), "redis-server": _redis()}
    found |= {package: version(package) for package in PACKAGES}
    if shutil.which("node") is None:
        return found
    node = subprocess.run(("node", "--version"), capture_output=True, text=True, check=False)
    found["Node"] = node.stdout.strip().removeprefix("v")
    for package in NODE_PACKAGES:
        manifest = bullmq.INSTALLED / "node_modules" / package / "package.json"
        if manifest.exists():
            found[package] = json.loads(manifest.read_text("utf-8"))["version"]
    return found


def _redis() -> str:
    binary = find_binary(os.environ).path
    said = subprocess.run((binary, "--version"), capture_output=True, text=True, check=False).stdout
    named = re.search(r"v=(\S+)", said)
    return named[1] if named else "unknown"
