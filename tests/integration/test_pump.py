"""The pump: slots kept busy, nothing hoarded, no report lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from headpond.jobs import Done, JobId, JobState
from headpond_workers import pump as pumps
from headpond_workers.pace import prefetch_for
from pump_yard import GOOD, QUEUE, Yard, a_yard
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture
async def yard() -> AsyncIterator[Yard]:
    """Give a pump of two slots on an empty queue."""
    async with a_yard() as it:
        yield it


# ── slots ──


async def test_as_many_run_as_there_are_slots(yard: Yard) -> None:
    """Two of five start; each end makes room for the next."""
    await yard.add("a", "b", "c", "d", "e")
    yard.pump.begin()
    await yard.come_to(3, 2, 0)
    assert yard.ids == ["a", "b"]
    yard.finish(yard.started[1])
    await yard.come_to(2, 2, 1)
    assert yard.ids == ["a", "b", "c"]


async def test_an_idle_pump_is_woken_by_an_enqueue(yard: Yard) -> None:
    """It waits without asking, and starts what comes."""
    yard.pump.begin()
    await until(lambda: yard.pump.is_waiting)
    await yard.add("a")
    await until(lambda: yard.ids == ["a"])


async def test_slots_may_change(yard: Yard) -> None:
    """More slots are filled at once; fewer interrupt nothing."""
    await yard.add(*"abcdef")
    yard.pump.begin()
    await yard.come_to(4, 2, 0)
    yard.pump.set_slots(4)
    await yard.come_to(2, 4, 0)
    yard.pump.set_slots(1)
    for held in yard.started[:3]:
        yard.finish(held)
    await yard.come_to(2, 1, 3)
    assert len(yard.started) == 4


@pytest.mark.parametrize(
    ("slots", "service_s", "ahead"),
    [(100, 0.0, 0), (100, 0.0001, 200), (10, 0.005, 100), (1, 0.06, 0), (1, 0.05, 1)],
)
def test_what_is_claimed_ahead(slots: int, service_s: float, ahead: int) -> None:
    """Nothing while the pace is unknown or slow; at most what starts within 50 ms, or 200."""
    assert prefetch_for(slots, service_s) == ahead


async def test_quick_jobs_are_claimed_ahead_and_none_is_hoarded(yard: Yard) -> None:
    """Once jobs take 1 ms, more are held than run; if they find no slot in time, they go back."""
    await yard.add("quick", *(f"j{number:02}" for number in range(40)))
    yard.pump.set_slots(1)
    yard.pump.begin()
    await until(lambda: yard.ids == ["quick"])
    yard.finish(yard.started[0], run_us=100)
    for _ in range(3):  # the pace leans to the slow ones, so it takes a few to be sure
        await until(lambda: yard.started[-1].claim.id in yard.pump.held)
        yard.finish(yard.started[-1], run_us=100)
    await until(lambda: len(yard.pump.held) > 1)
    held = len(yard.pump.held)
    yard.pump.release_stale(asyncio.get_running_loop().time())
    assert len(yard.pump.held) == held, "not yet"
    yard.pump.release_stale(asyncio.get_running_loop().time() + 1)
    await until(lambda: len(yard.pump.held) == 1)
    await yard.come_to(41 - len(yard.started), 1, len(yard.started) - 1)
    yard.finish(yard.started[-1])
    await until(lambda: yard.ids[-1] == f"j{len(yard.started) - 2:02}")
    assert yard.ids == ["quick", *(f"j{n:02}" for n in range(len(yard.started) - 1))], "in order"


# ── ending, draining ──


async def test_stopping_hands_back_and_waits(yard: Yard) -> None:
    """Nothing more is claimed; what runs ends; then the pump is empty."""
    await yard.add("a", "b", "c")
    yard.pump.begin()
    await yard.come_to(1, 2, 0)
    await yard.pump.stop_claiming()
    empty = asyncio.create_task(yard.pump.wait_empty())
    yard.finish(yard.started[0])
    await yard.come_to(1, 1, 1)
    assert not empty.done()
    yard.finish(yard.started[1])
    async with asyncio.timeout(5):
        await empty
    assert await yard.counts() == (1, 0, 2)


async def test_what_arrives_while_stopping_goes_back(yard: Yard) -> None:
    """An exchange that was under way when the pump stopped brings jobs; none starts."""
    await yard.add("a", "b")
    yard.pump.begin()
    await yard.pump.stop_claiming()
    async with asyncio.timeout(5):
        await yard.pump.wait_empty()
    assert yard.ids == []
    assert await yard.counts() == (2, 0, 0)


async def test_draining_and_back(yard: Yard) -> None:
    """A draining pump claims nothing, also when woken; taken back it claims again."""
    yard.pump.begin()
    await until(lambda: yard.pump.is_waiting)
    yard.pump.set_draining(True)
    assert not yard.pump.is_waiting, "the wake-up is for others"
    await yard.add("a")
    await asyncio.sleep(0.05)  # long enough for a pump that ignores it
    assert yard.ids == []
    yard.pump.set_draining(False)
    await until(lambda: yard.ids == ["a"])


# ── leases and fences ──


async def test_a_stale_end_is_no_report(yard: Yard) -> None:
    """Ends of jobs that are not held, or of a claim before, change nothing."""
    await yard.add("a")
    yard.pump.begin()
    await until(lambda: yard.ids == ["a"])
    yard.pump.end(Done(JobId("a"), "w1.0", GOOD, 1))
    yard.pump.end(Done(JobId("b"), "w1.0", GOOD, 1))
    await yard.come_to(0, 1, 0)
    assert yard.pump.running == 1


async def test_an_abandoned_job_frees_its_slot(yard: Yard) -> None:
    """Once the lease is known to be lost, the slot is for the next, and its end is no report."""
    await yard.add("a", "b", "c")
    yard.pump.begin()
    await until(lambda: len(yard.started) == 2)
    first = yard.started[0]
    yard.pump.abandon(first)
    yard.pump.abandon(first)
    await until(lambda: "c" in yard.ids)
    yard.finish(first)
    assert yard.pump.running == 2


async def test_a_lost_lease_is_counted_once(yard: Yard) -> None:
    """The worker hears of it before the handler ends: its report is stale, and changes nothing."""
    await yard.add("a")
    yard.pump.begin()
    await until(lambda: yard.ids == ["a"])
    yard.clock.advance_ms(5_000)
    (elsewhere,) = (await yard.store.exchange(QUEUE, "w2", [], 1)).claims
    yard.pump.lose(yard.started[0])
    yard.pump.lose(yard.started[0])
    yard.finish(yard.started[0])
    await until(lambda: yard.pump.is_empty)
    assert (await yard.store.sample([QUEUE]))[QUEUE].stale_total == 1
    (job,) = await yard.store.read(QUEUE, [elsewhere.id])
    assert job is not None
    assert (job.state, job.worker) == (JobState.ACTIVE, "w2")


async def test_a_job_that_comes_back_to_its_runner_runs_on(yard: Yard) -> None:
    """Its lease ran out unnoticed and the claim brings it again: one run, one slot, one report."""
    await yard.add("a")
    yard.pump.begin()
    await until(lambda: yard.ids == ["a"])
    held = yard.started[0]
    fence = held.claim.fence
    yard.clock.advance_ms(5_000)
    await yard.add("b")
    await until(lambda: held.claim.fence != fence)
    assert "b" in yard.ids
    assert yard.ids.count("a") == 1
    yard.finish(held)
    await yard.come_to(0, 1, 1)
    assert yard.pump.running == 1


# ── faults ──


@pytest.mark.parametrize("fault", ["before", "after", "strange"])
async def test_no_report_is_lost(yard: Yard, fault: str) -> None:
    """However an exchange fails, its reports are sent again; twice applied is once counted."""
    await yard.add("a", "b", "c")
    yard.pump.begin()
    await until(lambda: len(yard.started) == 2)
    yard.store.faults = [fault, fault]
    yard.finish(yard.started[0])
    yard.finish(yard.started[1])
    await yard.come_to(0, 1, 2)
    sample = (await yard.store.sample([QUEUE]))[QUEUE]
    assert sample.ended_total == 2
    await until(lambda: not yard.store.faults and yard.pump.is_waiting)
    yard.clock.advance_ms(5_000)  # a claim whose answer was lost costs its job one lease
    await yard.add("d")
    await until(lambda: {"c", "d"} <= set(yard.ids))


async def test_failures_do_not_multiply_waiters(yard: Yard, monkeypatch: Any) -> None:
    """After any number of failed exchanges one call waits for work, not one for each."""
    waits: list[str] = []
    plain = yard.store.wait

    async def counted(queue: str, timeout_s: float) -> None:
        waits.append("begin")
        try:
            await plain(queue, timeout_s)
        finally:
            waits.append("end")

    monkeypatch.setattr(yard.store, "wait", counted)
    monkeypatch.setattr(pumps, "LONGEST_RETRY_S", 0.01)
    await yard.add("a", "b")
    yard.pump.begin()
    await until(lambda: len(yard.started) == 2)
    for held in yard.started:
        yard.store.faults = ["before"] * 3
        yard.finish(held)
        await until(lambda: not yard.store.faults)
    await yard.come_to(0, 0, 2)
    await until(lambda: yard.pump.is_waiting)
    assert waits.count("begin") - waits.count("end") == 1
