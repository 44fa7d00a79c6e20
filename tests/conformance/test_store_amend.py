"""Changing a job that has not started: its priority, and when it is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headpond.errors import PayloadInvalid
from headpond.jobs import JobState

if TYPE_CHECKING:
    from bench import Bench


async def test_amend_raises_the_priority_of_a_waiting_job(bench: Bench) -> None:
    """It starts before those that it overtook, and waits since as long as before."""
    since_ms = bench.clock.now_ms()
    await bench.add("a", "b", "c")
    bench.in_ms(5000)
    assert await bench.amend("c", priority=9) is JobState.WAITING
    job = await bench.job("c")
    assert (job.state, job.priority) == (JobState.WAITING, 9)
    claim = await bench.take()
    assert (claim.id, claim.since_ms) == ("c", since_ms)
    assert await bench.start_order() == ["a", "b"]


async def test_amend_lowers_the_priority_of_a_waiting_job(bench: Bench) -> None:
    """It goes to the end of its tenant's lane in the new level."""
    await bench.add("a", "b")
    await bench.add("low", priority=2)
    await bench.amend("a", priority=2)
    assert await bench.start_order() == ["b", "low", "a"]


async def test_amend_keeps_the_turns_of_tenants(bench: Bench) -> None:
    """In the new level it is one more job of its tenant, behind those that are there."""
    await bench.add("x1", "x2", tenant="x", priority=9)
    await bench.add("y1", tenant="y", priority=9)
    await bench.add("x3", tenant="x")
    await bench.amend("x3", priority=9)
    assert await bench.start_order() == ["x1", "y1", "x2", "x3"]


async def test_amend_changes_the_priority_of_a_delayed_job(bench: Bench) -> None:
    """It counts once the job is due."""
    await bench.add("a", delay_ms=1000)
    due_ms = (await bench.job("a")).due_ms
    assert await bench.amend("a", priority=9) is JobState.DELAYED
    job = await bench.job("a")
    assert (job.state, job.priority, job.due_ms) == (JobState.DELAYED, 9, due_ms)
    await bench.add("b")
    bench.in_ms(1000)
    assert await bench.start_order() == ["a", "b"]


@pytest.mark.parametrize("by_ms", [-500, 5000])
async def test_amend_moves_a_delayed_job_to_another_time(bench: Bench, by_ms: int) -> None:
    """Earlier or later: it is due then, and not before."""
    await bench.add("a", delay_ms=1000)
    due_ms = bench.clock.now_ms() + 1000 + by_ms
    assert await bench.amend("a", due_ms=due_ms) is JobState.DELAYED
    assert (await bench.sample()).next_due_ms == due_ms
    bench.in_ms(1000 + by_ms - 1)
    assert await bench.claim() == ()
    bench.in_ms(1)
    assert (await bench.take()).since_ms == due_ms


@pytest.mark.parametrize("ago_ms", [0, 1, 10_000_000])
async def test_amend_promotes_a_delayed_job(bench: Bench, ago_ms: int) -> None:
    """A time that has come makes it wait at once, since now, behind those that wait."""
    await bench.add("there")
    await bench.add("a", delay_ms=60_000)
    bench.in_ms(1000)
    now_ms = bench.clock.now_ms()
    assert await bench.amend("a", due_ms=now_ms - ago_ms) is JobState.DELAYED
    job = await bench.job("a")
    assert (job.state, job.due_ms) == (JobState.WAITING, 0)
    first, second = await bench.claim(2)
    assert (first.id, second.id, second.since_ms) == ("there", "a", now_ms)


async def test_amend_promotes_with_zero(bench: Bench) -> None:
    """0 is a time that has come."""
    await bench.add("a", delay_ms=60_000)
    await bench.amend("a", due_ms=0)
    assert await bench.state("a") is JobState.WAITING


async def test_amend_delays_a_waiting_job(bench: Bench) -> None:
    """It leaves the line until then, and comes back as one that became due."""
    await bench.add("a", "b")
    due_ms = bench.clock.now_ms() + 1000
    assert await bench.amend("a", due_ms=due_ms) is JobState.WAITING
    job = await bench.job("a")
    assert (job.state, job.due_ms) == (JobState.DELAYED, due_ms)
    assert (await bench.take()).id == "b"
    bench.in_ms(1000)
    assert (await bench.take()).since_ms == due_ms


async def test_amend_lets_a_waiting_job_wait(bench: Bench) -> None:
    """A time in the past moves nothing that waits already."""
    await bench.add("a", "b")
    assert await bench.amend("a", due_ms=0) is JobState.WAITING
    assert await bench.start_order() == ["a", "b"]


async def test_amend_changes_both_at_once(bench: Bench) -> None:
    """Priority and time in one step."""
    await bench.add("a", delay_ms=60_000)
    await bench.add("b", "c", priority=7)
    await bench.amend("a", priority=8, due_ms=0)
    await bench.amend("b", priority=9, due_ms=bench.clock.now_ms() + 100)
    job = await bench.job("b")
    assert (job.state, job.priority) == (JobState.DELAYED, 9)
    bench.in_ms(100)
    assert await bench.start_order() == ["b", "a", "c"]


async def test_amend_of_nothing_changes_nothing(bench: Bench) -> None:
    """Neither priority nor time, or those that it has: the state is answered, that is all."""
    await bench.add("a", "b")
    await bench.add("c", delay_ms=1000)
    before = [await bench.job(job_id) for job_id in "abc"]
    events = len(await bench.events())
    assert [await bench.amend(job_id) for job_id in "abc"] == [job.state for job in before]
    assert await bench.amend("a", priority=5, due_ms=0) is JobState.WAITING
    assert await bench.amend("c", priority=5) is JobState.DELAYED
    assert [await bench.job(job_id) for job_id in "abc"] == before
    assert await bench.ids(JobState.WAITING) == ["a", "b"]
    assert len(await bench.events()) == events


async def test_amend_leaves_jobs_that_run_or_have_ended(bench: Bench) -> None:
    """The answer is the state, and the job stays as it is."""
    await bench.add("active", "done", "failed", "cancelled")
    _, done, failed = await bench.claim(3)
    await bench.done(done)
    await bench.fail(failed)
    await bench.cancel("cancelled")
    for job_id, state in (
        ("active", JobState.ACTIVE),
        ("done", JobState.COMPLETED),
        ("failed", JobState.FAILED),
        ("cancelled", JobState.CANCELLED),
    ):
        before = await bench.job(job_id)
        assert await bench.amend(job_id, priority=9, due_ms=0) is state
        assert await bench.job(job_id) == before


async def test_amend_of_an_unknown_job_is_none(bench: Bench) -> None:
    """There is nothing to change."""
    assert await bench.amend("none", priority=3) is None


@pytest.mark.parametrize("priority", [-1, 10, 11])
async def test_amend_refuses_a_priority_that_there_is_not(bench: Bench, priority: int) -> None:
    """By name, with the value, before anything changes."""
    await bench.add("a")
    with pytest.raises(PayloadInvalid) as caught:
        await bench.amend("a", priority=priority)
    assert caught.value.errors[0].pointer == "/priority"
    assert (await bench.job("a")).priority == 5


async def test_amend_keeps_a_parked_job_parked(bench: Bench) -> None:
    """Its type is as unknown as before."""
    await bench.add("a")
    await bench.release(await bench.take(), parked="unknown-type")
    await bench.amend("a", priority=9)
    assert (await bench.sample()).parked == 1


async def test_amend_is_told_as_changed(bench: Bench) -> None:
    """Each change is an event of its own."""
    await bench.add("a")
    await bench.amend("a", priority=9)
    await bench.amend("a", due_ms=bench.clock.now_ms() + 1000)
    await bench.amend("a", due_ms=0)
    assert await bench.history("a") == ["added", "changed", "changed", "changed"]
