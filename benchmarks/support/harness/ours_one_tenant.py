"""Headpond with every job of the same tenant."""

from __future__ import annotations

from typing_extensions import override

from harness.handlers import TEXT
from harness.ours import JOB_TYPES, Ours, Work, store
from harness.side import NOOP


class OneTenant(Ours):
    """All for one."""

    @override
    async def many(self, first: int, count: int, job_type: str = NOOP) -> None:
        payloads = [Work(number=n, text=TEXT) for n in range(first, first + count)]
        await JOB_TYPES[job_type].enqueue_many(payloads, tenant="acme")


SIDE = OneTenant(store)
