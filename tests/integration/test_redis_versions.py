"""The servers that tests can be run on are what their names say."""

from __future__ import annotations

import re
import subprocess

import pytest

from redis_versions import NAMES, SYSTEM, NotHere, binary


@pytest.mark.parametrize("name", [name for name in NAMES if name != SYSTEM])
def test_a_named_server_is_that_server(name: str) -> None:
    """It runs here, and says the version in its name."""
    try:
        path = binary(name)
    except NotHere as reason:
        pytest.skip(f"{name}: {reason}")
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    kind, version = name.split("-")
    assert re.match(rf"{kind} server v={re.escape(version)}\.", answer.stdout, re.IGNORECASE)


def test_an_unknown_server_is_refused_by_name() -> None:
    """A slip in `TEST_REDIS` doesn't end in tests of another server."""
    with pytest.raises(NotHere, match=re.escape("There is no 'redis-9'; there are redis-6.2")):
        binary("redis-9")
