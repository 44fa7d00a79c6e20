"""Headpond with jobs of a thousand tenants, in turn."""

from __future__ import annotations

from typing import Final

from typing_extensions import override

from harness.handlers import TEXT
from harness.ours import JOB_TYPES, Ours, Work, store
from harness.side import NOOP

TENANTS: Final = 1000


class ThousandTenants(Ours):
    """One for each."""

    @override
    async def many(self, first: int, count: int, job_type: str = NOOP) -> None:
        call = JOB_TYPES[job_type].call
        numbers = range(first, first + count)
        await JOB_TYPES[job_type].enqueue_many(
            call(Work(number=n, text=TEXT), tenant=f"tenant-{n % TENANTS}") for n in numbers
        )


SIDE = ThousandTenants(store)
