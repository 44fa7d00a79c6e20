"""Batches: a lock, exact counts by membership, a completion that comes once, and a callback."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bench import GOOD, a_job, names
from headpond.batches import KEEP_MS, LOCK_MS, Batch, BatchState
from headpond.jobs import Done, Failed, JobState, Placed, Unique
from headpond.queues import DAY_MS, Retention

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench import Bench
    from headpond.jobs import Claim

BATCH = "class-123-session-456-date-25122024"
"""As in SEEDS B6."""


def counts(batch: BatchState) -> tuple[int, ...]:
    """Return added, skipped, remaining, completed, failed, cancelled."""
    return (
        batch.added,
        batch.skipped,
        batch.remaining,
        batch.completed,
        batch.failed,
        batch.cancelled,
    )


async def begin(bench: Bench, *ids: str, **fields: int) -> None:
    """Open the batch for these jobs and enqueue them."""
    assert await bench.open_batch(BATCH, len(ids), **fields)  # type: ignore[arg-type]
    await bench.add(*ids, batch=BATCH)


async def test_batch_follows_its_jobs_to_the_end(bench: Bench) -> None:
    """SEEDS B1.7, B5.2, B8.6, B8.8: what is added, what is left, and when all was done."""
    opened_ms = bench.clock.now_ms()
    await begin(bench, "a", "b")
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
    await begin(bench, "a", "b")
    assert (await bench.job("a")).batch == BATCH
    await bench.done(await bench.take())
    assert [(await bench.job(job_id)).batch for job_id in "ab"] == ["", BATCH]


# ── the lock ──


async def test_batch_is_opened_by_one_only(bench: Bench) -> None:
    """SEEDS B1.2, B7.1: while it is worked on nobody else can begin it, and nothing changes."""
    await begin(bench, "a", "b")
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
    await begin(bench, "a")
    await bench.done(await bench.take())
    bench.in_ms(5)
    assert await bench.open_batch(BATCH, 2)
    batch = await bench.batch(BATCH)
    assert (counts(batch), batch.total, batch.completed_ms) == ((0,) * 6, 2, 0)
    assert batch.opened_ms == bench.clock.now_ms()


async def test_batch_lock_ends_after_an_hour(bench: Bench) -> None:
    """SEEDS B7.2: who began it may be gone; a millisecond before it is still locked."""
    await begin(bench, "a")
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
    await begin(bench, "a", "b", "c", lock_ms=1000)
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
    await begin(bench, "a")
    assert await other.store.batch(other.name, BATCH) is None
    assert await other.open_batch(BATCH, 1)


# ── what counts ──


async def test_batch_counts_what_was_there_already(bench: Bench) -> None:
    """SEEDS B1.5, B3.2: a job whose id is taken is skipped; added and skipped make the total."""
    await bench.add("student-1", "student-2")
    await begin(bench, "student-1", "student-2", "student-3")
    assert counts(await bench.batch(BATCH)) == (1, 2, 1, 0, 0, 0)
    assert [(await bench.job(f"student-{n}")).batch for n in (1, 2, 3)] == ["", "", BATCH]
    one, two, three = await bench.claim(3)
    await bench.done(one, two)
    assert not (await bench.batch(BATCH)).is_completed
    await bench.done(three)
    assert (await bench.batch(BATCH)).is_completed


async def test_batch_counts_taken_keys_as_skipped(bench: Bench) -> None:
    """A job that its key keeps out is no member either."""
    await bench.add("holder", unique=Unique("key"))
    await bench.open_batch(BATCH, 2)
    await bench.add("a", batch=BATCH, unique=Unique("key"))
    await bench.add("b", batch=BATCH)
    assert counts(await bench.batch(BATCH)) == (1, 1, 1, 0, 0, 0)
    assert (await bench.job("holder")).batch == ""


async def test_batch_calls_that_are_repeated_count_nothing_twice(bench: Bench) -> None:
    """A call whose answer was lost may come again, whole or in part, also after its jobs ended."""
    await bench.add("there")
    await bench.open_batch(BATCH, 4)
    for _ in range(3):
        await bench.add("a", "there", "b", batch=BATCH)
        assert counts(await bench.batch(BATCH)) == (2, 1, 2, 0, 0, 0)
    await bench.done(*await bench.claim(3))
    await bench.add("b", "there", batch=BATCH)
    batch = await bench.batch(BATCH)
    assert (counts(batch), batch.is_completed) == ((2, 1, 0, 2, 0, 0), False)
    await bench.add("there", "c", batch=BATCH)
    await bench.done(await bench.take())
    batch = await bench.batch(BATCH)
    assert (counts(batch), batch.is_completed) == ((3, 1, 0, 3, 0, 0), True)


async def test_batch_that_is_begun_again_skips_what_was_counted_before(bench: Bench) -> None:
    """Each opening counts anew: who sends all of it again has it complete."""
    await begin(bench, "a", "b", lock_ms=1000)
    a, b = await bench.claim(2)
    await bench.done(a)
    bench.in_ms(1000)
    assert await bench.open_batch(BATCH, 2)
    for _ in range(2):
        await bench.add("a", "b", batch=BATCH)
        assert counts(await bench.batch(BATCH)) == (0, 2, 1, 0, 0, 0)
    await bench.done(b)
    assert (await bench.batch(BATCH)).is_completed


async def test_batch_counts_replaced_members_as_cancelled(bench: Bench) -> None:
    """A member whose place is taken by another has ended."""
    await bench.open_batch(BATCH, 2)
    await bench.add("a", "b", batch=BATCH, unique=Unique("key", mode="replace"))
    assert counts(await bench.batch(BATCH)) == (2, 0, 1, 0, 0, 1)
    await bench.done(await bench.take())
    assert counts(await bench.batch(BATCH)) == (2, 0, 0, 1, 0, 1)


async def test_batch_in_many_calls_is_one(bench: Bench) -> None:
    """It isn't complete before all that was announced has come, even if what came has ended."""
    await bench.open_batch(BATCH, 3)
    for job_id in "abc":
        assert not (await bench.batch(BATCH)).is_completed
        await bench.add(job_id, batch=BATCH)
        await bench.done(await bench.take())
    assert (await bench.batch(BATCH)).is_completed


async def test_batch_of_nothing_is_complete_at_once(bench: Bench) -> None:
    """With no jobs to wait for it is over as it begins."""
    assert await bench.open_batch(BATCH, 0)
    batch = await bench.batch(BATCH)
    assert (batch.is_completed, batch.locked_until_ms) == (True, 0)


async def test_batch_whose_jobs_are_all_skipped_is_complete(bench: Bench) -> None:
    """The enqueue that skips the last one completes it."""
    await bench.add("a", "b")
    await begin(bench, "a", "b")
    batch = await bench.batch(BATCH)
    assert (counts(batch), batch.is_completed) == ((0, 2, 0, 0, 0, 0), True)


async def test_batch_whose_last_job_is_skipped_after_the_others_ended_is_complete(
    bench: Bench,
) -> None:
    """Also when the skipping comes last."""
    await bench.add("b")
    await bench.open_batch(BATCH, 2)
    await bench.add("a", batch=BATCH)
    await bench.done(*await bench.claim(2))
    assert not (await bench.batch(BATCH)).is_completed
    await bench.add("b", batch=BATCH)
    assert (await bench.batch(BATCH)).is_completed


async def test_batch_counts_each_job_once(bench: Bench) -> None:
    """SEEDS B7.3's trap: retried, released, lost and reported twice, a job leaves but once."""
    await begin(bench, "a", "b")
    claim, _ = await bench.claim(2)
    await bench.fail(claim, retry_in_ms=0)
    await bench.fail(claim, retry_in_ms=0)
    claim = await bench.take()
    await bench.release(claim)
    await bench.take()
    bench.in_ms(15_001)
    await bench.tick()
    assert counts(await bench.batch(BATCH)) == (2, 0, 2, 0, 0, 0)
    a, b = sorted(await bench.claim(2), key=lambda claim: claim.id)
    await bench.done(a)
    await bench.done(a)
    await bench.exchange(Done(a.id, a.fence, GOOD, 1), Failed(a.id, a.fence, GOOD, 1))
    assert counts(await bench.batch(BATCH)) == (2, 0, 1, 1, 0, 0)
    await bench.done(b)
    assert counts(await bench.batch(BATCH)) == (2, 0, 0, 2, 0, 0)


async def _crash(bench: Bench, _: Claim) -> None:
    await bench.configure(max_deliveries=1)
    bench.in_ms(15_001)
    await bench.tick()


async def _cancel(bench: Bench, claim: Claim) -> None:
    await bench.cancel(claim.id)
    await bench.stop(claim)


async def _fail_by_hand(bench: Bench, claim: Claim) -> None:
    await bench.cancel(claim.id, fail=True)
    await bench.release(claim)


async def _cancel_lost(bench: Bench, claim: Claim) -> None:
    await bench.cancel(claim.id)
    bench.in_ms(15_001)
    await bench.tick()


ENDS: dict[str, tuple[Callable[[Bench, Claim], Awaitable[object]], tuple[int, int, int]]] = {
    "completed": (lambda bench, claim: bench.done(claim), (1, 0, 0)),
    "failed": (lambda bench, claim: bench.fail(claim), (0, 1, 0)),
    "crashed": (_crash, (0, 1, 0)),
    "cancelled": (_cancel, (0, 0, 1)),
    "failed by hand": (_fail_by_hand, (0, 1, 0)),
    "cancelled and lost": (_cancel_lost, (0, 0, 1)),
}
"""Every way in which an active job ends for good, and how it is counted."""


@pytest.mark.parametrize("kept", [0, 10])
@pytest.mark.parametrize("end", ENDS)
async def test_batch_counts_every_way_to_end(bench: Bench, end: str, kept: int) -> None:
    """SEEDS B1.6, B7.4: success or failure, an end is an end, also of jobs that aren't kept."""
    keep = Retention(DAY_MS, kept)
    await bench.configure(completed=keep, failed=keep)
    act, (completed, failed, cancelled) = ENDS[end]
    await begin(bench, "a")
    await act(bench, await bench.take())
    batch = await bench.batch(BATCH)
    assert (batch.completed, batch.failed, batch.cancelled) == (completed, failed, cancelled)
    assert batch.is_completed


@pytest.mark.parametrize("where", [JobState.WAITING, JobState.DELAYED])
@pytest.mark.parametrize("how", ["cancel", "fail", "clear"])
async def test_batch_counts_jobs_that_never_started(
    bench: Bench, how: str, where: JobState
) -> None:
    """Cancelled, failed by hand and cleared members have ended; clearing counts as cancelling."""
    await bench.open_batch(BATCH, 2)
    delay_ms = 1000 if where is JobState.DELAYED else 0
    await bench.add("a", "b", batch=BATCH, delay_ms=delay_ms)
    if how == "clear":
        await bench.clear(where)
    else:
        await bench.cancel("a", "b", fail=how == "fail")
    batch = await bench.batch(BATCH)
    assert counts(batch) == ((2, 0, 0, 0, 2, 0) if how == "fail" else (2, 0, 0, 0, 0, 2))
    assert batch.is_completed


async def test_batch_of_hundreds_is_counted_exactly(bench: Bench) -> None:
    """Many members end in one step."""
    ids = [f"job-{number:03}" for number in range(600)]
    await begin(bench, *ids)
    claims = await bench.claim(600)
    await bench.done(*claims[:599])
    assert counts(await bench.batch(BATCH)) == (600, 0, 1, 599, 0, 0)
    await bench.fail(claims[599])
    assert counts(await bench.batch(BATCH)) == (600, 0, 0, 599, 1, 0)


async def test_batch_jobs_of_two_batches_end_in_one_step(bench: Bench) -> None:
    """Each is counted where it belongs, and those of none nowhere."""
    await bench.open_batch("one", 2)
    await bench.open_batch("two", 1)
    await bench.add("a", "b", batch="one")
    await bench.add("c", batch="two")
    await bench.add("d")
    a, _, c, d = await bench.claim(4)
    await bench.done(a, c, d)
    assert counts(await bench.batch("one")) == (2, 0, 1, 1, 0, 0)
    assert counts(await bench.batch("two")) == (1, 0, 0, 1, 0, 0)
    assert (await bench.batch("two")).is_completed


async def test_batch_that_nobody_opened_counts_nothing(bench: Bench) -> None:
    """The job is added all the same, and is a member of nothing."""
    assert await bench.add("a", batch="unheard-of") == [True]
    assert (await bench.job("a")).batch == ""
    await bench.done(await bench.take())
    assert await bench.store.batch(bench.name, "unheard-of") is None


async def test_batch_that_is_complete_takes_no_more(bench: Bench) -> None:
    """A job that comes after the end is added, and is none of the batch's."""
    await begin(bench, "a")
    await bench.done(await bench.take())
    before = await bench.batch(BATCH)
    assert await bench.add("late", "a", batch=BATCH) == [True, False]
    assert await bench.batch(BATCH) == before
    assert (await bench.job("late")).batch == ""


async def test_batch_ignores_what_is_run_again_by_hand(bench: Bench) -> None:
    """A member that failed has left; its second end counts for nobody."""
    await begin(bench, "a", "b")
    a, _ = await bench.claim(2)
    await bench.fail(a)
    await bench.retry("a")
    assert counts(await bench.batch(BATCH)) == (2, 0, 1, 0, 1, 0)
    await bench.done(await bench.take())
    assert counts(await bench.batch(BATCH)) == (2, 0, 1, 0, 1, 0)


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
    await begin(bench, "a", "b")
    await bench.done(*await bench.claim(2))
    told = [(event.name, event.detail) for event in await bench.events()]
    assert told == [("added", ""), ("started", ""), ("completed", ""), ("batch", BATCH)]


async def test_batch_is_kept_for_a_day_after_its_end(bench: Bench) -> None:
    """SEEDS B5.3: so long it can be asked; then it is forgotten, by a tick and without one."""
    await begin(bench, "a")
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
    await begin(bench, "a", lock_ms=1000, keep_ms=500)
    bench.in_ms(1499)
    await bench.tick()
    assert not (await bench.batch(BATCH)).is_completed
    bench.in_ms(1)
    assert await bench.store.batch(bench.name, BATCH) is None


async def test_batch_that_was_forgotten_leaves_its_jobs_alone(bench: Bench) -> None:
    """They run on, and a batch that takes the name later does not count them."""
    await begin(bench, "a", "b", lock_ms=1000, keep_ms=500)
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
