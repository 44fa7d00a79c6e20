"""Headpond with every job of the same tenant."""

from __future__ import annotations

from typing_extensions import override

from harness.ours import Ours, store


class OneTenant(Ours):
    """All for one."""

    @override
    def tenant_of(self, number: int) -> str:
        return "acme"


SIDE = OneTenant(store)
