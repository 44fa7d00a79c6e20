"""The stores that must behave alike. To add one: a line in `STORES` and a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from bench import Bench
from headpond.memory import MemoryQueueStore
from headpond.redis import RedisQueueStore
from headpond.testing import ManualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from headpond.ports import QueueStore


def _memory(_: pytest.FixtureRequest, clock: ManualClock) -> QueueStore:
    return MemoryQueueStore(clock)


def _redis(request: pytest.FixtureRequest, clock: ManualClock) -> QueueStore:
    url = request.getfixturevalue("redis_url")
    return RedisQueueStore(url, request.getfixturevalue("namespace"), clock=clock)


STORES = {"memory": _memory, "redis": _redis}


@pytest.fixture
def clock() -> ManualClock:
    """Give the time that the store goes by."""
    return ManualClock()


@pytest.fixture(params=STORES)
def unopened(request: pytest.FixtureRequest, clock: ManualClock) -> QueueStore:
    """Give one store after the other, before its start."""
    return STORES[request.param](request, clock)


@pytest_asyncio.fixture
async def store(unopened: QueueStore) -> AsyncIterator[QueueStore]:
    """Give a started store."""
    await unopened.start()
    yield unopened
    await unopened.close()


@pytest_asyncio.fixture
async def bench(store: QueueStore, clock: ManualClock) -> AsyncIterator[Bench]:
    """Give a queue with default settings; whatever the test did, its counts must be exact."""
    bench = Bench(store, clock)
    await bench.configure()
    yield bench
    await bench.check()
