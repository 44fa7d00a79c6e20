"""A worker at work: fair to others, punctual, and quick to follow what it is told."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest_asyncio

from headpond.jobs import JobState
from headpond.queues import Hold, WorkerState
from mill import QUEUE, Mill, open_mill
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HOLD = Hold("runtime", "miller", "no water", since_ms=1)
RACES = 5
"""How often a thing that is to be quick is tried; each time must hold."""


@pytest_asyncio.fixture
async def mill(redis_url: str, namespace: str, tmp_path: Path) -> AsyncIterator[Mill]:
    """Give the mill without a worker."""
    async with open_mill(redis_url, namespace, tmp_path) as it:
        yield it


async def started_after(mill: Mill, job_id: str, sent: float) -> float:
    """Return how long after `sent` a job began."""
    await until(lambda: mill.story("start", job_id))
    return float(mill.story("start", job_id)[0]["at"] - sent)


async def test_slow_jobs_are_shared_and_none_is_hoarded(mill: Mill) -> None:
    """Of 20 slow jobs two workers with a slot each run at least 8 each: nobody hoards."""
    await mill.configure(concurrency=1)
    await mill.start(2)
    ids = await mill.send("grind", 20, seconds=0.25)
    await mill.over(*ids)
    shares = Counter(line["worker"] for line in mill.story("start"))
    assert min(shares["w1"], shares["w2"]) >= 8, shares


async def test_a_job_starts_at_once_while_a_worker_idles(mill: Mill) -> None:
    """An idle worker starts a job within 100 ms of its enqueue."""
    await mill.start()
    for _ in range(RACES):
        sent = time.time()
        (job_id,) = await mill.send("grind")
        assert await started_after(mill, job_id, sent) < 0.1


async def test_a_delayed_job_starts_on_time(mill: Mill) -> None:
    """While a worker idles, a delayed job starts not early and less than 100 ms late."""
    await mill.start()
    for delay_ms in (150, 420, 990):
        sent = time.time()
        (job_id,) = await mill.send("grind", delay_ms=delay_ms)
        late = await started_after(mill, job_id, sent) - delay_ms / 1000
        assert -0.01 < late < 0.1


async def test_a_delayed_job_is_on_time_when_its_watcher_is_busy(mill: Mill) -> None:
    """The worker that knew when the job is due got another one: an idle worker takes over."""
    await mill.configure(concurrency=1)
    await mill.start(2)
    sent = time.time()
    (delayed,) = await mill.send("grind", delay_ms=1500)
    (long_one,) = await mill.send("grind", seconds=4)
    await until(lambda: mill.story("start", long_one))
    late = await started_after(mill, delayed, sent) - 1.5
    assert -0.01 < late < 0.1


async def time_passes(mill: Mill, ms: int) -> list[str]:
    """Return when a job that was delayed by so much is due, by the store's own clock.

    A worker that shall start nothing has had that long to start what was there before it.
    """
    clock = await mill.send("grind", delay_ms=ms)

    async def is_due() -> bool:
        return not (await mill.sample()).delayed

    await until(is_due)
    return clock


async def test_a_held_queue_starts_nothing_and_resume_drains_it(mill: Mill) -> None:
    """Hold accepts jobs and starts none; resume runs them all."""
    await mill.start()
    await mill.store.hold(QUEUE, HOLD)
    ids = await mill.send("grind", 20)
    ids += await time_passes(mill, 500)
    assert mill.story("start") == []
    sample = await mill.sample()
    assert sample.waiting + sample.due == 21
    assert await mill.store.resume(QUEUE, "runtime")
    statuses = await mill.over(*ids, within_s=5)
    assert {status.state for status in statuses} == {JobState.COMPLETED}


async def test_a_drain_is_acknowledged_and_taken_back(mill: Mill) -> None:
    """An idle worker says `drained` within a second, claims nothing, and again after undrain."""
    (worker,) = await mill.start()
    await mill.store.drain(QUEUE, [worker.id])

    async def drained() -> bool:
        return await mill.state_of(worker) is WorkerState.DRAINED

    await until(drained, within_s=1.0)
    assert await worker.probe("/readyz") == 200  # ReplicaSets take those first that are not ready
    assert await worker.probe("/livez") == 200
    (job_id,) = await mill.send("grind")
    await time_passes(mill, 300)
    assert (await mill.job(job_id)).state is JobState.WAITING
    await mill.store.undrain(QUEUE, [worker.id])
    await mill.over(job_id, within_s=1.0)
    assert await worker.probe("/readyz") == 200


async def test_a_draining_worker_finishes_what_runs(mill: Mill) -> None:
    """It says `draining` while a job runs, and is ready; `drained` once that has ended well."""
    (worker,) = await mill.start()
    (job_id,) = await mill.send("grind", seconds=2)
    await mill.told("start")
    await mill.store.drain(QUEUE, [worker.id])

    async def says(state: WorkerState) -> bool:
        return await mill.state_of(worker) is state

    await until(lambda: says(WorkerState.DRAINING), within_s=1.0)
    assert await worker.probe("/readyz") == 200
    assert (await mill.job(job_id)).state is JobState.ACTIVE
    await until(lambda: says(WorkerState.DRAINED))
    assert (await mill.job(job_id)).state is JobState.COMPLETED


async def test_a_draining_worker_leaves_wake_ups_to_others(mill: Mill) -> None:
    """A job that comes while one of two idle workers drains starts at once at the other."""
    await mill.start(2)
    for _ in range(RACES):
        for drained in mill.workers:
            await mill.store.drain(QUEUE, [drained.id])
            sent = time.time()
            (job_id,) = await mill.send("grind")
            assert await started_after(mill, job_id, sent) < 0.2
            await mill.store.undrain(QUEUE, [drained.id])


async def test_settings_are_followed_without_a_restart(mill: Mill) -> None:
    """More slots, then fewer, are in force within a second or so of the change."""
    await mill.start()
    ids = await mill.send("grind", 30, seconds=0.4)
    await mill.told("start")
    await mill.configure(concurrency=20)
    await until(lambda: at_once(mill) >= 15, within_s=1.0)
    await mill.over(*ids)
    await mill.configure(concurrency=1)

    async def is_told() -> bool:
        return [seen.slots for seen in (await mill.sample()).workers] == [1]

    await until(is_told, within_s=2.0)
    ids = await mill.send("grind", 4, seconds=0.2)
    most = 0
    while len(mill.story("end")) < 34:
        most = max(most, at_once(mill))
        await asyncio.sleep(0.02)
    assert most == 1


def at_once(mill: Mill) -> int:
    """Return how many handlers run now."""
    return len(mill.story("start")) - len(mill.story("end"))


async def test_an_unknown_job_type_is_parked_until_somebody_knows_it(mill: Mill) -> None:
    """In a rolling deploy: the old version parks the job, counted; the new one runs it."""
    (old,) = await mill.start(MILL_KNOWS="little")
    ids = await mill.send("novelty", 3)

    async def parked() -> bool:
        return (await mill.sample()).parked == 3

    await until(parked)
    assert "knows no 'novelty'" in old.words()
    await mill.start()
    old.send(signal.SIGTERM)
    statuses = await mill.over(*ids)
    assert {status.result for status in statuses} == {"new"}
    assert {status.attempts for status in statuses} == {1}
    assert {line["worker"] for line in mill.story("start")} == {"w2"}
    assert (await mill.sample()).parked == 0


async def test_defaults_of_code_hold_where_nobody_configured(
    redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """A worker that finds no settings of its queue puts those of its app into force."""
    async with open_mill(redis_url, namespace, tmp_path, is_configured=False) as mill:
        mill.spawn()

        async def in_force() -> str:
            settings = await mill.store.settings(QUEUE)
            return settings.document if settings else ""

        assert '"concurrency":2' in await until(in_force)
