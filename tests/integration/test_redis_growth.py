"""What a queue keeps in Redis stays bounded, whoever comes and goes; so does one step's time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bench import Bench, a_job
from headpond.jobs import Unique
from headpond.queues import Rate, TenantRule
from headpond.redis import RedisQueueStore
from headpond.redis.keys import queue_key
from headpond.testing import ManualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis_server import RedisServer

MANY = 700
"""More than one tick sweeps, and than Redis keeps as a list."""
TICKS = 14


@pytest.fixture
async def bench(redis_url: str, namespace: str) -> AsyncIterator[Bench]:
    """Give a queue in Redis."""
    clock = ManualClock()
    store = RedisQueueStore(redis_url, namespace, clock=clock)
    await store.start()
    bench = Bench(store, clock)
    await bench.configure()
    yield bench
    await store.close()


def kept(redis_server: RedisServer, namespace: str, column: str) -> int:
    """Return how many entries a hash has."""
    with redis_server.client() as client:
        return int(client.hlen(queue_key(namespace, "line", column)))


async def pass_by(bench: Bench) -> None:
    """Let many tenants run a job each, then let time pass."""
    await bench.place(*(a_job(f"j{n}", tenant=f"t{n}") for n in range(MANY)))
    answer = await bench.store.exchange(bench.name, "w1", [], MANY)
    assert len(answer.claims) == MANY
    await bench.done(*answer.claims[:500])
    await bench.done(*answer.claims[500:])
    bench.in_ms(60_000)
    for _ in range(TICKS):
        await bench.store.tick([bench.name])


async def test_rates_of_tenants_that_are_gone_are_forgotten(
    bench: Bench, redis_server: RedisServer, namespace: str
) -> None:
    """A tenant is remembered for the span of its rate, not for ever."""
    await bench.configure(tenant=TenantRule(rate=Rate(1, 1000)))
    await pass_by(bench)
    assert kept(redis_server, namespace, "rates") == 0


async def test_tags_of_a_queue_that_is_never_empty_are_forgotten(
    bench: Bench, redis_server: RedisServer, namespace: str
) -> None:
    """Those that virtual time has caught up with say nothing; those who wait keep theirs."""
    await bench.add("waits", priority=0)
    await pass_by(bench)
    assert kept(redis_server, namespace, "tags") == 1


async def test_ids_that_a_batch_skipped_are_forgotten_with_it(
    bench: Bench, redis_server: RedisServer, namespace: str
) -> None:
    """No job has these ids, so no job's end takes them away."""
    await bench.open_batch("b", MANY + 2, lock_ms=1000, keep_ms=1000)
    one = Unique("one")
    jobs = [a_job(f"j{n}", unique=one, batch="b") for n in range(MANY + 1)]
    await bench.store.enqueue(bench.name, jobs)
    assert kept(redis_server, namespace, "members") == MANY + 1
    bench.in_ms(2000)
    for _ in range(TICKS):
        await bench.store.tick([bench.name])
    assert kept(redis_server, namespace, "members") == 1


async def test_keys_that_time_frees_go_as_fast_as_new_ones_come(
    bench: Bench, redis_server: RedisServer, namespace: str
) -> None:
    """Ticks need not keep up with thousands of keys a second."""
    for turn in range(5):
        keys = [Unique(f"k{turn}-{n}", for_ms=1000, until="") for n in range(MANY)]
        jobs = [a_job(f"j{turn}-{n}", unique=key) for n, key in enumerate(keys)]
        await bench.store.enqueue(bench.name, jobs)
        bench.in_ms(1001)
    assert kept(redis_server, namespace, "uniques") <= MANY


async def test_large_jobs_of_many_callers_are_no_single_step(
    bench: Bench, redis_server: RedisServer
) -> None:
    """Redis serves nobody else meanwhile, so what comes together goes in by a few MiB."""
    with redis_server.client() as client:
        client.config_resetstat()
        jobs = [a_job(f"j{n}", body=b"x" * 2**18) for n in range(64)]
        await asyncio.gather(*(bench.store.enqueue(bench.name, [job]) for job in jobs))
        calls = client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert calls == 4
    assert (await bench.sample()).waiting == 64
