"""A claim whose answer is lost costs its jobs neither a lease nor a crash."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from headpond.errors import StoreUnavailable
from headpond.jobs import JobId, NewJob
from headpond.ports import WorkerBeat
from headpond.queues import QueueSettings, WorkerState
from headpond.redis import RedisQueueStore
from headpond.testing import ManualClock
from tcp_proxy import TcpProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from headpond.jobs import Claim
    from redis_server import RedisServer

NAMES = ["a", "b", "c"]
BEAT = WorkerBeat("w", WorkerState.WORKING, 2, 0)


@pytest.fixture
def clock() -> ManualClock:
    """Give the time that the store goes by."""
    return ManualClock()


@pytest_asyncio.fixture
async def proxy(redis_server: RedisServer) -> AsyncIterator[TcpProxy]:
    """Stand between the store and Redis."""
    async with TcpProxy(redis_server.port).open() as proxy:
        yield proxy


@pytest_asyncio.fixture
async def store(
    redis_url: str, namespace: str, clock: ManualClock, proxy: TcpProxy
) -> AsyncIterator[RedisQueueStore]:
    """Give a store with three jobs behind the proxy."""
    assert redis_url
    store = RedisQueueStore(proxy.url, namespace, clock=clock)
    await store.configure("q", QueueSettings(max_deliveries=1))
    await store.enqueue("q", [NewJob(JobId(name), b"{}") for name in NAMES])
    yield store
    await store.close()


async def claim_in_vain(store: RedisQueueStore, proxy: TcpProxy, want: int) -> None:
    """Let Redis claim, and the connection end before its answer is here."""
    proxy.lose_replies(random.Random(1), 1.0)
    with pytest.raises(StoreUnavailable):
        await store.exchange("q", "w", [], want)
    assert (await store.sample(["q"]))["q"].active == want


def seen(claims: tuple[Claim, ...]) -> list[tuple[str, int]]:
    """Return ids and crashes."""
    return [(claim.id, claim.crashes) for claim in claims]


async def test_lost_claim_goes_back_with_the_next_exchange(
    store: RedisQueueStore, proxy: TcpProxy
) -> None:
    """What nobody heard of is put back to its place, and claimed anew in the same step."""
    await claim_in_vain(store, proxy, 2)
    answer = await store.exchange("q", "w", [], 3)
    assert seen(answer.claims) == [(name, 0) for name in NAMES]
    sample = (await store.sample(["q"]))["q"]
    assert (sample.active, sample.waiting) == (3, 0)
    assert (await store.exchange("q", "w", [], 1)).claims == ()


async def test_lost_claim_of_a_worker_that_lives_is_no_crash(
    store: RedisQueueStore, proxy: TcpProxy, clock: ManualClock
) -> None:
    """When its lease runs out unrenewed while the worker beats, the job was never run."""
    await claim_in_vain(store, proxy, 2)
    keeper = store.leases("q", "w")
    clock.advance_ms(10_000)
    await asyncio.to_thread(keeper.renew, BEAT, [])
    clock.advance_ms(5_000)
    keeper.close()
    answer = await store.exchange("q", "other", [], 3)
    assert seen(answer.claims) == [(name, 0) for name in NAMES]


async def test_lost_claim_of_a_worker_that_died_is_a_crash(
    store: RedisQueueStore, proxy: TcpProxy, clock: ManualClock
) -> None:
    """Nobody knows whether a worker that is gone ran what it had claimed."""
    await claim_in_vain(store, proxy, 2)
    clock.advance_ms(15_000)
    answer = await store.exchange("q", "other", [], 3)
    assert seen(answer.claims) == [("c", 0)]
    assert (await store.sample(["q"]))["q"].failed == 2
