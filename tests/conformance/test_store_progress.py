"""What a handler says of how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import GOOD, HALF, forged
from headpond.envelope import Progress, pack, unpack_progress
from headpond.jobs import Done, JobState, Progressed

if TYPE_CHECKING:
    from bench import Bench

MOST = pack(Progress(done=9, total=10, message="most"))


async def test_progress_can_be_read_at_once(bench: Bench) -> None:
    """SEEDS C1.6, C2.5: it is there while the job goes on, and the job goes on."""
    await bench.add("a")
    claim = await bench.take()
    assert (await bench.job("a")).progress is None
    assert (await bench.progress(claim)).stale == ()
    job = await bench.job("a")
    assert (job.state, job.progress) == (JobState.ACTIVE, HALF)
    assert unpack_progress(job.progress or b"") == Progress(done=1, total=2, message="half")
    await bench.progress(claim, MOST)
    assert (await bench.job("a")).progress == MOST
    assert (await bench.done(claim)).stale == ()


async def test_progress_stays_after_the_end(bench: Bench) -> None:
    """Ended well or badly, how far it came can still be read."""
    await bench.add("good", "bad")
    good, bad = await bench.claim(2)
    await bench.progress(good, MOST)
    await bench.progress(bad, HALF)
    await bench.done(good)
    await bench.fail(bad)
    assert [(await bench.job(job_id)).progress for job_id in ("good", "bad")] == [MOST, HALF]


async def test_progress_is_kept_until_the_next_run_says_more(bench: Bench) -> None:
    """Neither a retry nor a release nor the next claim forgets it."""
    await bench.add("a")
    claim = await bench.take()
    await bench.progress(claim)
    await bench.fail(claim, retry_in_ms=0)
    claim = await bench.take()
    assert (await bench.job("a")).progress == HALF
    await bench.release(claim)
    assert (await bench.job("a")).progress == HALF
    await bench.progress(await bench.take(), MOST)
    assert (await bench.job("a")).progress == MOST


async def test_progress_with_a_stale_fence_changes_nothing(bench: Bench) -> None:
    """A run that was overtaken doesn't speak for the one that runs now; it is counted."""
    await bench.add("a")
    old = await bench.take("w1")
    await bench.progress(old)
    bench.in_ms(15_001)
    new = await bench.take("w2")
    assert (await bench.progress(old, MOST)).stale == ("a",)
    assert (await bench.progress(forged(new, job_id="none"))).stale == ("none",)
    assert (await bench.job("a")).progress == HALF
    assert (await bench.sample()).stale_total == 2


async def test_progress_is_no_end(bench: Bench) -> None:
    """No attempt, no run, no free place: the job is held as before, and no longer than before."""
    await bench.configure(max_active=1)
    await bench.add("a", "b")
    claim = await bench.take()
    bench.in_ms(14_499)
    answer = await bench.exchange(Progressed(claim.id, claim.fence, HALF), want=5)
    assert answer.claims == ()
    sample = await bench.sample()
    assert (sample.active, sample.ended_total, sample.run_us_total) == (1, 0, 0)
    bench.in_ms(2)
    assert (await bench.tick()).active == 0


async def test_progress_and_end_come_in_one_exchange(bench: Bench) -> None:
    """What a handler said last is not lost because it ended right after."""
    await bench.add("a")
    claim = await bench.take()
    answer = await bench.exchange(
        Progressed(claim.id, claim.fence, HALF),
        Progressed(claim.id, claim.fence, MOST),
        Done(claim.id, claim.fence, GOOD, 1),
    )
    assert answer.stale == ()
    job = await bench.job("a")
    assert (job.state, job.progress) == (JobState.COMPLETED, MOST)


async def test_progress_of_many_jobs_comes_in_one_exchange(bench: Bench) -> None:
    """A worker with many slots reports them all."""
    await bench.add(*[f"job-{number:03}" for number in range(600)])
    claims = await bench.claim(600)
    answer = await bench.exchange(*(Progressed(c.id, c.fence, c.id.encode()) for c in claims))
    assert answer.stale == ()
    for claim in claims[::97]:
        assert (await bench.job(claim.id)).progress == claim.id.encode()


async def test_progress_of_a_job_that_is_asked_to_stop_counts(bench: Bench) -> None:
    """It says how far it came until it stopped."""
    await bench.add("a")
    claim = await bench.take()
    await bench.cancel("a")
    assert (await bench.progress(claim)).stale == ()
    assert (await bench.job("a")).is_cancelling
    await bench.stop(claim)
    job = await bench.job("a")
    assert (job.state, job.progress) == (JobState.CANCELLED, HALF)


async def test_progress_is_an_event(bench: Bench) -> None:
    """Who watches the queue sees that there is something new to read."""
    await bench.add("a")
    claim = await bench.take()
    await bench.progress(claim)
    await bench.done(claim)
    assert await bench.history("a") == ["added", "started", "progress", "completed"]


async def test_progress_goes_with_its_job(bench: Bench) -> None:
    """A new job of the same id begins without it."""
    await bench.add("a")
    claim = await bench.take()
    await bench.progress(claim)
    await bench.done(claim)
    await bench.clear(JobState.COMPLETED)
    await bench.add("a")
    assert (await bench.job("a")).progress is None
