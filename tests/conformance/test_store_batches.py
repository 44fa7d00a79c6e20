"""Batches: a lock, exact counts by membership, a completion that comes once, and a callback."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bench import BATCH, a_job, counts, names
from headpond.batches import KEEP_MS, LOCK_MS, Batch
from headpond.jobs import JobState, Placed

if TYPE_CHECKING:
    from bench import Bench


async def test_batch_follows_its_jobs_to_the_end(bench: Bench) -> None:
    """SEEDS B1.7, B5.2, B8.6, B8.8: what is added, what is left, and when all was done."""
    opened_ms = bench.clock.now_ms()
    await bench.begin("a", "b")
    batch = await bench.batch(BATCH)
    assert (batch.id, batch.total, batch.opened_ms, batch.completed_ms) == (BATCH, 2, opened_ms, 0)
    assert counts(batch) == (2, 0, 2, 0, 0, 0)
    assert batch.is_locked(bench.clock.now_ms())
    bench.in_ms(10)
    a, b = await bench.claim(2)
    assert counts(await bench.batch(BATCH)) == (2, 0, 2, 0, 0, 0)
    await bench.done(a)
    batch = await bench.batch(BATCH)
    assert (counts(batch), batch.is_completed) == ((2, 0, 1, 1, 0, 0), False)
    bench.in_ms(10)
    await bench.done(b)
    batch = await bench.batch(BATCH)
    assert counts(batch) == (2, 0, 0, 2, 0, 0)
    assert (batch.completed_ms, batch.locked_until_ms) == (opened_ms + 20, 0)
    assert batch.is_completed
    assert not batch.is_locked(bench.clock.now_ms())


async def test_batch_that_was_never_opened_is_none(bench: Bench) -> None:
    """There is nothing to wait for."""
    assert await bench.store.batch(bench.name, BATCH) is None


async def test_batch_is_shown_with_its_members(bench: Bench) -> None:
    """A job names the batch that waits for its end, as long as it does."""
    await bench.begin("a", "b")
    assert (await bench.job("a")).batch == BATCH
    await bench.done(await bench.take())
    assert [(await bench.job(job_id)).batch for job_id in "ab"] == ["", BATCH]


# ── the lock ──


async def test_batch_is_opened_by_one_only(bench: Bench) -> None:
    """SEEDS B1.2, B7.1: while it is worked on nobody else can begin it, and nothing changes."""
    await bench.begin("a", "b")
    before = await bench.batch(BATCH)
    bench.in_ms(10)
    assert not await bench.open_batch(BATCH, 7)
    assert await bench.batch(BATCH) == before


async def test_batch_that_fifty_open_at_once_is_opened_once(bench: Bench) -> None:
    """SEEDS B7.6: whoever races, one wins."""
    bench.ledger.batches.append(BATCH)
    tries = [bench.store.open_batch(bench.name, Batch(BATCH, 3)) for _ in range(50)]
    assert sorted(await asyncio.gather(*tries)) == [False] * 49 + [True]


async def test_batch_lock_ends_with_its_completion(bench: Bench) -> None:
    """SEEDS B1.4: once it is complete it can be begun again at once, and counts from nothing."""
    await bench.begin("a")
    await bench.done(await bench.take())
    bench.in_ms(5)
    assert await bench.open_batch(BATCH, 2)
    batch = await bench.batch(BATCH)
    assert (counts(batch), batch.total, batch.completed_ms) == ((0,) * 6, 2, 0)
    assert batch.opened_ms == bench.clock.now_ms()


async def test_batch_lock_ends_after_an_hour(bench: Bench) -> None:
    """SEEDS B7.2: who began it may be gone; a millisecond before it is still locked."""
    await bench.begin("a")
    bench.in_ms(LOCK_MS - 1)
    assert not await bench.open_batch(BATCH, 1)
    bench.in_ms(1)
    assert not (await bench.batch(BATCH)).is_locked(bench.clock.now_ms())
    assert await bench.open_batch(BATCH, 1)


async def test_batch_lock_is_as_long_as_asked(bench: Bench) -> None:
    """An own time, also none."""
    assert await bench.open_batch(BATCH, 1, lock_ms=500)
    assert (await bench.batch(BATCH)).locked_until_ms == bench.clock.now_ms() + 500
    bench.in_ms(500)
    assert await bench.open_batch(BATCH, 1, lock_ms=0)
    assert await bench.open_batch(BATCH, 1)


async def test_batch_that_is_begun_again_waits_for_those_of_before(bench: Bench) -> None:
    """Members that have not ended stay members; the counts begin anew."""
    await bench.begin("a", "b", "c", lock_ms=1000)
    a, b, _ = await bench.claim(3)
    await bench.done(a)
    bench.in_ms(1000)
    assert await bench.open_batch(BATCH, 2)
    assert counts(await bench.batch(BATCH)) == (0, 0, 2, 0, 0, 0)
    await bench.add("c", "d", batch=BATCH)
    assert counts(await bench.batch(BATCH)) == (1, 1, 3, 0, 0, 0)
    await bench.done(b)
    bench.in_ms(15_000)
    await bench.done(*await bench.claim(9))
    batch = await bench.batch(BATCH)
    assert (counts(batch), batch.is_completed) == ((1, 1, 0, 3, 0, 0), True)


async def test_batch_of_one_name_in_another_queue_is_another(bench: Bench) -> None:
    """Names are of a queue."""
    other = bench.another("other")
    await other.configure()
    await bench.begin("a")
    assert await other.store.batch(other.name, BATCH) is None
    assert await other.open_batch(BATCH, 1)


# ── the end ──


async def test_batch_callback_is_enqueued_in_the_same_step(bench: Bench) -> None:
    """Whoever claims next may get it; it is a job like any other."""
    callback = a_job("after", priority=9, tenant="acme", body=b"all done")
    await bench.open_batch(BATCH, 2, callback=callback)
    await bench.add("a", "b", batch=BATCH)
    a, b = await bench.claim(2)
    assert (await bench.done(a, want=5)).claims == ()
    (claim,) = (await bench.done(b, want=5)).claims
    assert (claim.id, claim.body, claim.since_ms) == ("after", b"all done", bench.clock.now_ms())
    job = await bench.job("after")
    assert (job.priority, job.tenant, job.batch) == (9, "acme", "")


@pytest.mark.parametrize("delay_ms", [0, 1000])
async def test_batch_callback_may_be_delayed(bench: Bench, delay_ms: int) -> None:
    """Its delay begins with the completion."""
    callback = a_job("after", delay_ms=delay_ms)
    await bench.open_batch(BATCH, 1, callback=callback)
    await bench.add("a", batch=BATCH)
    bench.in_ms(5000)
    await bench.done(await bench.take())
    job = await bench.job("after")
    assert job.state is (JobState.DELAYED if delay_ms else JobState.WAITING)
    assert job.due_ms == (bench.clock.now_ms() + delay_ms if delay_ms else 0)


async def test_batch_callback_dedupes_by_its_id(bench: Bench) -> None:
    """Is it there already it isn't added again, and the batch completes all the same."""
    await bench.add("after")
    await bench.open_batch(BATCH, 0, callback=a_job("after", body=b"second"))
    assert (await bench.batch(BATCH)).is_completed
    assert (await bench.job("after")).body == b"body of after"
    assert (await bench.sample()).added_total == 1


async def test_batch_callback_comes_once(bench: Bench) -> None:
    """The last end reported twice makes one callback."""
    await bench.open_batch(BATCH, 1, callback=a_job("after"))
    await bench.add("a", batch=BATCH)
    claim = await bench.take()
    await bench.done(claim)
    await bench.done(claim)
    assert await bench.history("after") == ["added"]
    completions = [event for event in await bench.events() if event.name == "batch"]
    assert [event.detail for event in completions] == [BATCH]


@pytest.mark.parametrize("way", ["nothing", "skipped", "cancelled", "cleared", "crashed"])
async def test_batch_callback_comes_whichever_way_it_ends(bench: Bench, way: str) -> None:
    """Opening, enqueue, cancel, clear and reaping complete a batch like a report."""
    await bench.configure(max_deliveries=1)
    await bench.add("there")
    await bench.cancel("there")
    await bench.open_batch(BATCH, 0 if way == "nothing" else 1, callback=a_job("after"))
    if way == "skipped":
        await bench.add("there", batch=BATCH)
    elif way != "nothing":
        await bench.add("a", batch=BATCH)
    if way == "cancelled":
        await bench.cancel("a")
    elif way == "cleared":
        assert await bench.clear(JobState.WAITING) == 1
    elif way == "crashed":
        await bench.take()
        bench.in_ms(15_001)
    assert names(await bench.claim(5)) == ["after"]


async def test_batch_callback_may_be_in_another_batch(bench: Bench) -> None:
    """Batches can wait for batches."""
    await bench.open_batch("outer", 1)
    await bench.open_batch("inner", 1, callback=a_job("after", batch="outer"))
    await bench.add("a", batch="inner")
    await bench.done(await bench.take())
    assert (await bench.job("after")).batch == "outer"
    await bench.done(await bench.take())
    assert (await bench.batch("outer")).is_completed


async def test_batch_completion_is_an_event(bench: Bench) -> None:
    """It names the batch, after the ends of its jobs."""
    await bench.begin("a", "b")
    await bench.done(*await bench.claim(2))
    told = [(event.name, event.detail) for event in await bench.events()]
    assert told == [("added", ""), ("started", ""), ("completed", ""), ("batch", BATCH)]


async def test_batch_is_kept_for_a_day_after_its_end(bench: Bench) -> None:
    """SEEDS B5.3: so long it can be asked; then it is forgotten, by a tick and without one."""
    await bench.begin("a")
    await bench.done(await bench.take())
    bench.in_ms(KEEP_MS - 1)
    await bench.tick()
    assert (await bench.batch(BATCH)).is_completed
    bench.in_ms(1)
    assert await bench.store.batch(bench.name, BATCH) is None
    await bench.tick()
    assert await bench.store.batch(bench.name, BATCH) is None


async def test_batch_that_never_completes_is_forgotten_too(bench: Bench) -> None:
    """SEEDS B11.3: everything has an end: its lock, and then as long as it was to be kept."""
    await bench.begin("a", lock_ms=1000, keep_ms=500)
    bench.in_ms(1499)
    await bench.tick()
    assert not (await bench.batch(BATCH)).is_completed
    bench.in_ms(1)
    assert await bench.store.batch(bench.name, BATCH) is None


async def test_batch_that_was_forgotten_leaves_its_jobs_alone(bench: Bench) -> None:
    """They run on, and a batch that takes the name later does not count them."""
    await bench.begin("a", "b", lock_ms=1000, keep_ms=500)
    bench.in_ms(1500)
    await bench.tick()
    bench.ledger.batches.clear()
    assert (await bench.job("a")).batch == ""
    await bench.done(await bench.take())
    assert await bench.store.open_batch(bench.name, Batch(BATCH, 1))
    assert (await bench.job("b")).batch == ""
    await bench.done(await bench.take())
    assert counts(await bench.batch(BATCH)) == (0, 0, 0, 0, 0, 0)
    await bench.add("c", batch=BATCH)
    await bench.done(await bench.take())
    batch = await bench.batch(BATCH)
    assert (counts(batch), batch.is_completed) == ((1, 0, 0, 1, 0, 0), True)


async def test_batch_answers_name_what_was_skipped(bench: Bench) -> None:
    """SEEDS B3.2: added and skipped can be told from the answers of the enqueue as well."""
    await bench.add("a")
    await bench.open_batch(BATCH, 2)
    placed = await bench.place(a_job("a", batch=BATCH), a_job("b", batch=BATCH))
    assert placed == [Placed(a_job("a").id, created=False), Placed(a_job("b").id)]
