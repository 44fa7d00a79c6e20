"""Rates of tenants: how many of one's jobs start in a time, exact over any span of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bench import GOOD, a_job, names
from headpond.jobs import Done, Released
from headpond.queues import Rate, TenantRule

if TYPE_CHECKING:
    from bench import Bench


async def test_tenants_rate_holds(bench: Bench) -> None:
    """In no span of its length more start, and the answer says when the next may."""
    await bench.configure(tenants=(("x", TenantRule(rate=Rate(2, 1000))),))
    now = bench.clock.now_ms()
    await bench.add("x1", "x2", "x3", "x4", "x5", tenant="x")
    answer = await bench.exchange(want=9)
    assert (names(answer.claims), answer.next_due_ms) == (["x1", "x2"], now + 1000)
    bench.in_ms(999)
    assert await bench.claim(9) == ()
    bench.in_ms(1)
    assert names(await bench.claim(9)) == ["x3", "x4"]


async def test_tenants_rate_is_a_sliding_window(bench: Bench) -> None:
    """Each start counts for its own span: a burst at a border of seconds is none."""
    await bench.configure(tenant=TenantRule(rate=Rate(3, 1000)))
    await bench.add(*[f"x{number}" for number in range(9)], tenant="x")
    counts = []
    for wait_ms, want in ((0, 2), (600, 9), (400, 9), (599, 9), (1, 9), (400, 9)):
        bench.in_ms(wait_ms)
        counts.append(len(await bench.claim(want)))
    assert counts == [2, 1, 2, 0, 1, 2]


async def test_tenants_rate_leaves_the_others_alone(bench: Bench) -> None:
    """A tenant that has used up its rate waits aside."""
    await bench.configure(tenants=(("x", TenantRule(rate=Rate(1, 60_000))),))
    for tenant in "xy":
        await bench.add(*[f"{tenant}{number}" for number in range(4)], tenant=tenant)
    assert Counter(job_id[0] for job_id in await bench.start_order()) == {"x": 1, "y": 4}
    sample = await bench.sample()
    assert (sample.waiting, sample.aside) == (3, 3)


async def test_tenants_rate_counts_starts_whatever_became_of_them(bench: Bench) -> None:
    """Done, failed or released at once: it was started."""
    await bench.configure(tenant=TenantRule(rate=Rate(3, 1000)))
    await bench.add("x1", "x2", "x3", "x4", tenant="x")
    a, b, c = await bench.claim(9)
    await bench.fail(b)
    answer = await bench.exchange(Done(a.id, a.fence, GOOD, 1), Released(c.id, c.fence), want=9)
    assert answer.claims == ()
    bench.in_ms(1000)
    assert names(await bench.claim(9)) == ["x3", "x4"]


async def test_tenants_rate_and_limit_hold_together(bench: Bench) -> None:
    """The stricter of the two says when the next starts."""
    await bench.configure(tenant=TenantRule(max_active=2, rate=Rate(3, 1000)))
    await bench.add(*[f"x{number}" for number in range(6)], tenant="x")
    a, b = await bench.claim(9)
    (c,) = (await bench.done(a, want=9)).claims
    answer = await bench.done(b, want=9)
    assert answer.claims == ()
    assert answer.next_due_ms == answer.now_ms + 1000
    bench.in_ms(1000)
    assert len(await bench.claim(9)) == 1
    assert (await bench.done(c)).stale == ()


async def test_tenants_rates_are_of_each(bench: Bench) -> None:
    """Everybody's rule gives each tenant a window of its own, and the earliest is told."""
    await bench.configure(tenant=TenantRule(rate=Rate(1, 1000)))
    now = bench.clock.now_ms()
    await bench.add_jobs([a_job(f"{t}{n}", tenant=t) for n in range(2) for t in "xy"])
    assert names(await bench.claim(1)) == ["x0"]
    bench.in_ms(400)
    answer = await bench.exchange(want=9)
    assert (names(answer.claims), answer.next_due_ms) == (["y0"], now + 1000)
    bench.in_ms(600)
    answer = await bench.exchange(want=9)
    assert (names(answer.claims), answer.next_due_ms) == (["x1"], now + 1400)
