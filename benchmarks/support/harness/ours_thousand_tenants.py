"""Headpond with jobs of a thousand tenants, in turn."""

from __future__ import annotations

from typing import Final

from typing_extensions import override

from harness.ours import Ours, store

TENANTS: Final = 1000


class ThousandTenants(Ours):
    """One for each."""

    @override
    def tenant_of(self, number: int) -> str:
        return f"tenant-{number % TENANTS}"


SIDE = ThousandTenants(store)
