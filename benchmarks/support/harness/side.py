"""What both sides can do, so that each measurement is written once."""

from __future__ import annotations

import importlib
from typing import Final, Protocol

QUEUE: Final = "bench"
SLOTS: Final = 100
"""Jobs at once in the one worker process, on every side."""
REDIS: Final = "BENCH_REDIS"
"""Environment variable of every child: the Redis of this run."""
NOOP: Final = "noop"
NAP: Final = "nap"
"""Job types of `harness.handlers`."""


class Side(Protocol):
    """One way to enqueue and run the jobs of `harness.handlers`; its module calls it `SIDE`."""

    async def open(self) -> None:
        """Connect, and make the queue exist."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...

    async def one(self, number: int) -> None:
        """Enqueue one no-op job as an application does."""
        ...

    async def many(self, first: int, count: int, job_type: str = NOOP) -> None:
        """Enqueue jobs of a type that takes a number by the fastest way that there is."""
        ...

    async def stamp(self, sent_ns: int) -> None:
        """Enqueue one job that notes when it arrives."""
        ...

    async def ping(self) -> None:
        """Make one round trip to the store over the connection that enqueues."""
        ...

    async def left(self) -> int:
        """Return how many jobs have not ended well."""
        ...


def load(name: str) -> Side:
    """Return a side by the name of its module (see `harness.commands`)."""
    side: Side = importlib.import_module(f"harness.{name}").SIDE
    return side
