"""A login with exactly the rights that the page on connections names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tree import ROOT

if TYPE_CHECKING:
    import redis

PAGE: Final = ROOT / "docs" / "howto" / "connect-to-redis.md"
PASSWORD: Final = "p@ss/1"
LOGIN: Final = "headpond:p%40ss%2F1"
"""The same in an address."""


def add_login(client: redis.Redis, namespace: str) -> None:
    """Let there be the login, for this namespace."""
    text = PAGE.read_text("utf-8")
    found = re.search(r"^ACL SETUSER headpond on >PASSWORD (.*)$", text, re.MULTILINE)
    assert found
    rules = found[1].replace("headpond", namespace).split()
    client.execute_command(
        "ACL", "SETUSER", "headpond", "reset", "on", f">{PASSWORD}", "resetchannels", *rules
    )
