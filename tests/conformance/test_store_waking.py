"""Who is woken: workers when a job may be there, and their threads by a word.

Times here are real: a wait that is woken ends long before `LONG_S`, and no test waits that long.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest

from bench import a_job, names
from headpond.queues import Hold, QueueSettings, Rate, TenantRule
from until import until_done

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bench import Bench, SettingsFields
    from headpond.jobs import Claim
    from headpond.ports import LeaseKeeper, QueueStore

LONG_S = 4.0
SOON_S = 2.0
"""Far less than `LONG_S`, and far more than any answer takes on a busy machine."""


@contextlib.contextmanager
def soon() -> Any:
    """Fail when what is inside takes as long as a wait that nobody wakes."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < SOON_S


async def woken_by(bench: Bench, act: Callable[[], Awaitable[object]]) -> None:
    """Wait as an idle worker does, act, and expect the wait to end soon."""
    waiting = asyncio.create_task(bench.store.wait(bench.name, LONG_S))
    await asyncio.wait({waiting}, timeout=0.05)
    with soon():
        await act()
        await waiting


async def settle(bench: Bench) -> None:
    """Use up what woke earlier: a worker that was woken for nothing waits again."""
    for _ in range(5):
        start = time.monotonic()
        await bench.store.wait(bench.name, 0.05)
        if time.monotonic() - start >= 0.04:
            return
    pytest.fail("wait() returns at once again and again although nothing can be claimed")


async def test_a_wait_without_a_job_ends_in_time(bench: Bench) -> None:
    """Nobody comes: the wait is as long as asked, about."""
    await settle(bench)
    start = time.monotonic()
    await bench.store.wait(bench.name, 0.2)
    assert 0.15 <= time.monotonic() - start < SOON_S


async def test_an_enqueue_wakes_a_waiting_worker(bench: Bench) -> None:
    """A job for an idle worker starts at once."""
    await settle(bench)
    await woken_by(bench, lambda: bench.add("a"))
    assert names(await bench.claim()) == ["a"]


async def test_a_job_that_came_before_the_wait_is_not_slept_through(bench: Bench) -> None:
    """Between an empty exchange and the wait a job may come; the wait must see it."""
    assert await bench.claim() == ()
    await settle(bench)
    await bench.add("a")
    with soon():
        await bench.store.wait(bench.name, LONG_S)


async def test_a_nearer_due_job_wakes_a_waiting_worker(bench: Bench) -> None:
    """A worker that sleeps until the next due job must hear of an earlier one."""
    await bench.add("later", delay_ms=60_000)
    await settle(bench)
    await woken_by(bench, lambda: bench.add("sooner", delay_ms=1000))
    assert (await bench.exchange(want=1)).next_due_ms == bench.clock.now_ms() + 1000


async def test_a_resume_wakes_a_waiting_worker(bench: Bench) -> None:
    """What piled up during a hold starts when it ends."""
    now = bench.clock.now_ms()
    await bench.store.hold(bench.name, Hold("runtime", "asha", "", now))
    await bench.add("a")
    await settle(bench)
    await woken_by(bench, lambda: bench.store.resume(bench.name, "runtime"))
    assert names(await bench.claim()) == ["a"]


async def test_a_release_wakes_a_waiting_worker(bench: Bench) -> None:
    """What one worker hands back another one takes."""
    await bench.add("a")
    claim = await bench.take("w1")
    await settle(bench)
    await woken_by(bench, lambda: bench.release(claim))
    assert names(await bench.claim(1, "w2")) == ["a"]


async def test_a_retry_at_once_wakes_a_waiting_worker(bench: Bench) -> None:
    """So does a failed job that is to run again now."""
    await bench.add("a")
    claim = await bench.take("w1")
    await settle(bench)
    await woken_by(bench, lambda: bench.fail(claim, retry_in_ms=0))
    assert names(await bench.claim(1, "w2")) == ["a"]


@pytest.mark.parametrize("kind", ["lost", "due"])
async def test_a_tick_wakes_a_waiting_worker(bench: Bench, kind: str) -> None:
    """Jobs that a tick reaps or promotes are for whoever is idle."""
    await bench.add("a", delay_ms=1000 if kind == "due" else 0)
    await bench.claim(1, "w1")
    await settle(bench)
    bench.in_ms(15_001)
    await woken_by(bench, bench.tick)
    assert names(await bench.claim(1, "w2")) == ["a"]


@pytest.mark.parametrize("end", ["done", "fail", "release"])
async def test_a_freed_place_wakes_a_waiting_worker(bench: Bench, end: str) -> None:
    """Under `max_active`, a job that ends in one worker lets another one start the next."""
    await bench.configure(max_active=1)
    await bench.add("a", "b")
    claim = await bench.take("w1")
    assert await bench.claim(1, "w2") == ()
    reports: dict[str, Callable[[Claim], Awaitable[object]]] = {
        "done": bench.done,
        "fail": bench.fail,
        "release": bench.release,
    }
    await settle(bench)
    await woken_by(bench, lambda: reports[end](claim))
    assert len(await bench.claim(1, "w2")) == 1


async def test_a_raised_limit_wakes_a_waiting_worker(bench: Bench) -> None:
    """New settings that allow more let more start at once."""
    await bench.configure(max_active=1)
    await bench.add("a", "b")
    await bench.take("w1")
    assert await bench.claim(1, "w2") == ()
    await settle(bench)
    await woken_by(bench, lambda: bench.configure(max_active=2))
    assert names(await bench.claim(1, "w2")) == ["b"]


async def test_a_freed_slot_of_a_tenant_wakes_a_waiting_worker(bench: Bench) -> None:
    """What stepped aside is for whoever is idle as soon as its tenant may start one more."""
    await bench.configure(tenant=TenantRule(max_active=1))
    await bench.add("x1", "x2", tenant="x")
    claim = await bench.take("w1")
    assert await bench.claim(1, "w2") == ()
    await settle(bench)
    await woken_by(bench, lambda: bench.done(claim))
    assert names(await bench.claim(1, "w2")) == ["x2"]


@pytest.mark.parametrize("limit", ["rate", "tenant's rate", "max_active", "tenant's max_active"])
async def test_jobs_that_may_not_start_wake_nobody(bench: Bench, limit: str) -> None:
    """A worker sleeps until a limit lets one start, however many are waiting."""
    settings: dict[str, SettingsFields] = {
        "rate": {"rate": Rate(1, 60_000)},
        "tenant's rate": {"tenant": TenantRule(rate=Rate(1, 60_000))},
        "max_active": {"max_active": 1},
        "tenant's max_active": {"tenant": TenantRule(max_active=1)},
    }
    await bench.configure(**settings[limit])
    await bench.add("a", "b", "c")
    assert len(await bench.claim(9)) == 1
    assert await bench.claim(9) == ()
    await settle(bench)


@pytest.mark.parametrize("verb", ["retry", "promote", "delay less", "schedule", "fire", "batch"])
async def test_every_verb_that_brings_work_wakes_a_waiting_worker(bench: Bench, verb: str) -> None:
    """Jobs come back by hand, become due earlier, or are made by schedules and batches."""
    now = bench.clock.now_ms()
    await bench.add("failed")
    await bench.cancel("failed")
    await bench.add("later", delay_ms=90_000)
    entry = await bench.put_schedule("fired", now + 80_000, b"x")
    verbs: dict[str, Callable[[], Awaitable[object]]] = {
        "retry": lambda: bench.retry("failed"),
        "promote": lambda: bench.amend("later", due_ms=0),
        "delay less": lambda: bench.amend("later", due_ms=now + 10_000),
        "schedule": lambda: bench.put_schedule("new", now + 10_000, b"x"),
        "fire": lambda: bench.fire(entry, a_job("occurrence"), next_ms=0),
        "batch": lambda: bench.open_batch("batch", 0, callback=a_job("callback")),
    }
    assert await bench.claim() == ()
    await settle(bench)
    await woken_by(bench, verbs[verb])
    answer = await bench.exchange(want=1)
    assert answer.claims or answer.next_due_ms == now + 10_000


async def test_an_undrained_worker_is_woken(bench: Bench) -> None:
    """A worker that may claim again looks at once."""
    await bench.store.drain(bench.name, ["w1"])
    await bench.add("a")
    keeper = bench.store.leases(bench.name, "w1")
    hearing = asyncio.create_task(asyncio.to_thread(keeper.hear, LONG_S))
    with soon():
        await until_done(hearing, lambda: bench.store.undrain(bench.name, ["w1"]))
    assert await hearing
    keeper.close()


async def test_every_idle_worker_is_woken_for_many_jobs(bench: Bench) -> None:
    """Five workers of one slot and five jobs: all of them work, though a word may wake but one."""
    await settle(bench)

    async def work(worker: str) -> list[str]:
        while True:
            await bench.store.wait(bench.name, LONG_S)
            answer = await bench.store.exchange(bench.name, worker, [], 1)
            if answer.claims:
                return names(answer.claims)

    working = [asyncio.create_task(work(f"w{number}")) for number in range(5)]
    await asyncio.wait(working, timeout=0.05)
    with soon():
        await bench.store.enqueue(bench.name, [a_job(f"job-{number}") for number in range(5)])
        got = await asyncio.gather(*working)
    bench.accepted += [a_job(f"job-{number}").id for number in range(5)]
    assert sorted(got) == [[f"job-{number}"] for number in range(5)]


async def test_a_wait_that_is_given_up_takes_no_wake_up_along(bench: Bench) -> None:
    """A worker that stops waiting as a job comes leaves the word to the next worker."""
    await settle(bench)
    waiting = asyncio.create_task(bench.store.wait(bench.name, LONG_S))
    await asyncio.wait({waiting}, timeout=0.05)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    with soon():
        await bench.add("a")
        await bench.store.wait(bench.name, LONG_S)


async def test_a_held_queue_lets_its_workers_rest(bench: Bench) -> None:
    """Waiting jobs that nobody may start wake nobody again and again."""
    await bench.add("a", "b", "c")
    await bench.store.hold(bench.name, Hold("runtime", "asha", "", bench.clock.now_ms()))
    assert (await bench.exchange(want=1)).held
    await settle(bench)


# ── threads ──


@pytest.fixture
async def keeper(store: QueueStore, bench: Bench) -> AsyncIterator[LeaseKeeper]:
    """Give the blocking side of worker w1."""
    keeper = store.leases(bench.name, "w1")
    yield keeper
    keeper.close()


async def test_a_thread_hears_that_its_worker_shall_drain(
    bench: Bench, keeper: LeaseKeeper
) -> None:
    """The word comes while the thread waits for it."""
    hearing = asyncio.create_task(asyncio.to_thread(keeper.hear, LONG_S))
    with soon():
        await until_done(hearing, lambda: bench.store.drain(bench.name, ["w1"]))
    assert await hearing


async def test_a_thread_hears_of_new_settings(bench: Bench, keeper: LeaseKeeper) -> None:
    """Changed settings are told; equal ones are nothing to tell."""
    hearing = asyncio.create_task(asyncio.to_thread(keeper.hear, LONG_S))
    limits = iter(range(1, 1000))
    with soon():
        await until_done(hearing, lambda: bench.configure(max_active=next(limits)))
    assert await hearing


async def test_a_thread_hears_nothing_where_nothing_is_said(
    bench: Bench, keeper: LeaseKeeper
) -> None:
    """It waits its time, each time, and says that nobody spoke."""
    for _ in range(2):
        start = time.monotonic()
        assert not await asyncio.to_thread(keeper.hear, 0.2)
        assert time.monotonic() - start >= 0.15
        await bench.add(f"job-{start}")


async def test_a_word_to_another_queue_is_not_heard(bench: Bench, keeper: LeaseKeeper) -> None:
    """Words are for the workers of one queue."""
    await asyncio.to_thread(keeper.hear, 0.05)
    await bench.store.configure("other", QueueSettings())
    await bench.store.drain("other", ["w1"])
    assert not await asyncio.to_thread(keeper.hear, 0.1)
