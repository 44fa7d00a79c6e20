"""What a worker does when it is told to end: nothing is lost, run twice, or waited for in vain."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from headpond.jobs import JobState
from mill import QUEUE, Mill, open_mill
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest_asyncio.fixture
async def mill(redis_url: str, namespace: str, tmp_path: Path) -> AsyncIterator[Mill]:
    """Give the mill, on a Redis of its own."""
    async with open_mill(redis_url, namespace, tmp_path) as it:
        yield it


async def test_a_running_job_ends_before_the_worker_does(mill: Mill) -> None:
    """SIGTERM lets a job of 3 s end; there is no second delivery, and the exit code is 0."""
    (worker,) = await mill.start()
    (job_id,) = await mill.send("grind", seconds=3)
    await mill.told("start")
    worker.send(signal.SIGTERM)
    assert await worker.ended(within_s=6) == 0
    job = await mill.job(job_id)
    assert job.state is JobState.COMPLETED
    assert job.crashes == 0
    assert len(mill.story("start")) == len(mill.story("end")) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_worker_ends_at_once(mill: Mill, number: signal.Signals) -> None:
    """An idle worker is gone in less than 2 s after the signal, five times of five."""
    for worker in await mill.start(5):
        sent = time.monotonic()
        worker.send(number)
        assert await worker.ended(within_s=5) == 0
        assert time.monotonic() - sent < 2
    assert (await mill.sample()).workers == (), "each has left the registry"


async def test_what_outlasts_the_grace_goes_back_unburned(mill: Mill) -> None:
    """When the grace is over, the job goes back without an attempt, and another worker runs it."""
    first, second = await mill.start(2, "--grace", "0.5")
    await mill.store.drain(QUEUE, [second.id])
    (job_id,) = await mill.send("grind", seconds=3)
    await mill.told("start")
    await mill.store.undrain(QUEUE, [second.id])
    first.send(signal.SIGTERM)
    assert await first.ended(within_s=4) == 0
    starts = await mill.told("start", 2, within_s=2)
    assert [line["worker"] for line in starts] == [first.id, second.id]
    assert [line["attempt"] for line in starts] == [1, 1]
    (status,) = await mill.over(job_id)
    assert status.result == {"attempt": 1}
    assert len(mill.story("start")) == 2
    assert (await mill.job(job_id)).crashes == 0


@pytest.mark.parametrize("kind", ["grind_in_thread", "deaf", "deaf_thread"])
async def test_handlers_that_heed_nothing_do_not_keep_the_worker(mill: Mill, kind: str) -> None:
    """A thread, a task that swallows cancellation, a thread of a pool: the worker ends."""
    (worker,) = await mill.start(1, "--grace", "0.2")
    (job_id,) = await mill.send(kind.replace("_", "-"), seconds=60)
    await mill.told("start")
    worker.send(signal.SIGTERM)
    assert await worker.ended(within_s=6) == 0
    job = await mill.job(job_id)
    assert job.state is JobState.WAITING
    assert (job.attempts, job.crashes) == (0, 0)


async def test_jobs_that_have_not_started_go_back_at_once(mill: Mill) -> None:
    """50 jobs on 2 slots: within a second of SIGTERM all that has not started can be claimed."""
    (first,) = await mill.start()
    ids = await mill.send("grind", 50, seconds=0.5)
    await mill.told("end", 6)
    first.send(signal.SIGTERM)

    async def only_running() -> bool:
        sample = await mill.sample()
        return sample.active <= 2 and sample.waiting >= 40

    await until(only_running, within_s=1.0)
    await mill.configure(concurrency=25)
    await mill.start()
    assert await first.ended() == 0
    statuses = await mill.over(*ids)
    assert all(status.attempts == 1 for status in statuses)
    assert len(mill.story("start")) == 50, "no job was started twice"


async def test_a_second_signal_changes_nothing(mill: Mill) -> None:
    """Whoever presses Ctrl-C twice still gets the running job's end."""
    (worker,) = await mill.start()
    (job_id,) = await mill.send("grind", seconds=1.5)
    await mill.told("start")
    worker.send(signal.SIGINT)
    await asyncio.sleep(0.2)
    worker.send(signal.SIGINT)
    worker.send(signal.SIGTERM)
    assert await worker.ended() == 0
    assert (await mill.job(job_id)).state is JobState.COMPLETED
