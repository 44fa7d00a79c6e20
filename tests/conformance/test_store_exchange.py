"""A worker's turn: report what ended, claim more; what carries a stale fence changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench import BAD, GOOD, a_job, forged, names
from headpond.jobs import Done, Failed, FailReason, JobState, Released

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench import Bench
    from headpond.jobs import Claim, Ended

REPORTS: dict[str, Callable[[Claim], Ended]] = {
    "done": lambda c: Done(c.id, c.fence, GOOD, 1),
    "failed": lambda c: Failed(c.id, c.fence, BAD, 1),
    "retried": lambda c: Failed(c.id, c.fence, BAD, 1, retry_in_ms=1000),
    "released": lambda c: Released(c.id, c.fence, body=b"stale", parked="stale"),
    "delayed": lambda c: Released(c.id, c.fence, delay_ms=1000),
}
"""Every way to report a job."""


async def test_a_claim_is_what_was_enqueued(bench: Bench) -> None:
    """The claim carries the body, its history so far, and since when the job waited."""
    since = bench.clock.now_ms()
    await bench.add("a", body=b"\x00work")
    bench.in_ms(250)
    answer = await bench.exchange(want=1, worker="w7")
    (claim,) = answer.claims
    assert (claim.id, claim.body, claim.since_ms) == ("a", b"\x00work", since)
    assert (claim.attempts, claim.crashes) == (0, 0)
    assert claim.fence
    assert (answer.stale, answer.schedules_due) == ((), False)
    assert (answer.held, answer.draining, answer.now_ms) == (False, False, since + 250)
    job = await bench.job("a")
    assert (job.state, job.worker, job.claimed_ms) == (JobState.ACTIVE, "w7", since + 250)


@pytest.mark.parametrize("want", [0, 1, 3, 50])
async def test_a_worker_gets_no_more_than_it_wants(bench: Bench, want: int) -> None:
    """The store gives what there is, up to `want`."""
    await bench.add("a", "b", "c", "d", "e")
    assert len(await bench.claim(want)) == min(want, 5)
    assert (await bench.sample()).active == min(want, 5)


async def test_an_empty_queue_gives_nothing(bench: Bench) -> None:
    """Asking costs nothing and changes nothing."""
    answer = await bench.exchange(want=10)
    assert (answer.claims, answer.stale, answer.held, answer.draining) == ((), (), False, False)
    assert (answer.next_due_ms, answer.now_ms) == (0, bench.clock.now_ms())


async def test_delivery_is_to_one_worker_only(bench: Bench) -> None:
    """Two workers that ask for everything share without overlap."""
    await bench.add(*[f"job-{number}" for number in range(20)])
    first = names(await bench.claim(12, "w1"))
    second = names(await bench.claim(12, "w2"))
    assert len(first) == 12
    assert len(second) == 8
    assert not set(first) & set(second)


async def test_delivery_that_ended_well_completes_the_job(bench: Bench) -> None:
    """Its outcome is kept, its attempt counted, and the totals know how long it took."""
    await bench.add("a")
    claim = await bench.take()
    bench.in_ms(40)
    await bench.exchange(Done(claim.id, claim.fence, GOOD, run_us=39_500))
    job = await bench.job("a")
    assert (job.state, job.outcome, job.reason) == (JobState.COMPLETED, GOOD, None)
    assert (job.attempts, job.finished_ms) == (1, bench.clock.now_ms())
    assert (job.claimed_ms, job.worker) == (0, "")
    sample = await bench.sample()
    assert (sample.completed, sample.active) == (1, 0)
    assert (sample.ended_total, sample.run_us_total, sample.stale_total) == (1, 39_500, 0)


async def test_one_exchange_reports_and_claims(bench: Bench) -> None:
    """What ended makes room for what comes next, in one round trip."""
    await bench.add("a", "b", "c")
    claims = await bench.claim(2)
    answer = await bench.done(*claims, want=2)
    assert names(answer.claims) == ["c"]
    assert await bench.ids(JobState.ACTIVE) == ["c"]


async def test_one_exchange_reports_every_kind_of_end(bench: Bench) -> None:
    """Good, bad, retried and released jobs may come in one report, in any order."""
    await bench.add("good", "bad", "again", "back", "later")
    good, bad, again, back, later = await bench.claim(5)
    answer = await bench.exchange(
        Released(back.id, back.fence),
        Done(good.id, good.fence, GOOD, 10),
        Failed(again.id, again.fence, BAD, 20, retry_in_ms=1000),
        Released(later.id, later.fence, delay_ms=2000),
        Failed(bad.id, bad.fence, BAD, 30),
    )
    assert answer.stale == ()
    assert answer.next_due_ms == bench.clock.now_ms() + 1000
    assert await bench.ids(JobState.WAITING) == ["back"]
    assert await bench.ids(JobState.DELAYED) == ["again", "later"]
    assert await bench.ids(JobState.COMPLETED) == ["good"]
    assert await bench.ids(JobState.FAILED) == ["bad"]
    sample = await bench.sample()
    assert (sample.ended_total, sample.run_us_total) == (3, 60)


async def test_many_reports_fit_into_one_exchange(bench: Bench) -> None:
    """A worker with many slots reports them all and claims as many."""
    await bench.add(*[f"job-{number:04}" for number in range(1000)])
    claims = await bench.claim(700)
    answer = await bench.done(*claims, want=700)
    assert len(answer.claims) == 300
    assert (await bench.sample()).completed == 700


@pytest.mark.parametrize("kind", REPORTS)
async def test_a_wrong_fence_changes_nothing(bench: Bench, kind: str) -> None:
    """A report whose fence is not the claim's leaves the job as it is, and is counted."""
    await bench.add("a")
    claim = await bench.take()
    before = await bench.job("a")
    answer = await bench.exchange(REPORTS[kind](forged(claim, fence=f"{claim.fence}0")))
    assert answer.stale == ("a",)
    assert await bench.job("a") == before
    sample = await bench.sample()
    assert (sample.stale_total, sample.ended_total, sample.run_us_total) == (1, 0, 0)
    assert not (await bench.done(claim)).stale


@pytest.mark.parametrize("kind", REPORTS)
@pytest.mark.parametrize("first", REPORTS)
async def test_fence_of_a_claim_is_good_for_one_report(bench: Bench, first: str, kind: str) -> None:
    """A repeated report (its reply was lost) counts once, whatever it says the second time."""
    await bench.add("a")
    claim = await bench.take()
    assert (await bench.exchange(REPORTS[first](claim))).stale == ()
    before, ended = await bench.job("a"), (await bench.sample()).ended_total
    assert (await bench.exchange(REPORTS[kind](claim))).stale == ("a",)
    assert await bench.job("a") == before
    sample = await bench.sample()
    assert (sample.stale_total, sample.ended_total) == (1, ended)


async def test_fence_used_twice_in_one_exchange_counts_once(bench: Bench) -> None:
    """The second mention is stale."""
    await bench.add("a")
    claim = await bench.take()
    done = Done(claim.id, claim.fence, GOOD, 1)
    assert (await bench.exchange(done, done)).stale == ("a",)
    sample = await bench.sample()
    assert (sample.completed, sample.ended_total, sample.stale_total) == (1, 1, 1)


@pytest.mark.parametrize("kind", REPORTS)
async def test_a_report_of_an_unknown_job_is_stale(bench: Bench, kind: str) -> None:
    """A job that is gone (cleared, trimmed, never there) can't be brought back by a report."""
    await bench.add("a")
    claim = await bench.take()
    stranger = forged(claim, job_id="stranger")
    assert (await bench.exchange(REPORTS[kind](stranger))).stale == ("stranger",)
    assert not await bench.exists("stranger")
    assert (await bench.sample()).stale_total == 1


async def test_stale_reports_do_not_spoil_their_neighbours(bench: Bench) -> None:
    """Reports are applied one by one: good ones count although others are stale."""
    await bench.add("a", "b", "c")
    a, b, c = await bench.claim(3)
    answer = await bench.done(a, forged(b, fence="none"), c)
    assert answer.stale == ("b",)
    assert sorted(await bench.ids(JobState.COMPLETED)) == ["a", "c"]
    assert (await bench.done(b)).stale == ()


async def test_every_claim_has_a_fence_of_its_own(bench: Bench) -> None:
    """The same worker that claims the same job again gets another token."""
    await bench.add("a")
    fences = set()
    for _ in range(5):
        claim = await bench.take()
        fences.add(claim.fence)
        await bench.release(claim)
    assert len(fences) == 5


async def test_limits_max_active_holds_over_all_workers(bench: Bench) -> None:
    """However many workers ask, no more run than the queue allows; a freed place is used."""
    await bench.configure(max_active=3)
    await bench.add("a", "b", "c", "d", "e")
    first = await bench.claim(2, "w1")
    second = await bench.claim(2, "w2")
    assert (names(first), names(second)) == (["a", "b"], ["c"])
    assert await bench.claim(2, "w3") == ()
    assert names((await bench.done(first[0], want=5)).claims) == ["d"]
    assert (await bench.sample()).active == 3


async def test_limits_lowered_max_active_waits_for_room(bench: Bench) -> None:
    """Lowering the limit under what runs interrupts nobody and starts nobody; raising it does."""
    await bench.add("a", "b", "c", "d")
    a, b = await bench.claim(2)
    await bench.configure(max_active=1)
    assert await bench.claim(1) == ()
    assert (await bench.done(a, want=1)).claims == ()
    assert names((await bench.done(b, want=2)).claims) == ["c"]
    await bench.configure(max_active=0)
    assert names(await bench.claim(9)) == ["d"]


async def test_limits_places_free_with_each_kind_of_end(bench: Bench) -> None:
    """Under `max_active`, failing, retrying and releasing free a place as finishing does."""
    await bench.configure(max_active=1)
    await bench.add_jobs([a_job(kind, priority=0) for kind in REPORTS])
    await bench.add("last", priority=0)
    (claim,) = await bench.claim(1)
    for make in [*REPORTS.values()][:3]:
        (claim,) = (await bench.exchange(make(claim), want=1)).claims
    assert (await bench.sample()).active == 1


async def test_giving_up_keeps_reason_and_outcome(bench: Bench) -> None:
    """A job that is not run again is in `failed`, with why and what its handler said."""
    reasons = list(FailReason)
    await bench.add(*[reason.value for reason in reasons])
    claims = await bench.claim(len(reasons))
    await bench.exchange(
        *(Failed(c.id, c.fence, BAD, 5, reason=r) for c, r in zip(claims, reasons, strict=True))
    )
    for reason in reasons:
        job = await bench.job(reason.value)
        assert (job.state, job.reason, job.outcome) == (JobState.FAILED, reason, BAD)
        assert (job.attempts, job.finished_ms) == (1, bench.clock.now_ms())
