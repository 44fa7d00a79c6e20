"""A job that runs again: retried, released, parked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import BAD, GOOD, names
from headpond.jobs import Done, JobState, Released

if TYPE_CHECKING:
    from bench import Bench


async def test_retries_wait_out_their_delay(bench: Bench) -> None:
    """It is delayed until then, keeps what its handler said, and comes with one attempt more."""
    await bench.add("a")
    await bench.fail(await bench.take(), retry_in_ms=2000)
    due_ms = bench.clock.now_ms() + 2000
    job = await bench.job("a")
    assert (job.state, job.due_ms, job.attempts) == (JobState.DELAYED, due_ms, 1)
    assert (job.outcome, job.reason, job.finished_ms, job.worker) == (BAD, None, 0, "")
    bench.in_ms(1999)
    assert await bench.claim() == ()
    bench.in_ms(1)
    claim = await bench.take()
    assert (claim.attempts, claim.crashes, claim.since_ms) == (1, 0, due_ms)
    assert claim.body == b"body of a"


async def test_retries_add_up(bench: Bench) -> None:
    """Every end of the handler counts, the last one too."""
    await bench.add("a")
    for attempts in range(5):
        claim = await bench.take()
        assert claim.attempts == attempts
        await bench.fail(claim, retry_in_ms=10)
        bench.in_ms(10)
    await bench.done(await bench.take())
    job = await bench.job("a")
    assert (job.attempts, job.outcome) == (6, GOOD)
    assert (await bench.sample()).ended_total == 6


async def test_retries_without_delay_may_run_at_once(bench: Bench) -> None:
    """`retry_in_ms=0` makes the job outstanding again in the same moment."""
    await bench.add("a")
    await bench.fail(await bench.take(), retry_in_ms=0)
    assert (await bench.sample()).backlog == 1
    claim = await bench.take()
    assert (claim.id, claim.attempts, claim.since_ms) == ("a", 1, bench.clock.now_ms())


async def test_retries_go_behind_those_that_wait(bench: Bench) -> None:
    """Nobody who has not run yet waits for one that has."""
    await bench.add("again", "b", "c")
    await bench.fail(await bench.take(), retry_in_ms=10)
    bench.in_ms(10)
    assert await bench.start_order() == ["b", "c", "again"]


async def test_retries_keep_priority_and_tenant(bench: Bench) -> None:
    """Coming due again, it has the standing it was enqueued with."""
    await bench.add("a", priority=9, tenant="acme")
    await bench.fail(await bench.take(), retry_in_ms=10)
    await bench.add("b", priority=8)
    bench.in_ms(10)
    assert await bench.start_order() == ["a", "b"]
    job = await bench.job("a")
    assert (job.priority, job.tenant) == (9, "acme")


async def test_shutdown_returns_jobs_to_the_front_in_their_order(bench: Bench) -> None:
    """Handing jobs back unstarted leaves the order as if they had never been claimed."""
    ids = [f"job-{number}" for number in range(8)]
    await bench.add(*ids)
    claims = await bench.claim(5)
    await bench.add("late")
    await bench.release(*reversed(claims))
    assert await bench.start_order() == [*ids, "late"]


async def test_shutdown_returns_jobs_of_many_tenants_to_their_places(bench: Bench) -> None:
    """The turns of tenants survive a hand-back too."""
    await bench.add("x1", "x2", "x3", tenant="x")
    await bench.add("y1", "y2", "y3", tenant="y")
    await bench.release(*await bench.claim(3))
    assert await bench.start_order() == ["x1", "y1", "x2", "y2", "x3", "y3"]


async def test_shutdown_burns_no_attempt(bench: Bench) -> None:
    """A job that its worker handed back has neither run nor crashed, and waits since as before."""
    await bench.add("a")
    first = await bench.take()
    bench.in_ms(3000)
    await bench.release(first)
    job = await bench.job("a")
    assert (job.state, job.worker, job.claimed_ms) == (JobState.WAITING, "", 0)
    again = await bench.take()
    assert (again.attempts, again.crashes) == (0, 0)
    assert again.since_ms == first.since_ms
    assert (await bench.sample()).ended_total == 0


async def test_a_release_may_ask_for_a_delay(bench: Bench) -> None:
    """Snoozed, a job is delayed and waits since it became due; no attempt is counted."""
    await bench.add("a")
    await bench.release(await bench.take(), delay_ms=5000)
    due_ms = bench.clock.now_ms() + 5000
    job = await bench.job("a")
    assert (job.state, job.due_ms, job.attempts) == (JobState.DELAYED, due_ms, 0)
    assert await bench.claim() == ()
    bench.in_ms(5000)
    assert (await bench.take()).since_ms == due_ms


async def test_a_release_may_change_the_body(bench: Bench) -> None:
    """A requeued envelope replaces the old one, for readers and for the next claim."""
    await bench.add("a", "b")
    a, b = await bench.claim(2)
    await bench.exchange(
        Released(a.id, a.fence, body=b"changed"), Released(b.id, b.fence, delay_ms=10, body=b"too")
    )
    assert (await bench.job("a")).body == b"changed"
    assert (await bench.job("b")).body == b"too"
    bench.in_ms(10)
    assert [claim.body for claim in await bench.claim(2)] == [b"changed", b"too"]
    assert (await bench.job("a")).created_ms == bench.clock.now_ms() - 10


async def test_a_parked_job_is_shown_and_stays(bench: Bench) -> None:
    """A job that no worker knows yet waits with a mark that the sample counts."""
    await bench.add("a", "b", "c")
    a, b, c = await bench.claim(3)
    await bench.release(a, parked="new-type")
    await bench.release(b, parked="new-type", delay_ms=1000)
    assert (await bench.sample()).parked == 2
    assert [(await bench.job(job_id)).parked for job_id in "abc"] == [True, True, False]
    await bench.done(c)
    assert (await bench.sample()).parked == 2


async def test_a_parked_job_that_comes_due_is_still_parked(bench: Bench) -> None:
    """Promotion alone doesn't make a job known."""
    await bench.add("a")
    await bench.release(await bench.take(), parked="new-type", delay_ms=1000)
    bench.in_ms(1000)
    assert (await bench.tick()).parked == 1
    assert (await bench.job("a")).parked


async def test_a_worker_that_knows_a_parked_job_ends_it(bench: Bench) -> None:
    """Once it has run the mark is gone."""
    await bench.add("a")
    await bench.release(await bench.take(), parked="new-type")
    await bench.done(await bench.take("new-worker"), worker="new-worker")
    job = await bench.job("a")
    assert (job.state, job.parked, job.attempts) == (JobState.COMPLETED, False, 1)
    assert (await bench.sample()).parked == 0


async def test_a_job_may_be_parked_again_and_again(bench: Bench) -> None:
    """Each worker that does not know it parks it; it counts once, burns nothing and never fails."""
    await bench.add("a")
    for _ in range(10):
        await bench.release(await bench.take(), parked="new-type")
        assert (await bench.sample()).parked == 1
    claim = await bench.take()
    assert (claim.attempts, claim.crashes) == (0, 0)


async def test_a_claimed_job_is_not_parked(bench: Bench) -> None:
    """Whoever claims it may know it; if that worker dies the job waits without the mark."""
    await bench.add("a")
    await bench.release(await bench.take(), parked="new-type")
    await bench.take()
    assert not (await bench.job("a")).parked
    bench.in_ms(15_001)
    assert (await bench.tick()).parked == 0
    assert await bench.state("a") is JobState.WAITING


async def test_a_handed_back_parked_job_is_parked_no_more(bench: Bench) -> None:
    """A worker that releases a job without parking it knows its type."""
    await bench.add("a")
    await bench.release(await bench.take(), parked="new-type")
    await bench.release(await bench.take())
    assert not (await bench.job("a")).parked
    assert (await bench.sample()).parked == 0


async def test_one_report_may_hold_many_kinds_of_release(bench: Bench) -> None:
    """Each release in an exchange is applied as it says."""
    await bench.add("a", "b", "c")
    a, b, c = await bench.claim(3)
    answer = await bench.exchange(
        Released(a.id, a.fence),
        Released(b.id, b.fence, delay_ms=10),
        Released(c.id, c.fence, parked="x"),
        Done(c.id, c.fence, GOOD, 1),
        want=1,
    )
    assert names(answer.claims) != ["b"]
    assert answer.stale == ("c",)
