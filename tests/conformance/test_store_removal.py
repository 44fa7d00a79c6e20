"""How jobs go: cleared by somebody, trimmed by retention; their ids are free again."""

from __future__ import annotations

import pytest

from bench import Bench, names
from headpond.errors import Invalid
from headpond.jobs import JobState
from headpond.queues import DAY_MS, Retention

CLEARABLE = [state for state in JobState if state is not JobState.ACTIVE]


async def fill(bench: Bench) -> dict[JobState, list[str]]:
    """Put two jobs into each state, a third due one among the delayed."""
    await bench.add("c1", "c2", "f1", "f2", "a1", "a2")
    c1, c2, f1, f2, _, _ = await bench.claim(6)
    await bench.done(c1, c2)
    await bench.fail(f1, f2)
    await bench.add("x1", "x2")
    await bench.cancel("x1", "x2")
    await bench.add("due", delay_ms=10)
    await bench.add("d1", "d2", delay_ms=60_000)
    await bench.add("w1", "w2", tenant="acme", priority=8)
    bench.in_ms(10)
    return {
        JobState.WAITING: ["w1", "w2"],
        JobState.DELAYED: ["due", "d1", "d2"],
        JobState.ACTIVE: ["a1", "a2"],
        JobState.COMPLETED: ["c1", "c2"],
        JobState.FAILED: ["f1", "f2"],
        JobState.CANCELLED: ["x1", "x2"],
    }


@pytest.mark.parametrize("state", CLEARABLE)
async def test_clearing_a_state_removes_that_state_only(bench: Bench, state: JobState) -> None:
    """Every job of the state goes, is counted, and its id makes a new job; the others stay."""
    places = await fill(bench)
    assert await bench.store.clear(bench.name, [state]) == len(places[state])
    await bench.check()
    for other, ids in places.items():
        assert sorted(await bench.ids(other)) == ([] if other is state else sorted(ids))
    assert await bench.add(*places[state]) == [True] * len(places[state])
    for job_id in places[state]:
        job = await bench.job(job_id)
        assert (job.state, job.attempts, job.outcome) == (JobState.WAITING, 0, None)
        assert (job.priority, job.tenant, job.reason) == (5, "", None)


async def test_clearing_everything_leaves_what_runs(bench: Bench) -> None:
    """Several states go in one call; active jobs end as ever."""
    await fill(bench)
    assert await bench.store.clear(bench.name, CLEARABLE) == 11
    sample = await bench.sample()
    assert (sample.outstanding, sample.active, sample.oldest_ms, sample.next_due_ms) == (2, 2, 0, 0)
    assert (sample.completed, sample.failed, sample.cancelled, sample.delayed) == (0, 0, 0, 0)
    assert await bench.claim(5) == ()
    await bench.check()


async def test_clearing_active_jobs_is_refused(bench: Bench) -> None:
    """An active job belongs to its worker; nothing at all is removed."""
    await fill(bench)
    with pytest.raises(Invalid, match="Active jobs can't be cleared"):
        await bench.store.clear(bench.name, [JobState.WAITING, JobState.ACTIVE])
    sample = await bench.sample()
    assert (sample.waiting, sample.active) == (2, 2)


async def test_clearing_nothing_removes_nothing(bench: Bench) -> None:
    """Neither an empty list of states nor an empty state is a fault."""
    await bench.add("a")
    assert await bench.store.clear(bench.name, []) == 0
    assert await bench.store.clear(bench.name, [JobState.COMPLETED, JobState.CANCELLED]) == 0
    assert await bench.exists("a")


async def test_clearing_many_jobs_counts_them_all(bench: Bench) -> None:
    """The steps are bounded, the count is the whole."""
    for block in range(3):
        await bench.add(*[f"{block}-{number}" for number in range(900)])
    assert await bench.store.clear(bench.name, [JobState.WAITING]) == 2700
    await bench.check()


async def test_cleared_jobs_leave_no_trace_in_the_counts(bench: Bench) -> None:
    """Parked marks and ages go with their jobs; totals only go up."""
    await bench.add("a", "b")
    a, b = await bench.claim(2)
    await bench.release(a, parked="new-type")
    await bench.release(b, parked="new-type", delay_ms=60_000)
    assert await bench.store.clear(bench.name, [JobState.WAITING]) == 1
    assert (await bench.sample()).parked == 1
    await bench.store.clear(bench.name, [JobState.DELAYED])
    sample = await bench.sample()
    assert (sample.parked, sample.oldest_ms, sample.added_total) == (0, 0, 2)


async def test_a_cleared_queue_serves_tenants_level(bench: Bench) -> None:
    """Jobs that never ran cost their tenant no turns."""
    await bench.add(*[f"x{number}" for number in range(50)], tenant="x")
    await bench.store.clear(bench.name, [JobState.WAITING])
    await bench.claim(1)
    await bench.add("a1", "a2", tenant="x")
    await bench.add("b1", "b2", tenant="y")
    assert await bench.start_order() == ["a1", "b1", "a2", "b2"]


async def test_a_cleared_crowd_puts_its_tenant_behind_nobody(bench: Bench) -> None:
    """Also when no worker has looked in between."""
    await bench.add(*[f"old{number}" for number in range(50)], tenant="x")
    await bench.store.clear(bench.name, [JobState.WAITING])
    await bench.add("a1", "a2", "a3", tenant="y")
    await bench.add("b1", tenant="x")
    assert await bench.start_order() == ["a1", "b1", "a2", "a3"]


async def test_retention_keeps_completed_jobs_by_count(bench: Bench) -> None:
    """The newest `count` stay, the ids of the others are free again."""
    await bench.configure(completed=Retention(DAY_MS, 3))
    await bench.run("a", "b", "c", "d", "e")
    assert (await bench.tick()).completed == 3
    assert await bench.ids(JobState.COMPLETED) == ["e", "d", "c"]
    assert await bench.add("a", "b", "c") == [True, True, False]
    sample = await bench.sample()
    assert (sample.ended_total, sample.added_total) == (5, 7)


async def test_retention_of_none_removes_a_job_as_it_ends(bench: Bench) -> None:
    """With `count=0` a completed job is gone in the same step, and counted among the ended."""
    await bench.configure(completed=Retention(DAY_MS, 0))
    await bench.add("a")
    await bench.done(await bench.take())
    sample = await bench.sample()
    assert (sample.completed, sample.ended_total) == (0, 1)
    assert not await bench.exists("a")


async def test_retention_keeps_failed_jobs_by_count(bench: Bench) -> None:
    """`failed` has a retention of its own, and none may be kept there as well."""
    await bench.configure(failed=Retention(DAY_MS, 1), completed=Retention(DAY_MS, 9))
    for job_id in "abc":
        await bench.add(job_id)
        await bench.fail(await bench.take())
        bench.in_ms(1)
    await bench.tick()
    assert await bench.ids(JobState.FAILED) == ["c"]
    await bench.configure(failed=Retention(DAY_MS, 0))
    await bench.add("d")
    await bench.fail(await bench.take())
    assert (await bench.tick()).failed == 0


async def test_retention_keeps_ended_jobs_by_age(bench: Bench) -> None:
    """Older than `age_ms` they go with the next tick, each set by its own age."""
    await bench.configure(completed=Retention(1000, 100), failed=Retention(5000, 100))
    await bench.run("a")
    await bench.add("f")
    await bench.fail(await bench.take())
    bench.in_ms(900)
    await bench.run("b")
    assert (await bench.tick()).completed == 2
    bench.in_ms(150)
    sample = await bench.tick()
    assert (sample.completed, sample.failed) == (1, 1)
    assert await bench.ids(JobState.COMPLETED) == ["b"]
    assert await bench.add("a") == [True]
    bench.in_ms(5000)
    sample = await bench.tick()
    assert (sample.completed, sample.failed) == (0, 0)


async def test_retention_trims_crashed_jobs_too(bench: Bench) -> None:
    """Poison in `failed` is under its retention like the rest."""
    await bench.configure(max_deliveries=1, failed=Retention(1000, 2))
    await bench.add("a", "b", "c")
    await bench.claim(3)
    bench.in_ms(15_001)
    await bench.tick()
    assert (await bench.tick()).failed == 2
    bench.in_ms(1001)
    assert (await bench.tick()).failed == 0
    assert await bench.add("a", "b", "c") == [True] * 3


async def test_retention_trims_cancelled_jobs_like_failed_ones(bench: Bench) -> None:
    """By the same count and age, counted by themselves."""
    await bench.configure(failed=Retention(1000, 2))
    await bench.add("a", "b", "c", "f")
    await bench.cancel("a", "b", "c")
    await bench.fail(await bench.take())
    sample = await bench.tick()
    assert (sample.cancelled, sample.failed) == (2, 1)
    bench.in_ms(1001)
    sample = await bench.tick()
    assert (sample.cancelled, sample.failed) == (0, 0)


async def test_tightened_retention_trims_what_is_there(bench: Bench) -> None:
    """New settings count for jobs that ended before them, in bounded steps."""
    await bench.run(*[f"job-{number}" for number in range(20)])
    await bench.configure(completed=Retention(DAY_MS, 5))
    await bench.tick()
    assert await bench.ids(JobState.COMPLETED) == [f"job-{n}" for n in (19, 18, 17, 16, 15)]


async def test_retention_never_trims_what_has_not_ended(bench: Bench) -> None:
    """However old and however many, what waits is kept."""
    await bench.configure(completed=Retention(1, 0), failed=Retention(1, 0))
    await bench.add("w1", "w2")
    await bench.add("d1", delay_ms=40 * DAY_MS)
    bench.in_ms(30 * DAY_MS)
    sample = await bench.tick()
    assert (sample.waiting, sample.delayed) == (2, 1)
    assert names(await bench.claim(5)) == ["w1", "w2"]
