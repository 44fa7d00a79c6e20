"""The pump: progress, cancellation, schedules, and jobs that may be poison."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest_asyncio

from headpond.jobs import Claim, JobId, JobState, NewJob, Stopped
from headpond.ports import ScheduleEntry, WorkerBeat
from headpond.queues import WorkerState
from headpond_workers.held import Held
from pump_yard import GOOD, QUEUE, WORKER, Yard, a_yard
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture
async def yard() -> AsyncIterator[Yard]:
    """Give a pump of two slots on an empty queue."""
    async with a_yard() as it:
        yield it


# ── progress, cancellation, schedules ──


async def said(yard: Yard, job_id: str) -> bytes | None:
    """Return the progress that the store has of a job."""
    (job,) = await yard.store.read(QUEUE, [JobId(job_id)])
    assert job is not None
    return job.progress


async def run_one(yard: Yard) -> Held:
    """Return the one job of the queue, started."""
    await yard.add("a")
    yard.pump.begin()
    await yard.come_to(0, 1, 0)
    return yard.started[0]


async def check_heard(yard: Yard) -> None:
    """Check that the job ends, with its last word told before its end."""
    await yard.come_to(0, 0, 1)
    assert await said(yard, "a") == b"last"
    assert (await yard.store.sample([QUEUE]))[QUEUE].stale_total == 0


async def test_progress_goes_along_with_the_next_exchange(yard: Yard) -> None:
    """The latest word of each job; one that is not held says nothing."""
    await yard.add("a", "b")
    yard.pump.begin()
    await yard.come_to(0, 2, 0)
    first, second = yard.started
    for word in (b"1", b"2"):
        yard.pump.say(first, word)
    yard.pump.say(second, b"3")
    yard.pump.say(Held(Claim(JobId("a"), b"", "w9.9", 0, 0, 1)), b"4")

    async def are_said() -> bool:
        return [await said(yard, "a"), await said(yard, "b")] == [b"2", b"3"]

    await until(are_said, within_s=5)
    assert yard.pump.running == 2


async def test_the_last_word_arrives_before_the_end(yard: Yard) -> None:
    """It is not refused as stale."""
    running = await run_one(yard)
    yard.pump.say(running, b"last")
    yard.finish(running)
    await check_heard(yard)


async def test_a_word_on_its_way_is_not_lost_when_the_job_ends(yard: Yard) -> None:
    """The exchange that carries it is made, and has not begun, as the handler returns."""
    running = await run_one(yard)
    yard.pump.say(running, b"last")
    await asyncio.sleep(0)  # the pump turns, and has made the task of the exchange
    yard.finish(running)
    await check_heard(yard)


async def test_a_last_word_whose_exchange_failed_is_said_again(yard: Yard) -> None:
    """Before the job's end, which goes with the next one."""
    running = await run_one(yard)
    yard.store.faults = ["before"]
    yard.pump.say(running, b"last")
    await asyncio.sleep(0)
    yard.finish(running)
    await check_heard(yard)


async def test_a_last_word_is_said_again_when_its_end_is_under_way_too(yard: Yard) -> None:
    """Both exchanges fail, the one with the word and the one with the end."""
    running = await run_one(yard)
    lost = asyncio.Event()
    yard.store.faults = [lost, lost]
    yard.pump.say(running, b"last")
    await until(lambda: len(yard.store.faults) == 1)
    yard.finish(running)
    await until(lambda: not yard.store.faults)
    lost.set()
    await check_heard(yard)


async def test_of_two_words_that_are_not_heard_the_later_is_said_again(yard: Yard) -> None:
    """Each was under way in an exchange of its own."""
    running = await run_one(yard)
    lost = asyncio.Event()
    yard.store.faults = [lost, lost]
    for word, left in ((b"old", 1), (b"new", 0)):
        yard.pump.say(running, word)
        await until(lambda left=left: len(yard.store.faults) == left)  # type: ignore[misc]
    lost.set()

    async def is_said() -> bool:
        return await said(yard, "a") is not None

    await until(is_said, within_s=5)
    assert await said(yard, "a") == b"new"


async def test_a_word_of_a_lost_run_is_none_of_the_next_one(yard: Yard) -> None:
    """Its exchange fails when the job has come back, and waits for a slot."""
    await yard.add("a", "b")
    yard.pump.begin()
    await yard.come_to(0, 2, 0)
    first, other = yard.started
    lost = asyncio.Event()
    yard.store.faults = [lost]
    yard.pump.say(first, b"of the first run")
    await until(lambda: not yard.store.faults)
    yard.clock.advance_ms(1_001)
    yard.pump.abandon(first)
    await until(lambda: yard.pump.held.get(first.claim.id, first) is not first)
    lost.set()
    await until(lambda: len(yard.started) > 2)
    again = yard.started[-1]
    yard.finish(again)
    yard.finish(other)

    async def has_ended() -> bool:
        return await yard.state(first.claim.id) is JobState.COMPLETED

    await until(has_ended, within_s=5)
    assert await said(yard, first.claim.id) is None


async def test_after_a_failed_exchange_the_newest_word_counts(yard: Yard) -> None:
    """What was said meanwhile is not overwritten by what is sent again."""
    await yard.add("a", "b")
    yard.pump.begin()
    await yard.come_to(0, 2, 0)
    yard.store.faults = ["before", "before"]
    yard.pump.say(yard.started[0], b"old")
    yard.pump.say(yard.started[1], b"only")
    await until(lambda: len(yard.store.faults) < 2)
    yard.pump.say(yard.started[0], b"new")

    async def are_said() -> bool:
        return [await said(yard, "a"), await said(yard, "b")] == [b"new", b"only"]

    await until(are_said, within_s=5)


async def test_what_is_withdrawn_never_starts(yard: Yard) -> None:
    """A job that waits in the worker ends without a run; those behind it start."""
    yard.pump.set_slots(1)
    await yard.add("a")
    yard.pump.begin()
    await until(lambda: yard.ids == ["a"])
    for _ in range(3):  # quick jobs are claimed ahead
        yard.finish(yard.started[-1], run_us=100)
        await yard.add(f"q{len(yard.started)}")
        await until(lambda: len(yard.pump.held) == 1 and yard.started[-1].claim.id[0] == "q")
    await yard.add("b", "c")
    yard.finish(yard.started[-1], run_us=100)
    await until(lambda: len(yard.pump.held) == 2)
    unstarted = yard.pump.held[JobId("c")]
    await yard.store.cancel(QUEUE, [JobId("c")])
    assert unstarted.begin()
    yard.pump.withdraw(unstarted, Stopped(JobId("c"), unstarted.claim.fence, GOOD, 0))
    yard.finish(yard.started[-1])
    await until(lambda: yard.pump.is_empty or not yard.pump.held)

    async def is_cancelled() -> bool:
        return await yard.state("c") is JobState.CANCELLED

    await until(is_cancelled, within_s=5)
    assert "c" not in yard.ids


async def test_a_due_schedule_is_told_and_looked_at_again_soon(yard: Yard) -> None:
    """With the store's time, until somebody has fired it; nothing spins meanwhile."""
    told: list[int] = []
    at: list[float] = []

    def on_due(now_ms: int) -> float:
        told.append(now_ms)
        at.append(asyncio.get_running_loop().time())
        return 0.05

    yard.pump.on_due = on_due
    yard.clock.advance_ms(1_000)
    entry = ScheduleEntry("s", b"none", yard.clock.now_ms() - 1)
    await yard.store.put_schedule(QUEUE, entry)
    yard.pump.begin()
    await until(lambda: len(told) >= 8, within_s=5)
    assert set(told) == {yard.clock.now_ms()}
    assert at[7] - at[2] > 5 * 0.05 * 0.8  # the first may come together
    await yard.store.fire(QUEUE, entry, [NewJob(JobId("s1"), b"")], 0)
    await until(lambda: yard.ids == ["s1"], within_s=5)


# ── poison ──


async def suspects(yard: Yard, *ids: str) -> None:
    """Enqueue jobs whose workers were lost twice; what the pump holds keeps its lease."""
    yard.pump.set_draining(True)
    await yard.add(*ids)
    for _ in range(2):
        await yard.store.exchange(QUEUE, "lost", [], len(ids))
        yard.clock.advance_ms(5_000)
        beat = WorkerBeat(WORKER, WorkerState.WORKING, slots=2, started_ms=1)
        held = [(job_id, held.claim.fence) for job_id, held in yard.pump.held.items()]
        yard.store.leases(QUEUE, WORKER).renew(beat, held)
        await yard.store.tick([QUEUE])
    yard.pump.set_draining(False)


async def test_a_last_chance_is_taken_alone(yard: Yard) -> None:
    """Suspects run one by one with nothing else held, in their order; then all goes on as ever."""
    await suspects(yard, "s1", "s2")
    await yard.add("a", "b", "c")
    yard.pump.begin()
    for suspect in ("s1", "s2"):
        await until(lambda: yard.ids[-1:] == [suspect])  # noqa: B023 (asked before it changes)
        assert list(yard.pump.held) == [suspect]
        assert (await yard.counts())[1] == 1
        yard.finish(yard.started[-1])
    await until(lambda: yard.ids == ["s1", "s2", "a", "b"])


async def test_a_suspect_waits_for_what_runs(yard: Yard) -> None:
    """It starts when the others have ended and are reported; meanwhile nothing else does."""
    await yard.add("a")
    yard.pump.begin()
    await until(lambda: yard.ids == ["a"])
    await suspects(yard, "s1")
    await yard.add("b")
    await until(lambda: "s1" in yard.pump.held)
    assert yard.ids == ["a"]
    yard.finish(yard.started[0])
    await until(lambda: yard.ids == ["a", "s1"])
    assert await yard.state("a") is JobState.COMPLETED


async def test_a_suspect_that_waits_goes_back_at_the_end(yard: Yard) -> None:
    """A worker that stops hands it back like anything that has not started."""
    await yard.add("a")
    yard.pump.begin()
    await until(lambda: yard.ids == ["a"])
    await suspects(yard, "s1")
    await until(lambda: "s1" in yard.pump.held)
    await yard.pump.stop_claiming()
    await yard.come_to(1, 1, 0)
    yard.finish(yard.started[0])
    await yard.come_to(1, 0, 1)
    assert yard.ids == ["a"]
