"""One version, one oldest Python, one lock: every place that names them agrees."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from typing import Any

import pytest

from tree import ROOT


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """Read the project's table."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def lock() -> str:
    """Read the lock."""
    return (ROOT / "constraints.txt").read_text("utf-8")


def test_the_changelog_knows_the_version(project: dict[str, Any]) -> None:
    """The newest release in the changelog is the version that pyproject.toml names."""
    releases = re.findall(
        r"^## \[(\d[^]]*)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert releases[0] == project["project"]["version"]


def test_the_installed_version_is_this_one(project: dict[str, Any]) -> None:
    """The environment runs what the tree says; if not, `make setup` mends it."""
    assert version("headpond") == project["project"]["version"]


def test_setup_asks_for_the_oldest_python(project: dict[str, Any]) -> None:
    """`make setup` refuses exactly the Pythons that the distribution refuses."""
    needs = re.search(r'needs="([\d.]+)"', (ROOT / ".ci/setup").read_text("utf-8"))
    assert needs is not None
    assert project["project"]["requires-python"] == f">={needs[1]}"


def test_the_lock_names_no_addresses(lock: str) -> None:
    """The lock is versions and hashes; where packages come from is each machine's own affair."""
    assert not re.search(r"://|^\s*-|@ ", lock.replace("--hash", "hash"), re.MULTILINE)


def test_every_locked_package_has_a_hash(lock: str) -> None:
    """A package without a hash would make installers refuse the whole lock."""
    packages = re.split(r"^(?=\S)", lock, flags=re.MULTILINE)
    assert [
        package for package in packages if package.strip() and "--hash=sha256:" not in package
    ] == []


def test_everything_that_is_asked_for_is_locked(project: dict[str, Any], lock: str) -> None:
    """Every direct dependency, of the distribution, its extras and the groups, is in the lock."""
    wanted = [
        *project["project"]["dependencies"],
        *(name for extra in project["project"]["optional-dependencies"].values() for name in extra),
        *(
            name
            for group in project["dependency-groups"].values()
            for name in group
            if isinstance(name, str)
        ),
    ]
    names = {re.split(r"[<>=!;\[ ]", want)[0] for want in wanted} - {"headpond"}
    assert [
        name for name in sorted(names) if not re.search(rf"^{name}==", lock, re.MULTILINE)
    ] == []
