"""Limits of a whole queue: how many jobs are active at once, and how many start in a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bench import a_job, names
from headpond.queues import Hold, Rate, TenantRule

if TYPE_CHECKING:
    from bench import Bench


def ids(count: int) -> list[str]:
    """Name so many jobs."""
    return [f"job-{number:04}" for number in range(count)]


async def test_rate_gives_no_more_than_it_says(bench: Bench) -> None:
    """An exchange that asks for more gets what is left, and is told when one more may start."""
    await bench.configure(rate=Rate(3, 1000))
    now = bench.clock.now_ms()
    await bench.add(*ids(5))
    answer = await bench.exchange(want=9)
    assert (names(answer.claims), answer.next_due_ms) == (ids(5)[:3], now + 1000)
    assert await bench.claim(9) == ()
    bench.in_ms(1000)
    assert names(await bench.claim(9)) == ids(5)[3:]


async def test_rate_holds_over_all_workers(bench: Bench) -> None:
    """SEEDS C3.5: ten a second is ten a second, however many workers ask, in whatever bites."""
    await bench.configure(rate=Rate(10, 1000))
    await bench.add(*ids(60))
    started = []
    for _ in range(25):
        turns = [await bench.claim(2, f"w{worker}") for worker in range(3)]
        started.append(sum(len(claims) for claims in turns))
        bench.in_ms(100)
    assert started == [6, 4, *[0] * 8, 6, 4, *[0] * 8, 6, 4, *[0] * 3]


async def test_rate_holds_while_many_ask_at_once(bench: Bench) -> None:
    """Twenty workers that race get exactly what the rate allows."""
    await bench.configure(rate=Rate(7, 1000))
    await bench.add(*ids(40))
    turns = [bench.store.exchange(bench.name, f"w{number}", [], 2) for number in range(20)]
    claims = [claim for answer in await asyncio.gather(*turns) for claim in answer.claims]
    assert sorted(names(claims)) == ids(7)


async def test_rate_is_a_sliding_window(bench: Bench) -> None:
    """Each start counts for its own span; windows that lie side by side would allow six at once."""
    await bench.configure(rate=Rate(3, 1000))
    await bench.add(*ids(20))
    counts = []
    for wait_ms, want in ((0, 1), (900, 9), (99, 9), (1, 9), (899, 9), (1, 9), (100, 9)):
        bench.in_ms(wait_ms)
        counts.append(len(await bench.claim(want)))
    assert counts == [1, 2, 0, 1, 0, 2, 1]


async def test_rate_counts_starts_whatever_became_of_them(bench: Bench) -> None:
    """A job that failed, was released or lost its worker did start."""
    await bench.configure(rate=Rate(3, 60_000))
    await bench.add(*ids(4))
    a, b, _ = await bench.claim(9)
    await bench.fail(a)
    await bench.release(b)
    assert await bench.claim(9) == ()
    bench.in_ms(15_001)
    assert await bench.claim(9) == ()
    bench.in_ms(60_000)
    assert len(await bench.claim(9)) == 3


async def test_rate_ignores_what_only_waits(bench: Bench) -> None:
    """Enqueued and cancelled jobs use nothing up."""
    await bench.configure(rate=Rate(2, 1000))
    await bench.add(*ids(5))
    await bench.cancel(*ids(3))
    assert names(await bench.claim(9)) == ids(5)[3:]


async def test_rate_of_one_in_a_long_time(bench: Bench) -> None:
    """One a day is one a day."""
    day_ms = 86_400_000
    await bench.configure(rate=Rate(1, day_ms))
    now = bench.clock.now_ms()
    await bench.add("a", "b")
    answer = await bench.exchange(want=2)
    assert names(answer.claims) == ["a"]
    assert (await bench.done(*answer.claims, want=1)).next_due_ms == now + day_ms
    bench.in_ms(day_ms - 1)
    assert await bench.claim() == ()
    bench.in_ms(1)
    assert names(await bench.claim()) == ["b"]


async def test_rate_of_many_in_a_short_time(bench: Bench) -> None:
    """Thousands a second are given out in hundreds, and no more."""
    await bench.configure(rate=Rate(1500, 1000))
    await bench.add(*ids(1000))
    await bench.add(*[f"more-{number}" for number in range(1000)])
    assert len(await bench.claim(1000)) == 1000
    bench.in_ms(10)
    assert len(await bench.claim(1000)) == 500
    bench.in_ms(990)
    assert len(await bench.claim(1000)) == 500


async def test_rate_and_max_active_hold_together(bench: Bench) -> None:
    """Whichever is used up first stops the claims."""
    await bench.configure(max_active=2, rate=Rate(3, 1000))
    await bench.add(*ids(6))
    a, b = await bench.claim(9)
    (c,) = (await bench.done(a, want=9)).claims
    assert (await bench.done(b, want=9)).claims == ()
    bench.in_ms(1000)
    assert len(await bench.claim(9)) == 1
    assert (await bench.done(c)).stale == ()


async def test_rate_of_the_queue_is_over_that_of_tenants(bench: Bench) -> None:
    """What a tenant may start the queue must allow too."""
    await bench.configure(rate=Rate(3, 1000), tenant=TenantRule(rate=Rate(2, 1000)))
    await bench.add_jobs([a_job(f"{t}{n}", tenant=t) for n in range(3) for t in "xyz"])
    assert len(await bench.claim(9)) == 3
    bench.in_ms(1000)
    assert len(await bench.claim(9)) == 3


@pytest.mark.parametrize("rate", [Rate(), Rate(5, 1000)])
async def test_rate_that_was_raised_counts_at_once(bench: Bench, rate: Rate) -> None:
    """Under the new rate the old starts count, and what is left starts now."""
    await bench.configure(rate=Rate(2, 1000))
    await bench.add(*ids(9))
    assert len(await bench.claim(9)) == 2
    await bench.configure(rate=rate)
    assert len(await bench.claim(9)) == (3 if rate.max else 7)


async def test_rate_of_a_held_queue_is_not_used_up(bench: Bench) -> None:
    """Nothing starts in a hold, so all of the rate is there after it."""
    await bench.configure(rate=Rate(2, 1000))
    await bench.add(*ids(4))
    await bench.store.hold(bench.name, Hold("runtime", "asha", "", bench.clock.now_ms()))
    assert await bench.claim(9) == ()
    await bench.store.resume(bench.name, "runtime")
    assert len(await bench.claim(9)) == 2


async def test_rate_tells_the_earliest_moment(bench: Bench) -> None:
    """A delayed job that is due before the rate lets one start, or after it: the nearer is told."""
    await bench.configure(rate=Rate(1, 1000))
    now = bench.clock.now_ms()
    await bench.add("a", "b")
    await bench.add("late", delay_ms=3000)
    await bench.take()
    assert (await bench.exchange(want=1)).next_due_ms == now + 1000
    await bench.add("soon", delay_ms=500)
    assert (await bench.exchange(want=1)).next_due_ms == now + 500


async def test_rate_that_stops_nobody_tells_nothing(bench: Bench) -> None:
    """With nothing waiting there is nothing to come back for."""
    await bench.configure(rate=Rate(1, 1000))
    await bench.add("a")
    assert (await bench.done(await bench.take(), want=1)).next_due_ms == 0
