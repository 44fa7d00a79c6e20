"""What a second job of a key does: nothing, take the first one's place, or wait anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench import a_job, names
from headpond.envelope import unpack_outcome
from headpond.jobs import JobState, Unique
from headpond.queues import Retention, TenantRule

if TYPE_CHECKING:
    from bench import Bench

KEY = Unique("key")
REPLACE = Unique("key", mode="replace")
DEBOUNCE = Unique("key", mode="debounce")


async def test_unique_replace_takes_the_exact_place(bench: Bench) -> None:
    """The new job stands where the old one stood; that one is cancelled and says why."""
    await bench.add("first")
    await bench.add("old", unique=REPLACE)
    await bench.add("last")
    (placed,) = await bench.place(a_job("new", unique=REPLACE, delay_ms=60_000))
    assert (placed.id, placed.created, placed.replaced) == ("new", True, "old")
    job = await bench.job("old")
    assert (job.state, job.reason, job.attempts) == (JobState.CANCELLED, None, 0)
    assert job.finished_ms == bench.clock.now_ms()
    assert job.outcome is not None
    outcome = unpack_outcome(job.outcome)
    assert (outcome.error, outcome.message) == ("Replaced", "Job new took its place.")
    assert await bench.start_order() == ["first", "new", "last"]


async def test_unique_replace_keeps_the_place_among_tenants(bench: Bench) -> None:
    """A tenant neither wins nor loses a turn by it."""
    await bench.add("x1", tenant="x", unique=REPLACE)
    await bench.add("x2", tenant="x")
    await bench.add("y1", "y2", tenant="y")
    await bench.add("x0", tenant="x", unique=REPLACE)
    await bench.add("x3", tenant="x")
    assert names(await bench.claim(5)) == ["x0", "y1", "x2", "y2", "x3"]


async def test_unique_replace_at_another_level_goes_to_its_end(bench: Bench) -> None:
    """A place is one of a level."""
    await bench.add("high", priority=9)
    await bench.add("old", unique=REPLACE)
    await bench.add("normal")
    await bench.add("new", unique=REPLACE, priority=9)
    assert await bench.start_order() == ["high", "new", "normal"]


async def test_unique_replace_of_a_delayed_job_keeps_its_time(bench: Bench) -> None:
    """What the new one says of its own delay does not count."""
    due_ms = bench.clock.now_ms() + 5000
    await bench.add("old", unique=REPLACE, delay_ms=5000)
    bench.in_ms(1000)
    await bench.add("new", unique=REPLACE, delay_ms=60_000)
    job = await bench.job("new")
    assert (job.state, job.due_ms) == (JobState.DELAYED, due_ms)
    assert await bench.state("old") is JobState.CANCELLED


async def test_unique_replace_of_a_job_that_waits_for_its_retry(bench: Bench) -> None:
    """It isn't active at the moment, so it gives way."""
    await bench.add("old", unique=REPLACE)
    await bench.fail(await bench.take(), retry_in_ms=1000)
    (placed,) = await bench.place(a_job("new", unique=REPLACE))
    assert placed.replaced == "old"
    assert await bench.state("new") is JobState.DELAYED


async def test_unique_replace_of_a_job_that_stepped_aside(bench: Bench) -> None:
    """Also a job that waits for its tenant's limit has a place to be taken."""
    await bench.configure(tenant=TenantRule(max_active=1))
    await bench.add("a", "b")
    await bench.add("old", unique=REPLACE)
    await bench.add("last")
    (a,) = await bench.claim(9)
    await bench.add("new", unique=REPLACE)
    assert await bench.state("old") is JobState.CANCELLED
    started = []
    for _ in range(3):
        (a,) = (await bench.done(a, want=9)).claims
        started.append(a.id)
    assert started == ["b", "new", "last"]


@pytest.mark.parametrize("unique", [REPLACE, DEBOUNCE])
async def test_unique_active_jobs_are_never_replaced(bench: Bench, unique: Unique) -> None:
    """Once the first runs, every mode skips."""
    await bench.add("a", unique=unique)
    claim = await bench.take()
    (placed,) = await bench.place(a_job("b", unique=unique))
    assert (placed.id, placed.created, placed.replaced) == ("a", False, None)
    assert not (await bench.job("a")).is_cancelling
    await bench.done(claim)


async def test_unique_debounce_waits_its_own_delay_anew(bench: Bench) -> None:
    """As long as new ones keep coming none starts; the last one does, its delay after it came."""
    for number in range(5):
        await bench.add(f"job-{number}", unique=DEBOUNCE, delay_ms=1000)
        bench.in_ms(900)
        assert await bench.claim() == ()
    assert await bench.ids(JobState.CANCELLED) == [f"job-{number}" for number in (3, 2, 1, 0)]
    bench.in_ms(100)
    assert (await bench.take()).id == "job-4"


async def test_unique_debounce_of_a_waiting_job_delays_it(bench: Bench) -> None:
    """Without a delay it goes to the end, with one it waits that long."""
    await bench.add("old", unique=DEBOUNCE)
    await bench.add("other")
    await bench.add("new", unique=DEBOUNCE)
    assert await bench.ids(JobState.WAITING) == ["other", "new"]
    await bench.add("newer", unique=DEBOUNCE, delay_ms=1000)
    assert await bench.ids(JobState.WAITING) == ["other"]
    assert (await bench.job("newer")).due_ms == bench.clock.now_ms() + 1000


async def test_unique_replaced_jobs_pass_the_key_on(bench: Bench) -> None:
    """The new job holds the key for its own time, until its own end."""
    unique = Unique("key", for_ms=1000, mode="replace")
    await bench.add("a", unique=unique)
    bench.in_ms(600)
    await bench.add("b", unique=unique)
    bench.in_ms(600)
    assert await bench.add("c", unique=Unique("key")) == [False]
    bench.in_ms(400)
    assert await bench.add("c", unique=Unique("key")) == [True]


async def test_unique_mode_is_that_of_the_newcomer(bench: Bench) -> None:
    """How long a key is taken says who took it; what happens to it, who comes."""
    await bench.add("a", unique=KEY)
    (placed,) = await bench.place(a_job("b", unique=REPLACE))
    assert placed.replaced == "a"
    (placed,) = await bench.place(a_job("c", unique=KEY))
    assert (placed.id, placed.created) == ("b", False)


async def test_unique_replacement_is_told(bench: Bench) -> None:
    """The events say which job went and why, and which one came."""
    await bench.add("a", unique=REPLACE)
    await bench.add("b", unique=REPLACE)
    assert await bench.history("a") == ["added", "cancelled"]
    assert await bench.history("b") == ["added"]
    (gone,) = [event for event in await bench.events() if event.name == "cancelled"]
    assert (gone.jobs, gone.detail) == (("a",), "replaced")


async def test_unique_replaced_ids_stay_taken_until_trimmed(bench: Bench) -> None:
    """A replaced job is a cancelled one: kept with the failed ones, as long as those."""
    await bench.configure(failed=Retention(1000, 10))
    await bench.add("a", unique=REPLACE)
    await bench.add("b", unique=REPLACE)
    assert await bench.add("a") == [False]
    bench.in_ms(1001)
    await bench.tick()
    assert await bench.add("a") == [True]
