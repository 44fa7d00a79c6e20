"""Exchanges and waits of workers with a real Redis, where something goes wrong on the way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from headpond.errors import HeadpondError
from headpond.jobs import Done, JobId, NewJob
from headpond.ports import WorkerBeat
from headpond.queues import QueueSettings, WorkerState
from headpond.redis import RedisQueueStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis_server import RedisServer


@pytest_asyncio.fixture
async def store(redis_url: str, namespace: str) -> AsyncIterator[RedisQueueStore]:
    """Give a store with two queues in which nothing has happened."""
    store = RedisQueueStore(redis_url, namespace)
    await store.configure("q", QueueSettings())
    await store.configure("other", QueueSettings())
    await store.wait("q", 1)
    await store.wait("other", 1)  # each was woken by its settings
    yield store
    await store.close()


def jobs(*names: str) -> list[NewJob]:
    """Make jobs."""
    return [NewJob(JobId(name), b"{}") for name in names]


async def test_claim_beside_a_failed_report_is_given_back(
    store: RedisQueueStore, redis_server: RedisServer
) -> None:
    """A report that Redis refuses costs no other job a delivery, however often it is repeated."""
    await store.enqueue("q", jobs("a", "b", "c"))
    with redis_server.client() as client:
        client.hset(store.client.key("q", "meta"), "stale", "no number")
    for _ in range(3):
        with pytest.raises(HeadpondError):
            await store.exchange("q", "w", [Done(JobId("x"), "w.0", b"", 1)], 2)
    answer = await store.exchange("q", "w", [], 9)
    assert [(claim.id, claim.crashes) for claim in answer.claims] == [("a", 0), ("b", 0), ("c", 0)]


async def test_request_to_drain_somebody_who_left_is_forgotten(
    store: RedisQueueStore, redis_server: RedisServer
) -> None:
    """A worker may leave between a sample and the request; the tick takes that away."""
    keepers = [store.leases("q", name) for name in ("stays", "left")]
    for keeper, name in zip(keepers, ("stays", "left"), strict=True):
        await asyncio.to_thread(keeper.renew, WorkerBeat(name, WorkerState.WORKING, 1, 0), [])
    await asyncio.to_thread(keepers[1].leave)
    await store.drain("q", ["stays", "left"])
    await store.tick(["q"])
    with redis_server.client() as client:
        assert client.hkeys(store.client.key("q", "draining")) == [b"stays"]
    for keeper in keepers:
        keeper.close()


async def test_scripts_that_redis_forgot_are_loaded_again(
    store: RedisQueueStore, redis_server: RedisServer
) -> None:
    """Reports and claims of one write run once each after SCRIPT FLUSH; so does a renewal."""
    await store.enqueue("q", jobs("a", "b"))
    (a,) = (await store.exchange("q", "w", [], 1)).claims
    with redis_server.client() as client:
        client.script_flush()
    answer = await store.exchange("q", "w", [Done(a.id, a.fence, b"", 1)], 1)
    assert (answer.stale, [claim.id for claim in answer.claims]) == ((), ["b"])
    sample = (await store.sample(["q"]))["q"]
    assert (sample.completed, sample.active, sample.ended_total) == (1, 1, 1)


async def test_waits_do_not_wait_for_each_other(store: RedisQueueStore) -> None:
    """A short wait ends in its time, beside a long one for another queue."""
    long = asyncio.create_task(store.wait("other", 5.0))
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await store.wait("q", 0.05)
    long.cancel()


async def test_wait_after_a_wait_that_was_given_up(store: RedisQueueStore) -> None:
    """What nobody waits for any more is in nobody's way, and its wake-up is passed on."""
    given_up = asyncio.create_task(store.wait("q", 5.0))
    await store.ping()
    given_up.cancel()
    async with asyncio.timeout(2):
        await store.wait("q", 0.05)
    await store.enqueue("q", jobs("a"))
    async with asyncio.timeout(2):
        await store.wait("q", 5.0)


async def test_wait_ends_in_time_whatever_redis_does(
    store: RedisQueueStore, redis_server: RedisServer
) -> None:
    """A delayed job's moment does not depend on how often Redis looks at its timeouts."""
    with redis_server.client() as client:
        client.client_pause(4000)
        try:
            async with asyncio.timeout(2):
                await store.wait("q", 0.05)
        finally:
            client.client_unpause()
    await store.enqueue("q", jobs("a"))
    async with asyncio.timeout(4):
        await store.wait("q", 5.0)  # what the wait before left behind took no wake-up away
