"""What a batch counts: each job once, by the way it ended, whatever happened on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench import BATCH, GOOD, counts
from headpond.jobs import Done, Failed, JobState, Unique
from headpond.queues import DAY_MS, Retention

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench import Bench
    from headpond.jobs import Claim


async def test_batch_counts_what_was_there_already(bench: Bench) -> None:
    """SEEDS B1.5, B3.2: a job whose id is taken is skipped; added and skipped make the total."""
    await bench.add("student-1", "student-2")
    await bench.begin("student-1", "student-2", "student-3")
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
    await bench.begin("a", "b", lock_ms=1000)
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
    await bench.begin("a", "b")
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
    await bench.begin("a", "b")
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
    await bench.begin("a")
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
    await bench.begin(*ids)
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
    await bench.begin("a")
    await bench.done(await bench.take())
    before = await bench.batch(BATCH)
    assert await bench.add("late", "a", batch=BATCH) == [True, False]
    assert await bench.batch(BATCH) == before
    assert (await bench.job("late")).batch == ""


async def test_batch_ignores_what_is_run_again_by_hand(bench: Bench) -> None:
    """A member that failed has left; its second end counts for nobody."""
    await bench.begin("a", "b")
    a, _ = await bench.claim(2)
    await bench.fail(a)
    await bench.retry("a")
    assert counts(await bench.batch(BATCH)) == (2, 0, 1, 0, 1, 0)
    await bench.done(await bench.take())
    assert counts(await bench.batch(BATCH)) == (2, 0, 1, 0, 1, 0)
