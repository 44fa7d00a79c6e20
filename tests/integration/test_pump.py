"""The pump: slots kept busy, nothing hoarded, no report lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from headpond.envelope import Outcome, pack
from headpond.errors import StoreUnavailable
from headpond.jobs import Claim, Done, JobId, JobState, NewJob, Stopped
from headpond.memory import MemoryQueueStore
from headpond.ports import ScheduleEntry, WorkerBeat
from headpond.queues import QueueSettings, WorkerState
from headpond.testing import ManualClock
from headpond_workers import pump as pumps
from headpond_workers.held import Held
from headpond_workers.pump import Pump, prefetch_for
from until import until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.jobs import Ended
    from headpond.ports import Exchange

QUEUE, WORKER = "yard", "w1"
GOOD = pack(Outcome(1, 1))


class Unreliable(MemoryQueueStore):
    """Fails some exchanges, before or after they are applied."""

    faults: list[str]

    @override
    async def exchange(
        self, queue: str, worker: str, ended: Sequence[Ended], want: int
    ) -> Exchange:
        fault = self.faults.pop(0) if ended and self.faults else ""
        if fault == "before":
            raise StoreUnavailable("no answer")
        answer = await super().exchange(queue, worker, ended, want)
        if fault == "after":
            raise StoreUnavailable("the answer was lost")
        if fault == "strange":
            raise KeyError("nobody expected this")
        return answer


class Yard:
    """A pump at work on a store in memory; its jobs end when the test says so."""

    def __init__(self, slots: int = 2) -> None:
        """Begin with an empty queue."""
        self.clock = ManualClock()
        self.store = Unreliable(self.clock)
        self.store.faults = []
        self.started: list[Held] = []
        self.pump = Pump(self.store, QUEUE, WORKER, slots, self.start)
        self._idle = asyncio.Event()

    def start(self, held: Held) -> None:
        """Start a job: it runs until it is finished."""
        held.task = asyncio.get_running_loop().create_task(self._idle.wait())  # type: ignore[arg-type]  # never awaited
        self.started.append(held)

    @property
    def ids(self) -> list[str]:
        """Return what was started, in order."""
        return [held.claim.id for held in self.started]

    async def add(self, *ids: str) -> None:
        """Enqueue jobs."""
        await self.store.enqueue(QUEUE, [NewJob(JobId(each), b"") for each in ids])

    def finish(self, held: Held, run_us: int = 1_000_000) -> None:
        """Let a started job end well; it took a second."""
        self.pump.end(Done(held.claim.id, held.claim.fence, GOOD, run_us))

    async def state(self, job_id: str) -> JobState:
        """Return where a job is."""
        (job,) = await self.store.read(QUEUE, [JobId(job_id)])
        assert job is not None
        return job.state

    async def counts(self) -> tuple[int, int, int]:
        """Return how many wait, are active and completed."""
        sample = (await self.store.sample([QUEUE]))[QUEUE]
        return sample.waiting, sample.active, sample.completed

    async def come_to(self, *counts: int) -> None:
        """Wait until that many wait, are active and completed."""

        async def are() -> bool:
            return await self.counts() == counts

        await until(are, within_s=5)


@pytest.fixture
async def yard() -> Any:
    """Give a pump of two slots on an empty queue."""
    it = Yard()
    await it.store.configure(QUEUE, QueueSettings(lease_ms=1_000))
    yield it
    await it.pump.stop_claiming()
    for held in it.started:
        assert held.task is not None
        held.task.cancel()
    await asyncio.sleep(0)


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


# ── progress, cancellation, schedules ──


async def said(yard: Yard, job_id: str) -> bytes | None:
    """Return the progress that the store has of a job."""
    (job,) = await yard.store.read(QUEUE, [JobId(job_id)])
    assert job is not None
    return job.progress


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
    await yard.add("a")
    yard.pump.begin()
    await yard.come_to(0, 1, 0)
    yard.pump.say(yard.started[0], b"last")
    yard.finish(yard.started[0])
    await yard.come_to(0, 0, 1)
    assert await said(yard, "a") == b"last"
    assert (await yard.store.sample([QUEUE]))[QUEUE].stale_total == 0


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

    def on_due(now_ms: int) -> float:
        told.append(now_ms)
        return 0.05

    yard.pump.on_due = on_due
    yard.clock.advance_ms(1_000)
    entry = ScheduleEntry("s", b"none", yard.clock.now_ms() - 1)
    await yard.store.put_schedule(QUEUE, entry)
    yard.pump.begin()
    await until(lambda: len(told) >= 3, within_s=5)
    assert set(told) == {yard.clock.now_ms()}
    await asyncio.sleep(0.2)
    assert len(told) < 30
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
