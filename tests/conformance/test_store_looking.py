"""What the store says of its queues and jobs: read, find, page, sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench import a_job, names
from headpond.errors import Invalid
from headpond.jobs import JobId, JobState
from headpond.queues import TenantRule

if TYPE_CHECKING:
    from bench import Bench


async def test_jobs_are_read_in_the_order_asked(bench: Bench) -> None:
    """Unknown ids give `None` in their places; an id may be asked for twice."""
    await bench.add("a", "b")
    ids = [JobId(job_id) for job_id in ("b", "none", "a", "b")]
    found = await bench.store.read(bench.name, ids)
    assert [job and job.id for job in found] == ["b", None, "a", "b"]
    assert await bench.store.read(bench.name, []) == []


async def test_looking_changes_nothing(bench: Bench) -> None:
    """A due job and an expired lease stay as they are, however often somebody looks."""
    await bench.add("active")
    await bench.take()
    await bench.add("due", delay_ms=10)
    bench.in_ms(20_000)
    before = await bench.sample()
    await bench.check()
    await bench.store.find(JobId("due"))
    assert await bench.sample() == before
    assert (before.active, before.due, before.next_due_ms) == (1, 1, 0)


async def test_a_job_is_found_in_every_queue(bench: Bench) -> None:
    """One id may name a job in each queue; those without it are left out."""
    for name in ("alpha", "beta", "gamma"):
        await bench.another(name).configure()
    await bench.another("alpha").add("a")
    await bench.another("gamma").add("a", delay_ms=10)
    await bench.add("b")
    found = await bench.store.find(JobId("a"))
    assert sorted((job.queue, job.state) for job in found) == [
        ("alpha", JobState.WAITING),
        ("gamma", JobState.DELAYED),
    ]
    assert await bench.store.find(JobId("nobody")) == []


async def test_waiting_jobs_are_listed_as_they_will_start(bench: Bench) -> None:
    """The first page is what the next claim gives, levels and tenants included."""
    await bench.add_jobs(
        [
            a_job(f"{tenant}{number}", tenant=tenant, priority=priority)
            for tenant, priority in (("x", 5), ("y", 5), ("z", 9))
            for number in range(3)
        ]
    )
    listed = await bench.ids(JobState.WAITING, limit=2)
    assert listed == await bench.start_order()


async def test_delayed_jobs_are_listed_as_they_become_due(bench: Bench) -> None:
    """The next one is first."""
    for job_id, delay_ms in (("c", 3000), ("a", 1000), ("b", 2000)):
        await bench.add(job_id, delay_ms=delay_ms)
    assert await bench.ids(JobState.DELAYED, limit=1) == ["a", "b", "c"]


@pytest.mark.parametrize("limit", [1, 3, 10, 100])
async def test_ended_jobs_are_listed_newest_first(bench: Bench, limit: int) -> None:
    """Whatever the size of the pages, the order is that of the ends, backwards."""
    ids = [f"job-{number}" for number in (3, 9, 1, 4, 7, 0, 8)]
    await bench.run(*ids)
    assert await bench.ids(JobState.COMPLETED, limit) == ids[::-1]


@pytest.mark.parametrize("limit", [1, 2, 7, 50])
@pytest.mark.parametrize(
    "state",
    [
        JobState.WAITING,
        JobState.DELAYED,
        JobState.ACTIVE,
        JobState.COMPLETED,
        JobState.CANCELLED,
    ],
)
async def test_pages_show_every_job_once(bench: Bench, state: JobState, limit: int) -> None:
    """The cursor leads through all jobs, also where many share one moment or one tag."""
    ids = [f"job-{number}" for number in range(25)]
    await bench.add_jobs(
        [
            a_job(job_id, tenant=f"t{at % 9}", delay_ms=1000 if state is JobState.DELAYED else 0)
            for at, job_id in enumerate(ids)
        ]
    )
    if state in {JobState.ACTIVE, JobState.COMPLETED}:
        claims = await bench.claim(25)
        if state is JobState.COMPLETED:
            await bench.done(*claims)
    elif state is JobState.CANCELLED:
        await bench.cancel(*ids)
    pages = await bench.pages(state, limit)
    assert sorted(job.id for page in pages for job in page.jobs) == sorted(ids)
    assert all(len(page.jobs) == limit for page in pages[:-1])
    assert {job.state for page in pages for job in page.jobs} == {state}
    assert pages[-1].cursor == ""


async def test_jobs_that_leave_between_two_pages_hide_no_others(bench: Bench) -> None:
    """A cursor means a place in the order, not a number of jobs to leave out."""
    ids = [f"job-{number}" for number in range(10)]
    await bench.add(*ids)
    first = await bench.store.page(bench.name, JobState.WAITING, "", 4)
    assert names(first.jobs) == ids[:4]
    await bench.claim(3)
    second = await bench.store.page(bench.name, JobState.WAITING, first.cursor, 100)
    assert names(second.jobs) == ids[4:]


async def test_a_page_says_what_read_says(bench: Bench) -> None:
    """Both ways to a job give the same."""
    await bench.add("a", priority=8, tenant="acme")
    await bench.fail(await bench.take(), retry_in_ms=10)
    (page,) = await bench.pages(JobState.DELAYED)
    assert page.jobs == (await bench.job("a"),)


@pytest.mark.parametrize("limit", [1, 2, 4, 50])
async def test_pages_show_jobs_aside_among_the_waiting(bench: Bench, limit: int) -> None:
    """Also a waiting job that only waits for its own tenant is on one page, once."""
    await bench.configure(tenants=(("x", TenantRule(max_active=1)),))
    await bench.add(*[f"x{number}" for number in range(6)], tenant="x")
    await bench.add("y0", tenant="y")
    assert names(await bench.claim(9)) == ["x0", "y0"]
    await bench.add(*[f"y{number}" for number in range(1, 4)], tenant="y")
    await bench.add("x9", tenant="x", priority=9)
    listed = await bench.ids(JobState.WAITING, limit)
    assert sorted(listed) == ["x1", "x2", "x3", "x4", "x5", "x9", "y1", "y2", "y3"]
    assert (await bench.sample()).aside == 5


async def test_an_empty_state_is_one_empty_page(bench: Bench) -> None:
    """There is nothing, and nothing behind it."""
    for state in JobState:
        (page,) = await bench.pages(state)
        assert (page.jobs, page.cursor) == ((), "")


@pytest.mark.parametrize("cursor", ["nonsense", "~", "1~x", "[1]", "\x00", "inf~1;", "9" * 400])
async def test_a_foreign_cursor_is_refused_in_a_sentence(bench: Bench, cursor: str) -> None:
    """Cursors come from outside: what the store did not make is the caller's fault."""
    await bench.add("a")
    with pytest.raises(Invalid, match="is no cursor of this list"):
        await bench.store.page(bench.name, JobState.WAITING, cursor, 10)


async def test_counts_follow_a_job_through_its_life(bench: Bench) -> None:
    """At each step every job is counted in exactly one place (the bench counts too)."""

    async def counts() -> tuple[int, ...]:
        s = await bench.sample()
        return (s.waiting, s.due, s.delayed, s.active, s.completed, s.failed)

    seen = []
    await bench.add("a", "b", "c")
    await bench.add("d", delay_ms=1000)
    seen.append(await counts())
    a, b, c = await bench.claim(3)
    seen.append(await counts())
    await bench.done(a)
    await bench.fail(b)
    await bench.fail(c, retry_in_ms=2000)
    seen.append(await counts())
    bench.in_ms(1000)
    seen.append(await counts())
    await bench.tick()
    seen.append(await counts())
    assert seen == [
        (3, 0, 1, 0, 0, 0),
        (0, 0, 1, 3, 0, 0),
        (0, 0, 2, 0, 1, 1),
        (0, 1, 1, 0, 1, 1),
        (1, 0, 1, 0, 1, 1),
    ]


async def test_the_oldest_is_known_to_the_second(bench: Bench) -> None:
    """`oldest_ms` is the end of the second in which the oldest began to wait, at most now."""
    start = bench.clock.now_ms()
    assert start % 1000 == 0
    bench.in_ms(300)
    await bench.add("a")
    assert (await bench.sample()).oldest_ms == start + 300
    bench.in_ms(5000)
    await bench.add("b")
    sample = await bench.sample()
    assert (sample.oldest_ms, sample.oldest_age_s) == (start + 1000, 4.3)
    a = await bench.take()
    assert (await bench.sample()).oldest_ms == start + 5300
    await bench.release(a)
    assert (await bench.sample()).oldest_ms == start + 1000
    await bench.claim(2)
    assert (await bench.sample()).oldest_ms == 0


async def test_the_oldest_may_be_one_of_many_of_its_second(bench: Bench) -> None:
    """As long as one job of that second waits, it is the oldest."""
    start = bench.clock.now_ms()
    await bench.add("a", "b", "c")
    bench.in_ms(3000)
    await bench.add("late")
    await bench.claim(2)
    assert (await bench.sample()).oldest_ms == start + 1000
    await bench.claim(1)
    assert (await bench.sample()).oldest_ms == start + 3000


async def test_a_promoted_job_is_as_old_as_its_due_time(bench: Bench) -> None:
    """It did not wait before it was due, and did wait until somebody moved it."""
    start = bench.clock.now_ms()
    await bench.add("a", delay_ms=2000)
    bench.in_ms(10_000)
    assert (await bench.tick()).oldest_ms == start + 3000


async def test_a_reaped_job_is_as_old_as_before(bench: Bench) -> None:
    """Losing its worker makes a job no younger."""
    start = bench.clock.now_ms()
    await bench.add("a")
    bench.in_ms(4000)
    await bench.take()
    bench.in_ms(15_001)
    assert (await bench.tick()).oldest_ms == start + 1000


async def test_the_next_due_is_the_earliest_delayed_job(bench: Bench) -> None:
    """It moves as jobs come, become due and go; an exchange says the same."""
    now = bench.clock.now_ms()
    assert (await bench.sample()).next_due_ms == 0
    await bench.add("b", delay_ms=2000)
    assert (await bench.sample()).next_due_ms == now + 2000
    await bench.add("a", delay_ms=1000)
    assert (await bench.sample()).next_due_ms == now + 1000
    bench.in_ms(1000)
    answer = await bench.exchange(want=1)
    assert answer.next_due_ms == now + 2000
    assert (await bench.sample()).next_due_ms == now + 2000
    await bench.done(*answer.claims)
    await bench.store.clear(bench.name, [JobState.DELAYED])
    assert (await bench.exchange()).next_due_ms == 0


async def test_a_sample_names_queue_and_moment(bench: Bench) -> None:
    """A sample stands by itself."""
    sample = await bench.sample()
    assert (sample.queue, sample.at_ms) == ("line", bench.clock.now_ms())
    assert sample.epoch
    bench.in_ms(77)
    assert (await bench.tick()).at_ms == sample.at_ms + 77


async def test_totals_only_go_up(bench: Bench) -> None:
    """Duplicates add nothing, removal takes nothing away."""
    await bench.add("a", "b", "c")
    await bench.add("a")
    a, b, c = await bench.claim(3)
    await bench.done(a)
    await bench.fail(b, retry_in_ms=0)
    await bench.release(c)
    await bench.store.clear(bench.name, [JobState.COMPLETED, JobState.WAITING, JobState.DELAYED])
    sample = await bench.sample()
    assert (sample.added_total, sample.ended_total, sample.run_us_total) == (3, 2, 3000)


async def test_many_queues_are_sampled_at_once(bench: Bench) -> None:
    """Each gets its own sample; those that were never configured are left out."""
    for number in range(5):
        other = bench.another(f"q{number}")
        await other.configure()
        await other.add(*[f"job-{at}" for at in range(number)])
    asked = [f"q{number}" for number in (4, 2, 0)] + ["never"]
    for samples in (await bench.store.sample(asked), await bench.store.tick(asked)):
        assert {name: sample.waiting for name, sample in samples.items()} == {
            "q4": 4,
            "q2": 2,
            "q0": 0,
        }
    assert await bench.store.sample([]) == {}
    assert await bench.store.tick([]) == {}
