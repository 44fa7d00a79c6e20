"""Keys of uniqueness: one job of a key at a time, until it starts, until it ends, or for a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bench import a_job
from headpond.jobs import JobState, Unique
from headpond.queues import DAY_MS, Retention

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench import Bench
    from headpond.jobs import Claim

KEY = Unique("key")
REPLACE = Unique("key", mode="replace")
DEBOUNCE = Unique("key", mode="debounce")


async def _cancel(bench: Bench, claim: Claim) -> None:
    await bench.cancel(claim.id)
    await bench.stop(claim)


async def _lose(bench: Bench, _: Claim) -> None:
    await bench.configure(max_deliveries=1)
    bench.in_ms(15_001)
    await bench.tick()


ENDS: dict[str, Callable[[Bench, Claim], Awaitable[object]]] = {
    "completed": lambda bench, claim: bench.done(claim),
    "failed": lambda bench, claim: bench.fail(claim),
    "cancelled": _cancel,
    "crashed": _lose,
}
"""Every way in which an active job ends for good."""


async def is_free(bench: Bench, unique: Unique = KEY) -> bool:
    """Try to enqueue one more job of the key."""
    (placed,) = await bench.place(a_job("probe", unique=unique))
    return placed.created


async def test_unique_key_lets_one_job_in(bench: Bench) -> None:
    """The second one is told whose the key is, and leaves no trace."""
    await bench.add("a", unique=KEY)
    (placed,) = await bench.place(a_job("b", unique=KEY))
    assert (placed.id, placed.created, placed.replaced) == ("a", False, None)
    assert not placed
    assert not await bench.exists("b")


async def test_unique_answers_say_what_became_of_each(bench: Bench) -> None:
    """New, known by its id, kept out by its key: each in its place of the answer."""
    await bench.add("a", unique=KEY)
    placed = await bench.place(a_job("new"), a_job("a"), a_job("b", unique=KEY))
    assert [(each.id, each.created) for each in placed] == [
        ("new", True),
        ("a", False),
        ("a", False),
    ]


async def test_unique_id_is_asked_before_the_key(bench: Bench) -> None:
    """The same call again, its reply was lost: the job is there, and nobody is replaced."""
    job = a_job("a", unique=REPLACE)
    await bench.place(job)
    (placed,) = await bench.place(job)
    assert (placed.id, placed.created, placed.replaced) == ("a", False, None)
    assert await bench.state("a") is JobState.WAITING


async def test_unique_fifty_at_once_make_one_job(bench: Bench) -> None:
    """However many callers race with one key, one job is added, and all are told its id."""
    jobs = [a_job(f"job-{number}", unique=KEY) for number in range(50)]
    answers = await asyncio.gather(*(bench.store.enqueue(bench.name, [job]) for job in jobs))
    created = [placed.id for (placed,) in answers if placed.created]
    assert {placed.id for (placed,) in answers} == set(created)
    assert len(created) == 1
    bench.accepted += created


async def test_unique_jobs_of_one_call_meet_each_other(bench: Bench) -> None:
    """A second job of a key in the same call meets the first as if it had been there before."""
    placed = await bench.place(a_job("a", unique=KEY), a_job("b", unique=KEY), a_job("c"))
    assert [(each.id, each.created) for each in placed] == [("a", True), ("a", False), ("c", True)]


async def test_unique_replacements_of_one_call_leave_the_last(bench: Bench) -> None:
    """Each takes the place of the one before, which is the first one's."""
    placed = await bench.place(
        *(a_job(job_id, unique=REPLACE) for job_id in ("a", "b", "c")), a_job("behind")
    )
    assert [each.replaced for each in placed] == [None, "a", "b", None]
    assert [await bench.state(job_id) for job_id in "ab"] == [JobState.CANCELLED] * 2
    assert await bench.start_order() == ["c", "behind"]


async def test_unique_keys_are_of_one_tenant(bench: Bench) -> None:
    """Tenants know nothing of each other's keys, also where the texts would run into one."""
    jobs = [
        a_job("none", unique=Unique("acme|key")),
        a_job("acme", tenant="acme", unique=Unique("key")),
        a_job("other", tenant="other", unique=Unique("key")),
    ]
    assert await bench.add_jobs(jobs) == [True] * 3


async def test_unique_keys_are_of_one_queue(bench: Bench) -> None:
    """The neighbour may have the same key."""
    other = bench.another("other")
    await other.configure()
    await bench.add("a", unique=KEY)
    assert await other.add("a", unique=KEY) == [True]


@pytest.mark.parametrize("key", ["{a}", "a|b", "ü ß %s", "a" * 200, "-", "1", "a~\\0"])
async def test_unique_odd_keys_are_keys(bench: Bench, key: str) -> None:
    """Every printable character may be in a key, and the next one is another key."""
    unique = Unique(key)
    assert await bench.add("a", unique=unique) == [True]
    assert await bench.add("b", unique=unique) == [False]
    assert await bench.add("c", unique=Unique(f"{key}."[-200:])) == [True]


# ── until when ──


@pytest.mark.parametrize("end", ENDS)
async def test_unique_until_end_frees_at_every_end(bench: Bench, end: str) -> None:
    """The key is taken while the job waits and runs, and free again however it ends."""
    await bench.add("a", unique=KEY)
    claim = await bench.take()
    assert not await is_free(bench)
    await ENDS[end](bench, claim)
    assert await is_free(bench)


@pytest.mark.parametrize("until", ["start", "end"])
@pytest.mark.parametrize("fail", [False, True])
async def test_unique_key_of_a_job_cancelled_before_its_start_is_free(
    bench: Bench, until: str, *, fail: bool
) -> None:
    """It will neither start nor end any more."""
    unique = Unique("key", until=until)  # type: ignore[arg-type]
    await bench.add("a", unique=unique)
    await bench.cancel("a", fail=fail)
    assert await is_free(bench, unique)


@pytest.mark.parametrize("state", [JobState.WAITING, JobState.DELAYED])
@pytest.mark.parametrize("until", ["start", "end"])
async def test_unique_key_of_a_cleared_job_is_free(
    bench: Bench, until: str, state: JobState
) -> None:
    """Who clears a queue leaves no keys behind."""
    unique = Unique("key", until=until)  # type: ignore[arg-type]
    await bench.add("a", unique=unique, delay_ms=1000 if state is JobState.DELAYED else 0)
    await bench.clear(state)
    assert await is_free(bench, unique)


async def test_unique_until_end_lasts_through_retries(bench: Bench) -> None:
    """A job that fails, is released or loses its worker, and will run again, has not ended."""
    await bench.add("a", unique=KEY)
    await bench.fail(await bench.take(), retry_in_ms=10)
    assert not await is_free(bench)
    bench.in_ms(10)
    await bench.release(await bench.take())
    assert not await is_free(bench)
    await bench.take()
    bench.in_ms(15_001)
    await bench.tick()
    assert not await is_free(bench)


async def test_unique_until_start_frees_with_the_claim(bench: Bench) -> None:
    """While one runs the next may wait, and no third."""
    unique = Unique("key", until="start")
    await bench.add("a", unique=unique)
    assert await bench.add("b", unique=unique) == [False]
    a = await bench.take()
    assert await bench.add("b", unique=unique) == [True]
    assert await bench.add("c", unique=unique) == [False]
    await bench.done(a)
    assert await bench.add("c", unique=unique) == [False]


async def test_unique_until_start_is_not_taken_again_by_a_retry(bench: Bench) -> None:
    """The first start counts; the job that came meanwhile keeps the key."""
    unique = Unique("key", until="start")
    await bench.add("a", unique=unique)
    await bench.release(await bench.take())
    (placed,) = await bench.place(a_job("b", unique=unique))
    assert placed.created
    (placed,) = await bench.place(a_job("c", unique=unique))
    assert placed.id == "b"


async def test_unique_for_a_time_ends_by_time(bench: Bench) -> None:
    """After `for_ms` the key is free although its job waits; a millisecond before it isn't."""
    unique = Unique("key", for_ms=1000)
    await bench.add("a", unique=unique)
    bench.in_ms(999)
    assert not await is_free(bench, unique)
    bench.in_ms(1)
    assert await is_free(bench, unique)


async def test_unique_for_a_time_ends_with_the_job_too(bench: Bench) -> None:
    """Whichever of time and end comes first."""
    unique = Unique("key", for_ms=60_000)
    await bench.add("a", unique=unique)
    await bench.done(await bench.take())
    assert await is_free(bench, unique)


@pytest.mark.parametrize("kept", [0, 10])
async def test_unique_by_time_alone_outlives_the_job(bench: Bench, kept: int) -> None:
    """`until=""`: the key is taken after the job's end, and after nothing is left of the job."""
    await bench.configure(completed=Retention(DAY_MS, kept))
    unique = Unique("key", for_ms=60_000, until="")
    await bench.add("a", unique=unique)
    await bench.done(await bench.take())
    bench.in_ms(59_999)
    await bench.tick()
    (placed,) = await bench.place(a_job("b", unique=unique))
    assert (placed.id, placed.created) == ("a", False)
    bench.in_ms(1)
    assert await is_free(bench, unique)


async def test_unique_by_time_alone_is_not_replaced_after_the_end(bench: Bench) -> None:
    """There is nothing to replace any more, so every mode skips."""
    unique = Unique("key", for_ms=60_000, until="", mode="replace")
    await bench.add("a", unique=unique)
    await bench.done(await bench.take())
    (placed,) = await bench.place(a_job("b", unique=unique))
    assert (placed.id, placed.created, placed.replaced) == ("a", False, None)
    assert await bench.state("a") is JobState.COMPLETED


async def test_unique_key_belongs_to_whoever_took_it_last(bench: Bench) -> None:
    """A job whose time ran out gives no key back that another one has by now."""
    await bench.add("a", unique=Unique("key", for_ms=1000))
    a = await bench.take()
    bench.in_ms(1000)
    await bench.add("b", unique=KEY)
    await bench.done(a)
    (placed,) = await bench.place(a_job("c", unique=KEY))
    assert (placed.id, placed.created) == ("b", False)


async def test_unique_key_is_not_taken_back_by_a_retry_by_hand(bench: Bench) -> None:
    """A failed job that runs again competes with nobody, and frees nobody's key."""
    await bench.add("a", unique=KEY)
    await bench.fail(await bench.take())
    await bench.retry("a")
    assert await bench.add("b", unique=KEY) == [True]
    await bench.done(await bench.take())
    assert await bench.state("a") is JobState.COMPLETED
    assert await bench.add("c", unique=KEY) == [False]
