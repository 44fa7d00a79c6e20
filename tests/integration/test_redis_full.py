"""A Redis whose memory is full takes no new jobs, and everything that frees memory goes on."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from headpond.errors import StoreFull
from headpond.jobs import Done, JobId, NewJob, Released
from headpond.ports import WorkerBeat
from headpond.queues import Hold, QueueSettings, WorkerState
from headpond.redis import RedisQueueStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis_server import RedisServer


def job(name: str, delay_ms: int = 0) -> NewJob:
    """Make a job."""
    return NewJob(JobId(name), b"{}", delay_ms=delay_ms)


@contextmanager
def full(server: RedisServer) -> Iterator[None]:
    """Let Redis be over its memory meanwhile."""
    with server.client() as client:
        client.config_set("maxmemory", 1)
        try:
            yield
        finally:
            client.config_set("maxmemory", 0)


async def test_full_redis_lets_workers_go_on(
    redis_server: RedisServer, redis_url: str, namespace: str
) -> None:
    """Leases are renewed, reports and hand-backs taken, due jobs promoted and handed out."""
    store = RedisQueueStore(redis_url, namespace)
    await store.configure("q", QueueSettings())
    await store.enqueue("q", [job("a"), job("b"), job("c", delay_ms=1)])
    first = await store.exchange("q", "w", [], 2)
    keeper = store.leases("q", "w")
    a, b = first.claims
    beat = WorkerBeat("w", WorkerState.WORKING, 2, 0)
    with full(redis_server):
        with pytest.raises(StoreFull):
            await store.enqueue("q", [job("late")])
        renewal = await asyncio.to_thread(keeper.renew, beat, [(a.id, a.fence), (b.id, b.fence)])
        assert not renewal.lost
        reports = [Done(a.id, a.fence, b"", 1), Done(JobId("gone"), "w.0", b"", 1)]
        second = await store.exchange("q", "w", [*reports, Released(b.id, b.fence)], 2)
        await asyncio.to_thread(keeper.leave)
    assert second.stale == ("gone",)
    assert [claim.id for claim in second.claims] == ["b", "c"]
    keeper.close()
    await store.close()


async def test_full_redis_can_be_governed(
    redis_server: RedisServer, redis_url: str, namespace: str
) -> None:
    """Ticks, holds, drains, marks and decisions get through: they are how one gets out of it."""
    store = RedisQueueStore(redis_url, namespace)
    await store.configure("q", QueueSettings())
    await store.enqueue("q", [job("a"), job("b", delay_ms=1)])
    await store.exchange("q", "w", [], 0)  # time has passed in Redis
    with full(redis_server):
        assert (await store.tick(["q"]))["q"].outstanding == 2
        await store.hold("q", Hold("runtime", "me", "memory", 1))
        assert (await store.exchange("q", "w", [], 1)).held
        assert await store.resume("q", "runtime")
        await store.drain("q", ["w"])
        assert (await store.exchange("q", "w", [], 1)).draining
        await store.undrain("q", ["w"])
        await store.set_wake("q", 5)
        await store.record("q", "{}")
    await store.close()
