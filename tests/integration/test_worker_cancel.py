"""Cancelling jobs that a worker holds: the state that they end in is what happened to them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from headpond.app.status import status_of
from headpond.jobs import Cancellation, FailReason, JobId, JobState
from mill import QUEUE, Mill, open_mill
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from headpond import JobStatus


@pytest_asyncio.fixture
async def mill(redis_url: str, namespace: str, tmp_path: Path) -> AsyncIterator[Mill]:
    """Give the mill with one worker of two slots, which works afterwards."""
    async with open_mill(redis_url, namespace, tmp_path) as it:
        (worker,) = await it.start()
        yield it
        assert worker.runs, worker.words()
        (status,) = await it.over(*await it.send("grind"))
        assert status.state is JobState.COMPLETED


async def cancel(mill: Mill, job_id: str, *, fail: bool = False) -> Cancellation:
    """Cancel a job."""
    (answer,) = await mill.store.cancel(QUEUE, [JobId(job_id)], fail=fail)
    return answer


async def stopped(mill: Mill, kind: str, *, seconds: float = 0, fail: bool = False) -> JobStatus:
    """Run a job, cancel it while it runs, and return how it ended."""
    (job_id,) = await mill.send(kind, seconds=seconds)
    await until(lambda: bool(mill.story("start", job_id)), within_s=20)
    assert await cancel(mill, job_id, fail=fail) is Cancellation.ASKED
    (status,) = await mill.over(job_id, within_s=15)
    return status


async def test_a_handler_is_interrupted_within_a_second(mill: Mill) -> None:
    """From the cancellation to the end of the job."""
    (job_id,) = await mill.send("grind", seconds=60)
    await mill.told("start")
    began = time.monotonic()
    assert await cancel(mill, job_id) is Cancellation.ASKED
    (status,) = await mill.over(job_id)
    assert time.monotonic() - began < 1.0
    assert (status.state, status.error) == (JobState.CANCELLED, "Cancelled")
    assert status.message == "Cancelled while it ran."
    assert mill.story("end") == []


async def test_it_may_fail_by_hand(mill: Mill) -> None:
    """With the reason `manual`."""
    status = await stopped(mill, "grind", seconds=60, fail=True)
    assert (status.state, status.reason) == (JobState.FAILED, FailReason.MANUAL)


async def test_a_clean_up_that_waits_runs_to_its_end(mill: Mill) -> None:
    """A `finally` may await; the job ends after it, however often it is cancelled meanwhile."""
    (job_id,) = await mill.send("tidy", seconds=0.7)
    await mill.told("start")
    for _ in range(3):
        assert await cancel(mill, job_id) is Cancellation.ASKED
    (status,) = await mill.over(job_id)
    assert status.state is JobState.CANCELLED
    assert len(mill.story("tidied")) == 1


async def test_a_handler_that_ends_well_all_the_same_is_completed(mill: Mill) -> None:
    """It swallowed the interruption and returned: its work is done."""
    status = await stopped(mill, "finish-anyway")
    assert (status.state, status.result) == (JobState.COMPLETED, "finished")


async def test_a_handler_that_breaks_meanwhile_is_not_retried(mill: Mill) -> None:
    """Its own error is kept, and nobody runs it again although it has retries."""
    status = await stopped(mill, "break-when-stopped")
    assert (status.state, status.error, status.message) == (
        JobState.CANCELLED,
        "ValueError",
        "broken",
    )


async def test_a_handler_in_a_thread_that_looks_is_cancelled(mill: Mill) -> None:
    """It found `job.cancelled` true and returned."""
    status = await stopped(mill, "grind-in-thread", seconds=60)
    assert (status.state, status.error) == (JobState.CANCELLED, "Cancelled")
    assert len(mill.story("cancelled")) == 1


async def test_a_handler_in_a_thread_that_ends_well_soon_is_completed(mill: Mill) -> None:
    """It never looked, and its work is done."""
    status = await stopped(mill, "sleep-in-thread", seconds=1)
    assert (status.state, status.result) == (JobState.COMPLETED, "slept")


@pytest.mark.parametrize("kind", ["sleep-in-thread", "deaf"])
async def test_one_that_heeds_nothing_is_left_and_its_slot_used_again(
    mill: Mill, kind: str
) -> None:
    """In a thread or not; both slots are free for others after a few seconds."""
    ids = await mill.send(kind, 2, seconds=30)
    await mill.told("start", 2)
    for job_id in ids:
        assert await cancel(mill, job_id) is Cancellation.ASKED
    others = await mill.send("grind", 2)
    statuses = await mill.over(*ids, *others, within_s=15)
    assert [status.state for status in statuses[:2]] == [JobState.CANCELLED] * 2
    assert "did not stop" in statuses[0].message
    assert {status.state for status in statuses[2:]} == {JobState.COMPLETED}


async def test_jobs_that_wait_in_a_worker_never_run(mill: Mill) -> None:
    """Quick jobs are claimed ahead; those cancelled before their start end without one."""
    await mill.over(*await mill.send("grind", 30))
    blockers = await mill.send("grind", 2, seconds=1)
    ids = await mill.send("tidy", 10)
    answers = await mill.store.cancel(QUEUE, [JobId(each) for each in ids])
    assert set(answers) <= {Cancellation.CANCELLED, Cancellation.ASKED}
    statuses = await mill.over(*blockers, *ids)
    assert {status.state for status in statuses[2:]} == {JobState.CANCELLED}
    assert not [line for line in mill.story("start") if line["id"] in ids]


async def test_progress_is_seen_while_a_job_runs_and_after(mill: Mill) -> None:
    """From the loop and from a thread; the last word is there when the job has ended."""
    ids = [
        (await mill.send(kind, seconds=0.05, steps=20))[0] for kind in ("count", "count-in-thread")
    ]
    seen: set[float] = set()

    async def over() -> bool:
        jobs = [await mill.job(job_id) for job_id in ids]
        said = [status_of(job).progress for job in jobs]
        seen.update(each.done for each in said if each is not None)
        return all(job.finished_ms for job in jobs)

    await until(over, within_s=20)
    for status in await mill.over(*ids):
        assert status.progress is not None
        assert (status.progress.done, status.progress.total) == (20, 20)
        assert status.progress.message == "step 20"
    assert len(seen) > 3


async def test_progress_costs_the_queue_little(mill: Mill) -> None:
    """Of a thousand words a second it hears a few, and the last."""
    (job_id,) = await mill.send("count", seconds=0.001, steps=500)
    (status,) = await mill.over(job_id)
    assert status.progress is not None
    assert status.progress.done == 500
    events = await mill.store.events(QUEUE, limit=1000)
    words = [event for event in events if event.name == "progress"]
    run_s = 0.001 * 500 * 4
    assert 1 <= len(words) <= 5 * run_s + 5
