"""What only the store in memory promises: it may be shared by threads and event loops."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bench import GOOD, a_beat, a_job
from headpond.clock import SystemClock
from headpond.errors import Invalid
from headpond.jobs import Done, JobState
from headpond.memory import MemoryQueueStore
from headpond.memory.fairness import FairTags
from headpond.memory.places import Places
from headpond.memory.rows import Row
from headpond.queues import QueueSettings
from headpond.testing import START_MS, ManualClock


def a_row(job_id: str, **fields: int) -> Row:
    """Build a row that waits."""
    row = Row(a_job(job_id).id, b"", 5, "", created_ms=1, since_ms=1)
    row.tag = fields.get("tag", 0)
    return row


def test_the_system_clock_tells_unix_milliseconds() -> None:
    """It is past the day this was written and does not go back."""
    clock = SystemClock()
    first = clock.now_ms()
    assert first > 1_700_000_000_000
    assert clock.now_ms() >= first


def test_a_manual_clock_moves_only_when_told() -> None:
    """It begins at a whole second, and refuses to go back."""
    clock = ManualClock()
    assert clock.now_ms() == START_MS
    assert START_MS % 1000 == 0
    clock.advance_ms(0)
    clock.advance_ms(7)
    assert clock.now_ms() == START_MS + 7
    with pytest.raises(ValueError, match="can't go back by 1 ms"):
        clock.advance_ms(-1)


def test_many_threads_with_loops_of_their_own_lose_nothing() -> None:
    """Eight threads enqueue, claim and report at once; each job ends exactly once."""
    store = MemoryQueueStore(SystemClock())
    asyncio.run(store.configure("line", QueueSettings()))
    together = threading.Barrier(8)

    async def work(worker: int) -> list[str]:
        ended: list[str] = []
        for number in range(50):
            await store.enqueue("line", [a_job(f"{worker}-{number}")])
            answer = await store.exchange("line", f"w{worker}", [], 2)
            reports = [Done(c.id, c.fence, GOOD, 1) for c in answer.claims]
            stale = (await store.exchange("line", f"w{worker}", reports, 0)).stale
            assert not stale
            ended += [report.id for report in reports]
        return ended

    def run(worker: int) -> list[str]:
        together.wait()
        return asyncio.run(work(worker))

    with ThreadPoolExecutor(8) as pool:
        ended = [job_id for ids in pool.map(run, range(8)) for job_id in ids]
    sample = asyncio.run(store.sample(["line"]))["line"]
    assert len(ended) == len(set(ended)) == sample.ended_total
    assert (sample.added_total, sample.active) == (400, 0)
    assert sample.completed + sample.waiting == 400


def test_a_waiting_loop_is_woken_from_another_thread() -> None:
    """An enqueue in one loop ends a wait in another; a loop that has gone is left alone."""
    store = MemoryQueueStore(SystemClock())
    asyncio.run(store.configure("line", QueueSettings()))

    async def wait() -> None:
        started.set()
        await store.wait("line", 20)

    started = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(asyncio.run, wait())
        assert started.wait(10)
        asyncio.run(store.enqueue("line", [a_job("a")]))
        waiting.result(10)
    asyncio.run(store.enqueue("line", [a_job("b")]))


def test_a_thread_hears_every_word_since_it_began() -> None:
    """A word that was said before `hear` is not lost, and is heard once."""
    store = MemoryQueueStore(SystemClock())
    keeper = store.leases("line", "w1")
    keeper.renew(a_beat(), [])
    asyncio.run(store.drain("line", ["w1"]))
    assert keeper.hear(10)
    assert not keeper.hear(0)


def test_places_keep_their_order_whatever_comes_and_goes() -> None:
    """Rows are found by rank, lifted, changed and put back."""
    places = Places()
    for job_id, tag in (("c", 3), ("a", 1), ("b", 2)):
        places.add(a_row(job_id, tag=tag))
    assert [row.id for row in places.each(JobState.WAITING)] == ["a", "b", "c"]
    row = places.nth(JobState.WAITING, 0)
    assert row is not None
    places.lift(row)
    row.tag = 9
    places.add(row)
    last = places.last(JobState.WAITING)
    assert last is row
    places.drop(row)
    assert row.id not in places
    assert places.count(JobState.WAITING) == 2
    assert places.nth(JobState.FAILED, 0) is None


def test_a_cursor_of_one_list_does_not_fit_another() -> None:
    """Each list has cursors of its own shape and name."""
    places = Places()
    for job_id in "abc":
        places.add(a_row(job_id))
    _, cursor = places.slice(JobState.WAITING, "", 1)
    with pytest.raises(Invalid, match="is no cursor of this list"):
        places.slice(JobState.FAILED, cursor, 1)


def test_tags_forget_tenants_that_are_served() -> None:
    """A tenant whose last job was claimed costs no memory; one that waits is remembered."""
    tags = FairTags()
    first, second = tags.next(4, "x"), tags.next(4, "x")
    assert (first, second) == (1.0, 2.0)
    tags.claimed(4, "x", first)
    assert tags.next(4, "x") == 3.0
    tags.claimed(4, "x", 3.0)
    assert tags.next(4, "y") == tags.next(4, "x") == 4.0
