"""The environment of somebody who types a command."""

from __future__ import annotations

import os


def a_shell() -> dict[str, str]:
    """Return this process' environment without what the tests' own runner set.

    A user's shell has no PYTHONSAFEPATH, with which the current folder's apps are not found.
    """
    ours = {"PYTHONSAFEPATH"}
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ours and "HEADPOND" not in name
    }
