"""What `durability` promises: an enqueue returns when a replica, or a disk, has the jobs."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from headpond.errors import NotDurable
from headpond.jobs import JobId, NewJob
from headpond.queues import QueueSettings
from headpond.redis import RedisQueueStore
from redis_server import RedisServer
from redis_versions import NotHere, binary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

REPLICATED = QueueSettings(durability="replicated")
FSYNC = QueueSettings(durability="fsync")


def jobs(*names: str) -> list[NewJob]:
    """Make jobs."""
    return [NewJob(JobId(name), b"{}") for name in names]


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[RedisServer]:
    """Run a primary of the test's own."""
    (tmp_path / "primary").mkdir()
    server = RedisServer(tmp_path / "primary", options={"repl-diskless-sync-delay": "0"})
    server.start()
    yield server
    server.kill()


@pytest.fixture
def replica(tmp_path: Path, primary: RedisServer) -> Iterator[RedisServer]:
    """Run a replica, in step with the primary."""
    (tmp_path / "replica").mkdir()
    follows = {"replicaof": f"127.0.0.1 {primary.port}"}
    server = RedisServer(tmp_path / "replica", options=follows)
    server.start()
    with primary.client() as client:
        client.wait(1, 10_000)
    yield server
    if server.pid:
        os.kill(server.pid, signal.SIGCONT)
    server.kill()


@pytest.fixture
def modern(tmp_path: Path) -> Iterator[RedisServer]:
    """Run a Redis that knows WAITAOF."""
    try:
        found = binary("redis-8.0")
    except NotHere as reason:
        pytest.skip(f"WAITAOF needs Redis 7.2: {reason}")
    (tmp_path / "modern").mkdir()
    server = RedisServer(tmp_path / "modern", binary=found)
    server.start()
    yield server
    server.kill()


@pytest_asyncio.fixture
async def store(primary: RedisServer) -> AsyncIterator[RedisQueueStore]:
    """Give a store on the primary."""
    store = RedisQueueStore(primary.url)
    yield store
    await store.close()


async def count(url: str) -> int:
    """Return how many jobs wait in the queue of a Redis."""
    store = RedisQueueStore(url)
    try:
        return (await store.sample(["q"]))["q"].waiting
    finally:
        await store.close()


async def test_durability_replicated_survives_the_loss_of_the_primary(
    primary: RedisServer, replica: RedisServer, store: RedisQueueStore
) -> None:
    """Every job whose enqueue returned is in the replica at that moment, whatever comes then."""
    await store.configure("q", REPLICATED)
    for at in range(50):
        assert all(await store.enqueue("q", jobs(f"j{at}a", f"j{at}b")))
    primary.kill()
    with replica.client() as client:
        client.replicaof("NO", "ONE")
    assert await count(replica.url) == 100


async def test_durability_replicated_is_not_answered_without_a_replica(
    replica: RedisServer, store: RedisQueueStore
) -> None:
    """With the replica frozen the caller is told, the jobs are in, and the same call is safe."""
    await store.configure("q", REPLICATED)
    os.kill(replica.pid, signal.SIGSTOP)
    with pytest.raises(NotDurable, match="a replica did not confirm"):
        await store.enqueue("q", jobs("a"))
    assert await store.read("q", [JobId("a")]) != [None]
    with pytest.raises(NotDurable):
        await store.enqueue("q", jobs("a"))  # a duplicate proves as little
    os.kill(replica.pid, signal.SIGCONT)
    (again,) = await store.enqueue("q", jobs("a"))
    assert not again.created


async def test_durability_follows_the_settings_live(
    replica: RedisServer, store: RedisQueueStore
) -> None:
    """The first enqueue after a change is confirmed already, and the last one no more."""
    await store.configure("q", QueueSettings())
    await store.enqueue("q", jobs("a"))
    os.kill(replica.pid, signal.SIGSTOP)
    await store.configure("q", REPLICATED)
    with pytest.raises(NotDurable):
        await store.enqueue("q", jobs("b"))
    await store.configure("q", QueueSettings())
    assert all([*await store.enqueue("q", jobs("c")), *await store.enqueue("q", jobs("d"))])


async def test_durability_fsync_needs_redis_7_2(store: RedisQueueStore) -> None:
    """A Redis that can't say what is on its disk is named, with what to do."""
    await store.configure("q", FSYNC)
    if os.environ.get("TEST_REDIS", "system") not in {"system", "redis-6.2"}:
        pytest.skip("this Redis has WAITAOF: run with TEST_REDIS=system")
    with pytest.raises(NotDurable, match=r"needs Redis 7\.2 with appendonly"):
        await store.enqueue("q", jobs("a"))
    assert await store.read("q", [JobId("a")]) != [None]


async def test_durability_fsync_waits_for_the_disk(modern: RedisServer) -> None:
    """An answer comes once the log is synced, and none while Redis leaves that to chance."""
    store = RedisQueueStore(modern.url)
    await store.configure("q", FSYNC)
    assert all(await store.enqueue("q", jobs("a", "b")))
    with modern.client() as client:
        client.config_set("appendfsync", "no")
        with pytest.raises(NotDurable, match="a disk did not confirm"):
            await store.enqueue("q", jobs("c"))
        client.config_set("appendfsync", "everysec")
    assert not (await store.enqueue("q", jobs("c")))[0].created
    await store.close()
    modern.kill()
    modern.start()
    assert await count(modern.url) == 3


async def test_durability_fsync_without_a_log_is_refused(modern: RedisServer) -> None:
    """A Redis that keeps no log can't promise a disk."""
    store = RedisQueueStore(modern.url)
    await store.configure("q", FSYNC)
    with modern.client() as client:
        client.config_set("appendonly", "no")
    with pytest.raises(NotDurable, match="appendonly"):
        await store.enqueue("q", jobs("a"))
    await store.close()


async def test_durability_is_not_forgotten_by_an_empty_redis(
    replica: RedisServer, primary: RedisServer, store: RedisQueueStore
) -> None:
    """Where the settings are gone, what was asked for is not taken for granted."""
    assert replica.pid
    await store.configure("q", REPLICATED)
    assert all(await store.enqueue("q", jobs("a")))
    with primary.client() as client:
        client.flushall()
    with pytest.raises(NotDurable, match="knows nothing of the queue"):
        await store.enqueue("q", jobs("b"))
    await store.configure("q", REPLICATED)
    assert all(await store.enqueue("q", jobs("c")))


async def test_durability_confirms_many_callers_together(
    primary: RedisServer, replica: RedisServer, store: RedisQueueStore
) -> None:
    """Callers that come while the replica is asked share the next question."""
    await store.configure("q", REPLICATED)
    await store.enqueue("q", jobs("first"))
    with primary.client() as client:
        before = client.info("commandstats").get("cmdstat_wait", {"calls": 0})["calls"]
        placed = await asyncio.gather(*(store.enqueue("q", jobs(f"j{n}")) for n in range(200)))
        asked = client.info("commandstats")["cmdstat_wait"]["calls"] - before
    assert all(one[0].created for one in placed)
    assert asked <= 5
    assert replica.pid
