"""Cancelling: at once what has not started, soon what runs; the answer agrees with what happens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bench import BAD, GOOD, STOPPED, a_beat, forged, names
from headpond.envelope import unpack_outcome
from headpond.jobs import Cancellation, Failed, FailReason, JobState, Released, Stopped
from headpond.queues import DAY_MS, Retention, TenantRule

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench import Bench
    from headpond.jobs import Claim, Ended

MARKED: dict[str, tuple[Callable[[Claim], Ended], bytes | None]] = {
    "stopped": (lambda c: Stopped(c.id, c.fence, STOPPED, 7), STOPPED),
    "unbegun": (lambda c: Stopped(c.id, c.fence, STOPPED, 0), STOPPED),
    "failed": (lambda c: Failed(c.id, c.fence, BAD, 7), BAD),
    "retried": (lambda c: Failed(c.id, c.fence, BAD, 7, retry_in_ms=0), BAD),
    "retried later": (lambda c: Failed(c.id, c.fence, BAD, 7, retry_in_ms=1000), BAD),
    "released": (lambda c: Released(c.id, c.fence), None),
    "snoozed": (lambda c: Released(c.id, c.fence, delay_ms=1000, body=b"new"), None),
    "parked": (lambda c: Released(c.id, c.fence, parked="unknown-type"), None),
}
"""What a worker may report of a job that was asked to stop, and the outcome that it brings."""


def ending(*, fail: bool) -> tuple[JobState, FailReason | None]:
    """Return how a cancelled job ends."""
    return (JobState.FAILED, FailReason.MANUAL) if fail else (JobState.CANCELLED, None)


async def check_ended(bench: Bench, job_id: str, *, fail: bool) -> None:
    """Check that the job has ended as somebody wished, and never starts again."""
    job = await bench.job(job_id)
    assert (job.state, job.reason) == ending(fail=fail)
    assert (job.finished_ms, job.worker, job.parked) == (bench.clock.now_ms(), "", False)
    assert not job.is_cancelling
    bench.in_ms(10_000)
    assert await bench.claim(9) == ()


# ── before it has started ──


@pytest.mark.parametrize("fail", [False, True])
@pytest.mark.parametrize("where", ["waiting", "delayed", "due", "retrying", "aside", "parked"])
async def test_cancel_ends_at_once_what_has_not_started(
    bench: Bench, where: str, *, fail: bool
) -> None:
    """SEEDS A11.3, D11.3, E1.2: the job never runs, and says so in its outcome."""
    if where == "aside":
        await bench.configure(tenant=TenantRule(max_active=1))
        await bench.add("before")
    await bench.add("a", delay_ms=1000 if where in {"delayed", "due"} else 0)
    if where == "aside":
        await bench.claim(9)
    elif where == "retrying":
        await bench.fail(await bench.take(), retry_in_ms=1000)
    elif where == "parked":
        await bench.release(await bench.take(), parked="unknown-type")
    bench.in_ms(1000 if where == "due" else 0)
    assert await bench.cancel("a", fail=fail) == [Cancellation.CANCELLED]
    outcome = (await bench.job("a")).outcome
    assert outcome is not None
    told = unpack_outcome(outcome)
    how = "Failed by hand" if fail else "Cancelled"
    assert told.error == ("Failed" if fail else "Cancelled")
    assert (told.message, told.started_ms, told.run_us) == (f"{how} before it started.", 0, 0)
    await check_ended(bench, "a", fail=fail)


async def test_cancel_of_what_has_ended_changes_nothing(bench: Bench) -> None:
    """The answer says so, and the job stays as it ended."""
    await bench.add("good", "bad", "gone")
    good, bad = await bench.claim(2)
    await bench.done(good)
    await bench.fail(bad)
    await bench.cancel("gone")
    before = [await bench.job(job_id) for job_id in ("good", "bad", "gone")]
    bench.in_ms(10)
    assert await bench.cancel("good", "bad", "gone", fail=True) == [Cancellation.ENDED] * 3
    assert [await bench.job(job_id) for job_id in ("good", "bad", "gone")] == before


async def test_cancel_of_an_unknown_job_says_so(bench: Bench) -> None:
    """Never there, or trimmed; the others of the call are cancelled all the same."""
    await bench.add("a")
    assert await bench.cancel("none", "a") == [Cancellation.UNKNOWN, Cancellation.CANCELLED]
    assert await bench.cancel() == []


async def test_cancel_answers_in_the_order_asked(bench: Bench) -> None:
    """One call may meet jobs in every state; an id named twice has ended the second time."""
    await bench.add("active", "ended")
    _, ended = await bench.claim(2)
    await bench.done(ended)
    await bench.add("waiting")
    await bench.add("delayed", delay_ms=1000)
    answers = await bench.cancel("delayed", "none", "active", "waiting", "ended", "waiting")
    assert answers == [
        Cancellation.CANCELLED,
        Cancellation.UNKNOWN,
        Cancellation.ASKED,
        Cancellation.CANCELLED,
        Cancellation.ENDED,
        Cancellation.ENDED,
    ]


async def test_cancel_takes_a_thousand_at_once(bench: Bench) -> None:
    """All are counted exactly."""
    ids = [f"job-{number:04}" for number in range(1000)]
    await bench.configure(failed=Retention(DAY_MS, 2000))
    await bench.add(*ids[:500])
    await bench.add(*ids[500:], delay_ms=1000)
    assert await bench.cancel(*ids) == [Cancellation.CANCELLED] * 1000
    sample = await bench.sample()
    assert (sample.waiting, sample.delayed, sample.cancelled) == (0, 0, 1000)
    assert (sample.oldest_ms, sample.next_due_ms) == (0, 0)


async def test_cancel_refuses_more_than_a_thousand(bench: Bench) -> None:
    """A call over the limit is refused as a whole, with both numbers."""
    await bench.add("a")
    with pytest.raises(ValueError, match=r"1,?001 jobs"):
        await bench.cancel(*["a"] * 1001)
    assert await bench.state("a") is JobState.WAITING


async def test_cancel_leaves_the_neighbours_alone(bench: Bench) -> None:
    """Those before and behind start as ever."""
    await bench.add("a", "b", "c")
    await bench.cancel("b")
    assert await bench.start_order() == ["a", "c"]


@pytest.mark.parametrize("fail", [False, True])
async def test_cancel_retention_is_that_of_failed_jobs(bench: Bench, *, fail: bool) -> None:
    """Their ids are taken so long, and free again then."""
    await bench.configure(failed=Retention(1000, 2))
    for job_id in "abc":
        await bench.add(job_id)
        await bench.cancel(job_id, fail=fail)
        bench.in_ms(1)
    assert await bench.ids(ending(fail=fail)[0]) == ["c", "b"]
    assert await bench.add("a", "b") == [True, False]
    bench.in_ms(1001)
    await bench.tick()
    assert await bench.add("b", "c") == [True, True]


async def test_cancel_is_counted_in_no_run(bench: Bench) -> None:
    """A job that never ran is no attempt, no end of a handler, and was accepted all the same."""
    await bench.add("a")
    await bench.cancel("a")
    sample = await bench.sample()
    assert (sample.added_total, sample.ended_total, sample.run_us_total) == (1, 0, 0)
    assert (await bench.job("a")).attempts == 0


# ── while it runs ──


async def test_cancel_of_an_active_job_is_a_wish(bench: Bench) -> None:
    """It goes on, visibly asked to stop; its worker hears it with the next heartbeat, only its."""
    await bench.add("a", "b")
    a, b = await bench.claim(2)
    assert (await bench.renew(a, b)).cancelled == ()
    assert await bench.cancel("a") == [Cancellation.ASKED]
    job = await bench.job("a")
    assert (job.state, job.is_cancelling, job.finished_ms) == (JobState.ACTIVE, True, 0)
    assert not (await bench.job("b")).is_cancelling
    assert (await bench.renew(b)).cancelled == ()
    for _ in range(2):
        renewal = await bench.renew(a, b)
        assert (renewal.cancelled, renewal.lost) == (("a",), ())


async def test_cancel_is_told_to_nobody_with_a_stale_fence(bench: Bench) -> None:
    """Who has lost the job hears only that."""
    await bench.add("a")
    claim = await bench.take()
    await bench.cancel("a")
    renewal = await bench.renew(forged(claim, fence="w1.0"))
    assert (renewal.cancelled, renewal.lost) == ((), ("a",))


async def test_cancel_is_heard_at_once(bench: Bench) -> None:
    """A word to the workers makes the thread that keeps the lease renew, and learn of it."""
    await bench.add("a")
    claim = await bench.take()
    keeper = bench.store.leases(bench.name, "w1")
    await asyncio.to_thread(keeper.renew, a_beat(), [(claim.id, claim.fence)])
    hearing = asyncio.create_task(asyncio.to_thread(keeper.hear, 4.0))
    while not hearing.done():  # the thread may begin to hear only after the first word
        await bench.store.cancel(bench.name, [claim.id])
        await asyncio.wait({hearing}, timeout=0.05)
    assert await hearing
    renewal = await asyncio.to_thread(keeper.renew, a_beat(), [(claim.id, claim.fence)])
    assert renewal.cancelled == ("a",)
    keeper.close()


@pytest.mark.parametrize("fail", [False, True])
@pytest.mark.parametrize("kind", MARKED)
async def test_cancelled_job_ends_whatever_its_worker_reports(
    bench: Bench, kind: str, *, fail: bool
) -> None:
    """Stopped, failed, to be retried, given back, parked: it isn't run again."""
    make, outcome = MARKED[kind]
    await bench.add("a")
    claim = await bench.take()
    await bench.cancel("a", fail=fail)
    assert (await bench.exchange(make(claim), want=5)).claims == ()
    job = await bench.job("a")
    assert job.crashes == 0
    if outcome is None:
        assert job.outcome is not None
        told = unpack_outcome(job.outcome)
        assert (told.error, told.message) == ("Cancelled", "Cancelled while it ran.")
        assert job.attempts == 0
    else:
        assert (job.outcome, job.attempts) == (outcome, 0 if kind == "unbegun" else 1)
    assert (await bench.sample()).ended_total == job.attempts
    await check_ended(bench, "a", fail=fail)


@pytest.mark.parametrize("fail", [False, True])
async def test_cancelled_job_of_a_lost_worker_ends(bench: Bench, *, fail: bool) -> None:
    """It isn't given to another one, and no crash is counted against it."""
    await bench.add("a")
    await bench.take()
    await bench.cancel("a", fail=fail)
    bench.in_ms(15_001)
    assert await bench.claim(5, "w2") == ()
    job = await bench.job("a")
    assert (job.crashes, job.attempts) == (0, 0)
    assert job.outcome is not None
    told = unpack_outcome(job.outcome)
    assert (told.error, told.message) == ("Cancelled", "Cancelled while it ran.")
    await check_ended(bench, "a", fail=fail)


async def test_cancelled_job_of_a_lost_worker_ends_by_a_tick(bench: Bench) -> None:
    """Also when no worker is left."""
    await bench.add("a", "b")
    await bench.claim(2)
    await bench.cancel("a")
    bench.in_ms(15_001)
    sample = await bench.tick()
    assert (sample.cancelled, sample.waiting, sample.active) == (1, 1, 0)


async def test_cancelled_job_that_ends_well_is_completed(bench: Bench) -> None:
    """It was faster: its work is done and is not denied."""
    await bench.add("a")
    claim = await bench.take()
    await bench.cancel("a")
    await bench.done(claim)
    job = await bench.job("a")
    assert (job.state, job.outcome, job.attempts) == (JobState.COMPLETED, GOOD, 1)
    assert not job.is_cancelling
    assert await bench.cancel("a") == [Cancellation.ENDED]


@pytest.mark.parametrize("last", [False, True])
async def test_cancel_s_last_word_counts(bench: Bench, *, last: bool) -> None:
    """Asked twice, the second wish is the one that is fulfilled."""
    await bench.add("a")
    claim = await bench.take()
    await bench.cancel("a", fail=not last)
    assert await bench.cancel("a", fail=last) == [Cancellation.ASKED]
    await bench.stop(claim)
    await check_ended(bench, "a", fail=last)


async def test_cancel_is_over_with_the_run(bench: Bench) -> None:
    """A job that was cancelled, put back by hand and claimed again is not asked to stop."""
    await bench.add("a")
    claim = await bench.take()
    await bench.cancel("a")
    await bench.stop(claim)
    await bench.retry("a")
    claim = await bench.take()
    assert not (await bench.job("a")).is_cancelling
    assert (await bench.renew(claim)).cancelled == ()
    await bench.fail(claim, retry_in_ms=0)
    assert await bench.state("a") is JobState.WAITING


async def test_cancel_that_nobody_asked_is_a_release(bench: Bench) -> None:
    """A handler that was stopped for no reason known here runs again, and nothing is counted."""
    await bench.add("a", "b")
    await bench.stop(await bench.take())
    job = await bench.job("a")
    assert (job.state, job.attempts, job.outcome) == (JobState.WAITING, 0, None)
    sample = await bench.sample()
    assert (sample.ended_total, sample.run_us_total) == (0, 0)
    assert await bench.start_order() == ["a", "b"]


async def test_cancel_report_with_a_stale_fence_changes_nothing(bench: Bench) -> None:
    """`Stopped` carries the token of its claim like every other report."""
    await bench.add("a")
    claim = await bench.take()
    await bench.cancel("a")
    before = await bench.job("a")
    assert (await bench.stop(forged(claim, fence=f"{claim.fence}0"))).stale == ("a",)
    assert await bench.job("a") == before
    await bench.stop(claim)
    assert (await bench.stop(claim)).stale == ("a",)
    assert (await bench.sample()).stale_total == 2


async def test_cancel_by_a_thread_s_release(bench: Bench) -> None:
    """A job that its worker gives back unstarted, at its end, is cancelled as well."""
    await bench.add("a", "b")
    a, b = await bench.claim(2)
    await bench.cancel("a")
    keeper = bench.store.leases(bench.name, "w1")
    await asyncio.to_thread(keeper.release, [(a.id, a.fence), (b.id, b.fence)])
    keeper.close()
    assert [await bench.state(job_id) for job_id in "ab"] == [JobState.CANCELLED, JobState.WAITING]
    await bench.check()


async def test_cancelled_jobs_give_their_places_back(bench: Bench) -> None:
    """Under `max_active` the next one starts once the cancelled one has stopped."""
    await bench.configure(max_active=1)
    await bench.add("a", "b")
    a = await bench.take()
    await bench.cancel("a")
    assert await bench.claim(1) == ()
    await bench.stop(a)
    assert names(await bench.claim(1)) == ["b"]


@pytest.mark.parametrize("fail", [False, True])
async def test_cancel_tells_what_happened(bench: Bench, *, fail: bool) -> None:
    """The wish and the end are events; a job that had not started has only the end."""
    await bench.add("ran", "waited")
    claim = await bench.take()
    await bench.cancel("ran", "waited", fail=fail)
    await bench.stop(claim)
    end = "failed" if fail else "cancelled"
    assert await bench.history("ran") == ["added", "started", "cancelling", end]
    assert await bench.history("waited") == ["added", end]
    ends = [event for event in await bench.events() if event.name == end]
    assert {event.detail for event in ends} == {"manual" if fail else ""}
