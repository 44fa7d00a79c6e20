"""Holding a queue, and draining workers of it: who is given nothing, and until when."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bench import a_beat, names
from headpond.jobs import JobState
from headpond.queues import Hold, WorkerState

if TYPE_CHECKING:
    from bench import Bench
    from headpond.queues import HoldSource


def a_hold(bench: Bench, source: HoldSource = "runtime", *, for_ms: int = 0) -> Hold:
    """Build a hold that begins now and lasts `for_ms` (0: until it is lifted)."""
    now = bench.clock.now_ms()
    return Hold(source, "asha", 'the "month" ends – ü', now, now + for_ms if for_ms else 0)


@pytest.mark.parametrize("source", ["spec", "runtime"])
async def test_pause_accepts_and_starts_nothing(bench: Bench, source: HoldSource) -> None:
    """Enqueue goes on; a claim gets nothing and is told why; the sample says who and why."""
    hold = a_hold(bench, source)
    await bench.add("before")
    await bench.store.hold(bench.name, hold)
    assert await bench.add("after") == [True]
    answer = await bench.exchange(want=5)
    assert (answer.claims, answer.held, answer.draining) == ((), True, False)
    sample = await bench.sample()
    assert (sample.waiting, sample.held, sample.is_held) == (2, (hold,), True)


async def test_pause_that_ends_starts_what_has_come(bench: Bench) -> None:
    """Lifting the hold gives everything in its order; there was a hold, then there is none."""
    await bench.store.hold(bench.name, a_hold(bench))
    await bench.add("a", "b")
    assert await bench.store.resume(bench.name, "runtime") is True
    assert await bench.store.resume(bench.name, "runtime") is False
    answer = await bench.exchange(want=5)
    assert (names(answer.claims), answer.held) == (["a", "b"], False)
    assert (await bench.sample()).held == ()


async def test_a_queue_that_was_never_held_has_no_hold_to_lift(bench: Bench) -> None:
    """Resuming what runs says so."""
    assert await bench.store.resume(bench.name, "spec") is False


async def test_pause_lets_running_jobs_finish(bench: Bench) -> None:
    """A hold interrupts nobody: what runs reports as ever, in an exchange that still says held."""
    await bench.add("a", "b", "c")
    a, b, _ = await bench.claim(3)
    await bench.store.hold(bench.name, a_hold(bench))
    assert (await bench.done(a, want=5)).held
    await bench.fail(b, retry_in_ms=1000)
    assert await bench.state("a") is JobState.COMPLETED
    assert await bench.state("b") is JobState.DELAYED


async def test_a_held_queue_still_loses_dead_workers(bench: Bench) -> None:
    """Reaping and promoting go on, so that all is in place when the hold is lifted."""
    await bench.add("lost")
    await bench.take()
    await bench.add("due", delay_ms=1000)
    await bench.store.hold(bench.name, a_hold(bench))
    bench.in_ms(15_001)
    sample = await bench.tick()
    assert (sample.waiting, sample.active, sample.due) == (2, 0, 0)


async def test_both_sources_must_let_go(bench: Bench) -> None:
    """The stricter wins: lifting one hold leaves the other in force, whichever is lifted first."""
    spec, runtime = a_hold(bench, "spec"), a_hold(bench, "runtime")
    await bench.add("a")
    for first, second in ((spec, runtime), (runtime, spec)):
        await bench.store.hold(bench.name, spec)
        await bench.store.hold(bench.name, runtime)
        assert set((await bench.sample()).held) == {spec, runtime}
        assert await bench.store.resume(bench.name, first.source)
        assert (await bench.sample()).held == (second,)
        assert (await bench.exchange(want=1)).held
        assert await bench.store.resume(bench.name, second.source)
    assert names(await bench.claim()) == ["a"]


async def test_a_new_hold_of_a_source_replaces_its_old_one(bench: Bench) -> None:
    """Holding again changes who, why and until when; one resume lifts it."""
    await bench.store.hold(bench.name, a_hold(bench, for_ms=1000))
    bench.in_ms(10)
    second = a_hold(bench)
    await bench.store.hold(bench.name, second)
    assert (await bench.sample()).held == (second,)
    bench.in_ms(1_000_000)
    assert (await bench.exchange(want=1)).held
    assert await bench.store.resume(bench.name, "runtime")
    assert (await bench.sample()).held == ()


@pytest.mark.parametrize("source", ["spec", "runtime"])
async def test_a_hold_may_end_by_itself(bench: Bench, source: HoldSource) -> None:
    """From its `until_ms` on jobs start again, and the sample shows no hold."""
    await bench.add("a")
    await bench.store.hold(bench.name, a_hold(bench, source, for_ms=60_000))
    bench.in_ms(59_999)
    assert (await bench.exchange(want=1)).held
    assert (await bench.sample()).is_held
    bench.in_ms(1)
    assert not (await bench.sample()).is_held
    answer = await bench.exchange(want=1)
    assert (names(answer.claims), answer.held) == (["a"], False)


@pytest.mark.parametrize("source", ["spec", "runtime"])
async def test_an_expired_hold_is_none_to_lift(bench: Bench, source: HoldSource) -> None:
    """Who resumes after the hold's own end is told that nothing was held."""
    await bench.store.hold(bench.name, a_hold(bench, source, for_ms=100))
    bench.in_ms(100)
    assert await bench.store.resume(bench.name, source) is False


async def test_an_expired_hold_lifts_no_other(bench: Bench) -> None:
    """When the runtime's hold ends the spec's is still in force."""
    spec = a_hold(bench, "spec")
    await bench.store.hold(bench.name, spec)
    await bench.store.hold(bench.name, a_hold(bench, for_ms=1000))
    bench.in_ms(1000)
    assert (await bench.sample()).held == (spec,)
    assert (await bench.exchange(want=1)).held


async def test_a_hold_is_of_one_queue(bench: Bench) -> None:
    """The neighbour goes on."""
    other = bench.another("other")
    await other.configure()
    await other.add("a")
    await bench.store.hold(bench.name, a_hold(bench))
    assert names(await other.claim()) == ["a"]


async def test_a_hold_survives_new_settings(bench: Bench) -> None:
    """Configuring a held queue doesn't start it."""
    await bench.store.hold(bench.name, a_hold(bench))
    await bench.configure(max_active=5)
    assert (await bench.exchange(want=1)).held


async def test_a_drained_worker_gets_nothing_while_others_do(bench: Bench) -> None:
    """From the moment of the request the store gives it nothing, and tells it."""
    await bench.add("a", "b", "c")
    await bench.claim(1, "w1")
    await bench.store.drain(bench.name, ["w1", "w3"])
    for worker in ("w1", "w3"):
        answer = await bench.exchange(want=5, worker=worker)
        assert (answer.claims, answer.draining, answer.held) == ((), True, False)
    answer = await bench.exchange(want=5, worker="w2")
    assert (names(answer.claims), answer.draining) == (["b", "c"], False)


async def test_a_draining_worker_ends_what_it_runs(bench: Bench) -> None:
    """Its reports count; it claims nothing with them."""
    await bench.add("a", "b")
    claim = await bench.take("w1")
    await bench.store.drain(bench.name, ["w1"])
    answer = await bench.done(claim, want=1)
    assert (answer.stale, answer.claims, answer.draining) == ((), (), True)
    assert await bench.state("a") is JobState.COMPLETED


async def test_an_undrained_worker_claims_again(bench: Bench) -> None:
    """The request can be taken back, for those that are named."""
    await bench.add("a", "b")
    await bench.store.drain(bench.name, ["w1", "w2"])
    await bench.store.undrain(bench.name, ["w1"])
    assert names(await bench.claim(1, "w1")) == ["a"]
    assert (await bench.exchange(want=1, worker="w2")).draining


async def test_draining_nobody_changes_nothing(bench: Bench) -> None:
    """Empty requests are fine."""
    await bench.add("a")
    await bench.store.drain(bench.name, [])
    await bench.store.undrain(bench.name, [])
    await bench.store.undrain(bench.name, ["never-drained"])
    assert names(await bench.claim(1, "w1")) == ["a"]


async def test_a_drained_worker_is_told_with_its_heartbeat(bench: Bench) -> None:
    """An idle worker that does not claim hears of the request by renewing, and acknowledges so."""
    keeper = bench.store.leases(bench.name, "w1")
    assert not (await asyncio.to_thread(keeper.renew, a_beat("w1"), [])).draining
    await bench.store.drain(bench.name, ["w1"])
    drained = a_beat("w1", WorkerState.DRAINED)
    assert (await asyncio.to_thread(keeper.renew, drained, [])).draining
    (seen,) = (await bench.sample()).workers
    assert (seen.id, seen.state) == ("w1", WorkerState.DRAINED)
    await bench.store.undrain(bench.name, ["w1"])
    assert not (await asyncio.to_thread(keeper.renew, a_beat("w1"), [])).draining
    keeper.close()


async def test_a_worker_that_left_may_come_back_undrained(bench: Bench) -> None:
    """Leaving ends the request with the worker: a new process of the same name works."""
    keeper = bench.store.leases(bench.name, "w1")
    await asyncio.to_thread(keeper.renew, a_beat("w1"), [])
    await bench.store.drain(bench.name, ["w1"])
    await asyncio.to_thread(keeper.leave)
    await bench.add("a")
    assert names(await bench.claim(1, "w1")) == ["a"]
    keeper.close()


async def test_hold_tells_idle_workers_when_it_ends(bench: Bench) -> None:
    """They are back at that moment; of two holds the later counts; one without an end tells 0."""
    now = bench.clock.now_ms()
    await bench.add("a")
    await bench.add("late", delay_ms=500)
    await bench.store.hold(bench.name, Hold("runtime", "ada", "soon", now, until_ms=now + 2000))
    assert (await bench.exchange(want=1)).next_due_ms == now + 2000
    await bench.store.hold(bench.name, Hold("spec", "git", "later", now, until_ms=now + 3000))
    assert (await bench.exchange(want=1)).next_due_ms == now + 3000
    await bench.store.hold(bench.name, Hold("spec", "git", "for good", now))
    assert (await bench.exchange(want=1)).next_due_ms == 0
    await bench.store.resume(bench.name, "spec")
    bench.in_ms(2000)
    assert names((await bench.exchange(want=9)).claims) == ["a", "late"]
