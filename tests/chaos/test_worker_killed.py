"""Workers and connections are killed: no job is lost, and none runs twice that need not."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from headpond.errors import StoreUnavailable
from headpond.jobs import FailReason, JobState
from mill import QUEUE, Mill, open_mill
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from mill import Worker
    from nursery import Nursery
    from redis_server import RedisServer

LEASE_MS = 1_500
"""A tenth of the usual, so that tests end ten times as soon; all else follows from it."""
TICK_S = 1.0


@pytest_asyncio.fixture
async def mill(
    redis_url: str, namespace: str, tmp_path: Path, nursery: Nursery
) -> AsyncIterator[Mill]:
    """Give the mill with short leases."""
    async with open_mill(redis_url, namespace, tmp_path, nursery=nursery) as it:
        await it.configure(lease_ms=LEASE_MS)
        yield it


async def ticking(mill: Mill) -> None:
    """Tick as the governor does, until cancelled."""
    while True:
        await mill.store.tick([QUEUE])
        await asyncio.sleep(TICK_S)


async def at_one_of(mill: Mill, other: Worker, count: int, *, seconds: float) -> list[str]:
    """Send jobs, and let none of them start at `other`, which stays ready."""
    await mill.store.drain(QUEUE, [other.id])
    ids = await mill.send("grind", count, seconds=seconds)
    await mill.told("start", count)
    await mill.store.undrain(QUEUE, [other.id])
    return ids


async def test_jobs_of_a_killed_worker_run_again_soon(mill: Mill) -> None:
    """SIGKILL of a busy worker: within a lease and a tick its jobs run at an idle one."""
    first, second = await mill.start(2)
    ids = await at_one_of(mill, second, 2, seconds=1)
    first.send(signal.SIGKILL)
    killed = time.time()
    governor = asyncio.create_task(ticking(mill))
    starts = await mill.told("start", 4)
    governor.cancel()
    for line in starts[2:]:
        assert line["worker"] == "w2"
        assert line["at"] - killed < LEASE_MS / 1000 + TICK_S + 0.5
        assert line["attempt"] == 1, "a crash is no attempt of the handler"
    for job in await mill.ended(*ids):
        assert job.state is JobState.COMPLETED
        assert (job.attempts, job.crashes) == (1, 1)
    assert len(mill.story("start")) == 4


async def test_poison_is_given_up(mill: Mill) -> None:
    """A job that takes three workers down fails as `crashed`; the good jobs beside it are done."""
    await mill.configure(lease_ms=500)
    (poison,) = await mill.send("crash")
    good = await mill.send("grind", 20)
    governor = asyncio.create_task(ticking(mill))
    for _ in range(3):
        worker = mill.spawn()
        assert await worker.ended() == 9
    await mill.start()
    (job,) = await mill.ended(poison)
    governor.cancel()
    assert job.reason is FailReason.CRASHED
    assert {each.state for each in await mill.ended(*good)} == {JobState.COMPLETED}
    assert len(mill.story("start", poison)) == 3


@pytest.mark.parametrize("kind", ["block", "grind", "grind-in-thread"])
async def test_a_job_longer_than_its_lease_runs_once(mill: Mill, kind: str) -> None:
    """Three leases long, the loop blocked or not: the thread renews, and nobody else starts it."""
    await mill.start(2)
    (job_id,) = await mill.send(kind, seconds=3 * LEASE_MS / 1000)
    governor = asyncio.create_task(ticking(mill))
    (job,) = await mill.ended(job_id)
    governor.cancel()
    assert job.state is JobState.COMPLETED
    assert job.crashes == 0
    assert len(mill.story("start")) == 1
    assert (await mill.sample()).stale_total == 0


async def test_a_worker_that_was_frozen_does_no_harm(mill: Mill) -> None:
    """SIGSTOP for longer than a lease: the job runs elsewhere; the late report changes nothing."""
    frozen, other = await mill.start(2)
    (job_id,) = await at_one_of(mill, other, 1, seconds=1)
    frozen.send(signal.SIGSTOP)
    await mill.told("start", 2)
    frozen.send(signal.SIGCONT)
    (job,) = await mill.ended(job_id)
    assert job.state is JobState.COMPLETED
    assert job.attempts == 1
    (next_id,) = await mill.send("grind")
    await mill.ended(next_id)
    sample = await mill.sample()
    assert (sample.active, sample.completed) == (0, 2)
    assert frozen.runs


async def test_a_lone_worker_that_was_frozen_goes_on_with_its_job(mill: Mill) -> None:
    """Its job comes back to itself: the run goes on under the new claim and is not doubled."""
    (worker,) = await mill.start()
    (job_id,) = await mill.send("grind", seconds=LEASE_MS / 1000 + 1)
    await mill.told("start")
    worker.send(signal.SIGSTOP)
    await asyncio.sleep(LEASE_MS / 1000 + 0.3)
    worker.send(signal.SIGCONT)
    (job,) = await mill.ended(job_id)
    assert job.state is JobState.COMPLETED
    ids = await mill.send("grind", 4, seconds=0.2)
    await mill.ended(*ids)
    assert (await mill.sample()).active == 0


async def test_cut_connections_abort_nothing(mill: Mill, redis_server: RedisServer) -> None:
    """Every connection is killed every half second: each job is started once and ends well."""
    await mill.configure(lease_ms=15_000, concurrency=20)
    await mill.start()
    ids = await mill.send("grind", 40, seconds=1.2)
    for _ in range(6):
        await asyncio.sleep(0.5)
        with redis_server.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal")
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    async def all_ended() -> bool:
        return (await mill.sample()).completed == 40

    await until_back(all_ended)
    assert {job.state for job in await mill.ended(*ids)} == {JobState.COMPLETED}
    assert len(mill.story("start")) == len(mill.story("end")) == 40


async def test_a_restart_of_redis_aborts_nothing(mill: Mill, redis_server: RedisServer) -> None:
    """Redis goes and comes back while jobs run: each was started once, and the rest follows."""
    await mill.configure(lease_ms=15_000)
    (worker,) = await mill.start()
    ids = await mill.send("grind", 6, seconds=2)
    await mill.told("start", 2)
    redis_server.stop()
    assert await worker.probe("/livez") == 200
    await mill.told("end", 2)
    redis_server.start()

    async def all_ended() -> bool:
        return (await mill.sample()).completed == 6

    await until_back(all_ended)
    assert {job.crashes for job in await mill.ended(*ids)} == {0}
    assert len(mill.story("start")) == len(mill.story("end")) == 6


async def test_a_worker_waits_for_a_redis_that_is_away(
    mill: Mill, redis_server: RedisServer
) -> None:
    """Started while Redis is away it lives, is not ready, and works once Redis is there."""
    (job_id,) = await mill.send("grind")
    redis_server.stop()
    waiting, leaving = mill.spawn(), mill.spawn()
    await until(lambda: waiting.probe("/livez"))
    await until(lambda: leaving.probe("/livez"))
    assert await waiting.probe("/readyz") == 503
    leaving.send(signal.SIGTERM)
    assert await leaving.ended(within_s=8) == 0
    redis_server.start()

    async def ended() -> bool:
        return bool((await mill.job(job_id)).finished_ms)

    await until_back(ended)
    assert await waiting.probe("/readyz") == 200


async def test_sigterm_while_redis_is_away_still_ends(
    mill: Mill, redis_server: RedisServer
) -> None:
    """What can't be handed back is left to its lease; the process ends soon after its grace."""
    (worker,) = await mill.start(1, "--grace", "0.5")
    await mill.send("grind", seconds=20)
    await mill.told("start")
    redis_server.stop()
    worker.send(signal.SIGTERM)
    assert await worker.ended(within_s=12) == 0
    redis_server.start()


async def until_back(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition that may not be asked for a moment, because the store is away."""

    async def asked() -> bool:
        try:
            return await condition()
        except StoreUnavailable:
            return False

    await until(asked)
