"""The stores that must behave alike. To add one: a line in `STORES` and a function.

`TEST_CLUSTER=1 pytest tests/conformance -k cluster` adds a Redis Cluster of three primaries.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from bench import Bench
from headpond.memory import MemoryQueueStore
from headpond.redis import RedisQueueStore
from headpond.testing import ManualClock
from redis_nodes import Clustered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from headpond.ports import QueueStore


def _memory(_: pytest.FixtureRequest, clock: ManualClock) -> QueueStore:
    return MemoryQueueStore(clock)


def _redis(request: pytest.FixtureRequest, clock: ManualClock) -> QueueStore:
    url = request.getfixturevalue("redis_url")
    return RedisQueueStore(url, request.getfixturevalue("namespace"), clock=clock)


def _cluster(request: pytest.FixtureRequest, clock: ManualClock) -> QueueStore:
    clustered: Clustered = request.getfixturevalue("clustered")
    request.addfinalizer(clustered.clear)
    return RedisQueueStore(clustered.url, request.getfixturevalue("namespace"), clock=clock)


STORES = {"memory": _memory, "redis": _redis}
if os.environ.get("TEST_CLUSTER"):
    STORES["cluster"] = _cluster


@pytest.fixture(scope="session")
def clustered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clustered]:
    """Run three primaries that share the slots."""
    cluster = Clustered(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


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
