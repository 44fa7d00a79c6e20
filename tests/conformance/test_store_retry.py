"""Running a job again by hand: failed and cancelled ones, as if they were new."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench import BAD, HALF, names
from headpond.jobs import JobState
from headpond.queues import Retention

if TYPE_CHECKING:
    from bench import Bench


async def give_up(bench: Bench, job_id: str, end: str, **fields: str) -> None:
    """Let a job end badly in one of the ways there are."""
    await bench.add(job_id, **fields)  # type: ignore[arg-type]
    if end == "cancelled":
        await bench.cancel(job_id)
    elif end == "manual":
        await bench.cancel(job_id, fail=True)
    elif end == "failed":
        await bench.fail(await bench.take())
    else:
        for _ in range(3):
            await bench.take()
            bench.in_ms(15_001)
        await bench.tick()


@pytest.mark.parametrize("end", ["cancelled", "manual", "failed", "crashed"])
async def test_retry_puts_a_job_back_with_everything_before_it(bench: Bench, end: str) -> None:
    """SEEDS D11.4: no attempt or crash is held against it; the last outcome stays to be read."""
    await give_up(bench, "a", end)
    before = await bench.job("a")
    bench.in_ms(100)
    assert await bench.retry("a") == [before.state]
    job = await bench.job("a")
    assert (job.state, job.attempts, job.crashes) == (JobState.WAITING, 0, 0)
    assert (job.reason, job.finished_ms, job.outcome) == (None, 0, before.outcome)
    assert job.created_ms == before.created_ms
    claim = await bench.take()
    assert (claim.attempts, claim.crashes, claim.since_ms) == (0, 0, bench.clock.now_ms())
    await bench.done(claim)


async def test_retry_goes_to_the_end_of_the_lane(bench: Bench) -> None:
    """Who waits already starts before; priority and tenant are as they were."""
    await bench.add("again", priority=7, tenant="acme")
    await bench.fail(await bench.take())
    await bench.add("there", priority=7, tenant="acme")
    await bench.add("low")
    await bench.retry("again")
    assert await bench.start_order() == ["there", "again", "low"]


async def test_retry_leaves_other_jobs_alone(bench: Bench) -> None:
    """Each answer is the state that the job was in; only failed and cancelled ones move."""
    await bench.add("done", "failed", "active")
    done, failed, _ = await bench.claim(3)
    await bench.done(done)
    await bench.fail(failed)
    await bench.add("waiting", "cancelled")
    await bench.cancel("cancelled")
    await bench.add("delayed", delay_ms=1000)
    ids = ["done", "none", "failed", "active", "waiting", "cancelled", "delayed"]
    assert await bench.retry(*ids) == [
        JobState.COMPLETED,
        None,
        JobState.FAILED,
        JobState.ACTIVE,
        JobState.WAITING,
        JobState.CANCELLED,
        JobState.DELAYED,
    ]
    assert await bench.ids(JobState.WAITING) == ["waiting", "failed", "cancelled"]
    assert [await bench.state(job_id) for job_id in ("done", "active", "delayed")] == [
        JobState.COMPLETED,
        JobState.ACTIVE,
        JobState.DELAYED,
    ]


async def test_retry_of_a_job_twice_in_one_call_moves_it_once(bench: Bench) -> None:
    """The second mention finds it waiting."""
    await give_up(bench, "a", "failed")
    assert await bench.retry("a", "a") == [JobState.FAILED, JobState.WAITING]
    assert (await bench.sample()).waiting == 1


async def test_retry_is_no_new_job(bench: Bench) -> None:
    """It was accepted once; that its handler ran once stays counted too."""
    await give_up(bench, "a", "failed")
    await bench.retry("a")
    sample = await bench.sample()
    assert (sample.added_total, sample.ended_total, sample.failed) == (1, 1, 0)


async def test_retry_gives_poison_all_its_deliveries(bench: Bench) -> None:
    """A crashed job is given up again only after as many losses as a new one."""
    await give_up(bench, "a", "crashed")
    await bench.retry("a")
    for crashes in range(3):
        assert (await bench.take()).crashes == crashes
        bench.in_ms(15_001)
    assert (await bench.tick()).failed == 1


async def test_retry_forgets_progress(bench: Bench) -> None:
    """What the first run said of itself isn't true of the second."""
    await bench.add("a")
    claim = await bench.take()
    await bench.progress(claim, HALF)
    await bench.fail(claim)
    assert (await bench.job("a")).progress == HALF
    await bench.retry("a")
    job = await bench.job("a")
    assert (job.progress, job.outcome) == (None, BAD)


async def test_retry_keeps_a_job_from_being_trimmed(bench: Bench) -> None:
    """What waits is kept, however old it is."""
    await bench.configure(failed=Retention(1000, 1))
    await give_up(bench, "a", "failed")
    await bench.retry("a")
    bench.in_ms(5000)
    await give_up(bench, "b", "cancelled")
    await bench.tick()
    assert names(await bench.claim(5)) == ["a"]


async def test_retry_of_a_trimmed_job_is_unknown(bench: Bench) -> None:
    """There is nothing left to run."""
    await bench.configure(failed=Retention(1000, 0))
    await give_up(bench, "a", "failed")
    assert await bench.retry("a") == [None]
    assert await bench.retry() == []


async def test_retry_takes_a_thousand_at_once_and_no_more(bench: Bench) -> None:
    """A call over the limit is refused as a whole, with both numbers."""
    ids = [f"job-{number:04}" for number in range(1000)]
    await bench.configure(failed=Retention(60_000, 2000))
    await bench.add(*ids)
    await bench.cancel(*ids)
    with pytest.raises(ValueError, match=r"1,?001 jobs"):
        await bench.retry(*ids, "another")
    assert await bench.retry(*ids) == [JobState.CANCELLED] * 1000
    assert await bench.start_order() == ids


async def test_retry_is_told_as_added(bench: Bench) -> None:
    """The event says that it came back by hand."""
    await give_up(bench, "a", "failed")
    await bench.retry("a")
    assert await bench.history("a") == ["added", "started", "failed", "added"]
    details = [event.detail for event in await bench.events() if event.name == "added"]
    assert details == ["", "retry"]
