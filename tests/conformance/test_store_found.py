"""What the state machine has found: each difference from the contract as its shortest story."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench import BAD, GOOD, a_beat, a_job, forged, names
from headpond.batches import Batch
from headpond.jobs import Done, Failed, JobId, JobState, Unique
from headpond.queues import DAY_MS, Hold, Retention

if TYPE_CHECKING:
    from bench import Bench


async def test_hold_of_the_spec_ends_when_it_says(bench: Bench) -> None:
    """Both sources may hold until a moment; from then on there is nothing to lift."""
    now = bench.clock.now_ms()
    hold = Hold("spec", "asha", "stocktaking", now, now + 500)
    await bench.store.hold(bench.name, hold)
    assert (await bench.sample()).held == (hold,)
    bench.in_ms(500)
    assert (await bench.sample()).held == ()
    assert not (await bench.exchange(want=1)).held
    assert await bench.store.resume(bench.name, "spec") is False


async def test_shorter_lease_makes_no_heartbeat_younger(bench: Bench) -> None:
    """A worker was seen when it was, whatever the lease has become since."""
    seen_ms = bench.clock.now_ms()
    keeper = bench.store.leases(bench.name, "w1")
    keeper.renew(a_beat("w1"), [])
    keeper.close()
    bench.in_ms(100)
    await bench.configure(lease_ms=5000)
    assert [worker.seen_ms for worker in (await bench.sample()).workers] == [seen_ms]


async def test_forgotten_batch_owns_nobody(bench: Bench) -> None:
    """Its name may be used again, and jobs of the old one are not counted in the new one."""
    batch = Batch("b1", total=1, lock_ms=0, keep_ms=1000)
    assert await bench.store.open_batch(bench.name, batch)
    await bench.add("old", batch="b1")
    bench.in_ms(1000)
    assert await bench.store.batch(bench.name, "b1") is None
    assert (await bench.job("old")).batch == ""
    assert await bench.store.open_batch(bench.name, batch)
    assert (await bench.job("old")).batch == ""
    await bench.done(await bench.take())
    state = await bench.store.batch(bench.name, "b1")
    assert state is not None
    assert (state.remaining, state.completed, state.completed_ms) == (0, 0, 0)


async def test_retry_that_names_a_job_twice_knows_it_twice(bench: Bench) -> None:
    """Nothing says of a job that it is not there while it is."""
    await bench.add("a")
    await bench.store.cancel(bench.name, [JobId("a")])
    first, second = await bench.store.retry(bench.name, [JobId("a"), JobId("a")])
    assert first is JobState.CANCELLED
    assert second in {JobState.CANCELLED, JobState.WAITING}
    assert await bench.state("a") is JobState.WAITING


@pytest.mark.parametrize("priority", [5, 9])
async def test_job_that_replaces_a_waiting_one_waits(bench: Bench, priority: int) -> None:
    """It gets the place of the other: its own delay counts only in mode `debounce`."""
    await bench.add_jobs([a_job("first", unique=Unique("k"))])
    newcomer = a_job("second", priority=priority, delay_ms=6000, unique=Unique("k", mode="replace"))
    assert await bench.add_jobs([newcomer]) == [True]
    job = await bench.job("second")
    assert (job.state, job.due_ms) == (JobState.WAITING, 0)
    assert (await bench.take()).id == "second"


async def test_stale_report_adds_no_time(bench: Bench) -> None:
    """Beside a good report in the same exchange it changes nothing either."""
    await bench.add("a")
    claim = await bench.take()
    stale = forged(claim, fence=f"{claim.fence}0")
    answer = await bench.exchange(
        Done(stale.id, stale.fence, GOOD, run_us=13), Done(claim.id, claim.fence, GOOD, run_us=3)
    )
    assert answer.stale == ("a",)
    sample = await bench.sample()
    assert (sample.ended_total, sample.run_us_total, sample.stale_total) == (1, 3, 1)


async def test_lost_answer_is_no_crash_under_a_lowered_limit_either(bench: Bench) -> None:
    """What was claimed and never heard of goes back, also when one crash is too many by now."""
    await bench.add("a")
    await bench.take("w1")
    bench.in_ms(20_000)
    again = await bench.take("w1")
    assert again.crashes == 1
    await bench.configure(max_deliveries=1)
    keeper = bench.store.leases(bench.name, "w1")
    bench.in_ms(10_000)
    keeper.renew(a_beat("w1"), [])
    keeper.close()
    bench.in_ms(10_000)
    claim = await bench.take("w2")
    assert (claim.id, claim.crashes) == ("a", 1)


async def test_crash_of_a_worker_that_has_beaten_under_a_longer_lease(bench: Bench) -> None:
    """A beat counts from when it came, however long the lease was that it came with."""
    keeper = bench.store.leases(bench.name, "w1")
    keeper.renew(a_beat("w1"), [])
    keeper.close()
    await bench.configure(lease_ms=5000)
    await bench.add("a")
    await bench.take("w1")
    bench.in_ms(5001)
    assert (await bench.take("w2")).crashes == 1


async def test_poison_that_is_not_kept_is_gone_at_once(bench: Bench) -> None:
    """With no retention a job is gone the moment it ends, also when it ends by a lost lease."""
    await bench.configure(max_deliveries=1, failed=Retention(DAY_MS, 0))
    await bench.add("a")
    await bench.take("w1")
    bench.in_ms(20_000)
    assert await bench.claim(1, "w2") == ()
    assert not await bench.exists("a")
    assert await bench.add("a") == [True]


async def test_job_that_replaces_a_due_one_comes_when_that_was_due(bench: Bench) -> None:
    """The place of a delayed job is its moment, also when that has come and nobody looked yet."""
    due_ms = bench.clock.now_ms() + 2000
    await bench.add("before", delay_ms=1000)
    await bench.add_jobs([a_job("first", delay_ms=2000, unique=Unique("k"))])
    bench.in_ms(3000)
    assert await bench.add_jobs([a_job("second", unique=Unique("k", mode="replace"))]) == [True]
    claims = await bench.claim(2)
    assert [claim.id for claim in claims] == ["before", "second"]
    assert claims[1].since_ms == due_ms


async def test_retry_at_once_comes_after_those_that_are_due(bench: Bench) -> None:
    """It is due now, and jobs come in the order in which they became due."""
    await bench.add("again")
    claim = await bench.take()
    await bench.add("due", delay_ms=1000)
    bench.in_ms(2000)
    failed = Failed(claim.id, claim.fence, BAD, 1500, retry_in_ms=0)
    assert names((await bench.exchange(failed, want=2)).claims) == ["due", "again"]


async def test_key_of_a_job_that_is_gone_is_not_held_by_a_job_of_its_id(bench: Bench) -> None:
    """Taken by time alone, it is nobody's that could be replaced: who has the id now is safe."""
    await bench.configure(completed=Retention(DAY_MS, 0))
    await bench.add_jobs([a_job("a", unique=Unique("k", for_ms=60_000, until=""))])
    await bench.done(await bench.take())
    assert await bench.add("a") == [True]
    (placed,) = await bench.place(a_job("b", unique=Unique("k", mode="replace")))
    assert (placed.created, placed.replaced) == (False, None)
    assert await bench.state("a") is JobState.WAITING


async def test_retried_job_is_not_replaced_for_a_key_that_it_had(bench: Bench) -> None:
    """A retry joins no key again: while the key is taken by time, a newcomer is skipped."""
    await bench.add_jobs([a_job("a", unique=Unique("k", for_ms=60_000, until=""))])
    await bench.store.cancel(bench.name, [JobId("a")])
    await bench.store.retry(bench.name, [JobId("a")])
    (placed,) = await bench.place(a_job("b", unique=Unique("k", mode="replace")))
    assert (placed.created, placed.replaced) == (False, None)
    assert await bench.state("a") is JobState.WAITING
