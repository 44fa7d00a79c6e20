"""Who starts first: priority, then tenants in turn, then first in first out; when due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench import a_job, names
from headpond.jobs import JobState

if TYPE_CHECKING:
    from bench import Bench


async def test_the_highest_priority_starts_first(bench: Bench) -> None:
    """Levels start from 9 down to 0, whatever the order of arrival."""
    levels = [0, 5, 9, 1, 7, 2, 8, 3, 6, 4]
    await bench.add_jobs([a_job(f"p{level}", priority=level) for level in levels])
    assert await bench.start_order() == [f"p{level}" for level in range(9, -1, -1)]


async def test_priority_within_a_level_is_first_in_first_out(bench: Bench) -> None:
    """Ids say nothing about the order; arrival does, over several calls and milliseconds."""
    await bench.add("z")
    await bench.add("m", "a")
    bench.in_ms(5)
    await bench.add("b", priority=9)
    await bench.add("k", "c")
    assert await bench.start_order() == ["b", "z", "m", "a", "k", "c"]


async def test_the_order_is_the_same_however_small_the_bites(bench: Bench) -> None:
    """Claiming one by one gives the same order as claiming all at once."""
    await bench.add("c", "a", "d", "b")
    assert [(await bench.take()).id for _ in range(4)] == ["c", "a", "d", "b"]


async def test_tenants_take_turns_within_a_level(bench: Bench) -> None:
    """Tenants that enqueue in blocks are served in turn, each first in first out."""
    for tenant in ("x", "y", "z"):
        await bench.add(*[f"{tenant}{number}" for number in (1, 2, 3)], tenant=tenant)
    assert await bench.start_order() == ["x1", "y1", "z1", "x2", "y2", "z2", "x3", "y3", "z3"]


async def test_tenants_of_one_job_do_not_queue_behind_a_thousand(bench: Bench) -> None:
    """Who comes late to a crowd of another tenant starts with its next turn."""
    await bench.add(*[f"crowd-{number:04}" for number in range(1000)], tenant="crowd")
    await bench.claim(300)
    await bench.add("lone", tenant="lone")
    assert "lone" in names(await bench.claim(2))


async def test_tenants_that_idle_save_up_no_turns(bench: Bench) -> None:
    """A tenant that was away while another worked shares from now on, no more."""
    await bench.add(*[f"x{number}" for number in range(20)], tenant="x")
    await bench.claim(10)
    await bench.add(*[f"y{number}" for number in range(10)], tenant="y")
    order = await bench.start_order()
    assert {job_id[0] for job_id in order[:2]} == {"x", "y"}
    assert sum(job_id[0] == "y" for job_id in order[:10]) == 5


async def test_tenants_that_were_served_alone_owe_nothing(bench: Bench) -> None:
    """Turns taken while nobody else wanted one are not held against a tenant."""
    for number in range(10):
        await bench.add(f"old-{number}", tenant="x")
        await bench.take()
    await bench.add("a", tenant="x")
    await bench.add("b", tenant="y")
    await bench.add("c", tenant="x")
    assert await bench.start_order() == ["a", "b", "c"]


async def test_priority_levels_count_turns_by_themselves(bench: Bench) -> None:
    """Turns taken in a higher level are not held against a tenant in a lower one."""
    await bench.add("x1", "x2", "x3", tenant="x", priority=9)
    await bench.add("x4", tenant="x", priority=5)
    await bench.add("y1", "y2", tenant="y", priority=5)
    assert await bench.start_order() == ["x1", "x2", "x3", "x4", "y1", "y2"]


async def test_a_delayed_job_starts_at_its_moment(bench: Bench) -> None:
    """A millisecond before it is due nothing is given; at the very moment it is."""
    await bench.add("a", delay_ms=1000)
    bench.in_ms(999)
    early = await bench.exchange(want=1)
    assert (early.claims, early.next_due_ms - early.now_ms) == ((), 1)
    assert await bench.state("a") is JobState.DELAYED
    bench.in_ms(1)
    claim = await bench.take()
    assert (claim.id, claim.since_ms) == ("a", bench.clock.now_ms())


async def test_a_due_job_is_counted_as_due_until_somebody_moves_it(bench: Bench) -> None:
    """Between its moment and the next claim or tick it is due: delayed, and outstanding."""
    await bench.add("a", delay_ms=1000)
    bench.in_ms(5000)
    sample = await bench.sample()
    assert (sample.waiting, sample.due, sample.delayed, sample.oldest_ms) == (0, 1, 0, 0)
    assert (sample.backlog, sample.outstanding) == (1, 1)
    assert await bench.state("a") is JobState.DELAYED


async def test_a_tick_moves_due_jobs_to_waiting(bench: Bench) -> None:
    """Also without a worker a due job begins to wait, since the moment it became due."""
    due_ms = bench.clock.now_ms() + 1000
    await bench.add("a", delay_ms=1000)
    bench.in_ms(5000)
    sample = await bench.tick()
    assert (sample.waiting, sample.due, sample.delayed) == (1, 0, 0)
    job = await bench.job("a")
    assert (job.state, job.due_ms) == (JobState.WAITING, 0)
    assert (await bench.take()).since_ms == due_ms


async def test_due_jobs_come_in_the_order_in_which_they_became_due(bench: Bench) -> None:
    """Delays, not arrival, say who of several delayed jobs is first; the levels still rule."""
    await bench.add("slow", delay_ms=3000)
    await bench.add("quick", delay_ms=1000)
    await bench.add("middle", delay_ms=2000)
    await bench.add("urgent", delay_ms=3000, priority=9)
    bench.in_ms(3000)
    assert await bench.start_order() == ["urgent", "quick", "middle", "slow"]


async def test_a_due_job_goes_behind_those_that_wait(bench: Bench) -> None:
    """Coming due is an arrival: who waited before starts before."""
    await bench.add("late", delay_ms=1000)
    await bench.add("there")
    bench.in_ms(1000)
    assert await bench.start_order() == ["there", "late"]


@pytest.mark.parametrize("through_tick", [True, False])
async def test_a_flood_of_due_jobs_is_moved_in_bounded_steps(
    bench: Bench, *, through_tick: bool
) -> None:
    """One step moves at most 1,000 due jobs; the rest are still counted as due, and follow."""
    ids = [f"job-{number:04}" for number in range(1200)]
    await bench.add(*ids[:600], delay_ms=1000)
    await bench.add(*ids[600:], delay_ms=1000)
    bench.in_ms(1000)
    sample = await bench.tick() if through_tick else None
    if sample is None:
        await bench.exchange(want=0)
        sample = await bench.sample()
    assert (sample.waiting, sample.due) == (1000, 200)
    order = await bench.start_order(1000) + await bench.start_order(1000)
    assert sorted(order) == ids
