"""Tenants: turns by weight, limits of their own, and nobody in anybody's way."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from bench import names
from headpond.jobs import JobState
from headpond.queues import TenantRule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench import Bench
    from headpond.jobs import Claim


async def fill(bench: Bench, *tenants: str, count: int = 20) -> None:
    """Enqueue so many jobs of each tenant, one tenant after the other."""
    for tenant in tenants:
        await bench.add(*[f"{tenant}{number:04}" for number in range(count)], tenant=tenant)


def of(claims: list[str], tenant: str) -> list[str]:
    """Return the jobs of this tenant."""
    return [job_id for job_id in claims if job_id.startswith(tenant)]


# ── weights ──


@pytest.mark.parametrize("weight", [1, 2, 3, 7, 10])
async def test_tenants_are_served_by_weight(bench: Bench, weight: int) -> None:
    """A tenant of weight n gets n turns for each turn of a tenant of weight 1."""
    await bench.configure(tenants=(("x", TenantRule(weight=weight)),))
    await fill(bench, "x", "y", count=100)
    order = await bench.start_order(9 * (weight + 1))
    assert abs(len(of(order, "x")) - 9 * weight) <= 1


async def test_tenants_weights_are_relative(bench: Bench) -> None:
    """1,000 to 1,000 is one to one, and 1,000 to 10 a hundred to one."""
    heavy = TenantRule(weight=1000)
    await bench.configure(
        tenants=(("x", heavy), ("y", heavy), ("z", TenantRule(weight=10))),
    )
    await fill(bench, "x", "y", "z", count=300)
    counts = Counter(job_id[0] for job_id in await bench.start_order(201))
    assert abs(counts["x"] - counts["y"]) <= 1
    assert 1 <= counts["z"] <= 3


@pytest.mark.parametrize("priority", [0, 5, 9])
async def test_tenants_of_great_weight_are_first_in_first_out(bench: Bench, priority: int) -> None:
    """However close the places of 1,000 turns lie, their order holds, at each level."""
    await bench.configure(tenant=TenantRule(weight=1000))
    ids = [f"job-{number % 7}-{number:04}" for number in range(1000)]
    await bench.add(*ids, priority=priority)
    assert await bench.start_order() == ids


async def test_tenants_without_a_rule_have_the_queue_s(bench: Bench) -> None:
    """`tenant` is everybody's rule whom `tenants` does not name."""
    await bench.configure(
        tenant=TenantRule(weight=4, max_active=3), tenants=(("y", TenantRule(weight=1)),)
    )
    await fill(bench, "x", "y", "z")
    counts = Counter(job_id[0] for job_id in await bench.start_order(12))
    assert counts == {"x": 3, "z": 3, "y": 6}


async def test_tenants_share_anew_with_new_weights(bench: Bench) -> None:
    """New weights count for jobs that are enqueued from then on."""
    await fill(bench, "x", "y", count=4)
    await bench.start_order(8)
    await bench.configure(tenants=(("x", TenantRule(weight=3)),))
    await bench.add(*[f"x1{number}" for number in range(30)], tenant="x")
    await bench.add(*[f"y1{number}" for number in range(30)], tenant="y")
    assert abs(len(of(await bench.start_order(20), "x")) - 15) <= 1


async def test_tenants_that_cancel_their_jobs_are_behind_nobody(bench: Bench) -> None:
    """A crowd that was taken back before it ran costs its tenant no turns."""
    ids = [f"old{number}" for number in range(50)]
    await bench.add(*ids, tenant="x")
    await bench.cancel(*ids)
    await bench.add("a1", "a2", "a3", tenant="y")
    await bench.add("b1", tenant="x")
    assert await bench.start_order() == ["a1", "b1", "a2", "a3"]


# ── how many at once ──


async def test_tenants_limit_holds_over_all_workers(bench: Bench) -> None:
    """Whatever is asked by whom, no more of a tenant's jobs run; the others go on."""
    await bench.configure(tenants=(("x", TenantRule(max_active=3)),))
    await fill(bench, "x", "y", count=5)
    claims = [*names(await bench.claim(4, "w1")), *names(await bench.claim(9, "w2"))]
    assert of(claims, "x") == ["x0000", "x0001", "x0002"]
    assert len(of(claims, "y")) == 5
    assert await bench.claim(9, "w3") == ()


async def test_tenants_have_limits_of_their_own(bench: Bench) -> None:
    """Under one rule each tenant has all of it."""
    await bench.configure(tenant=TenantRule(max_active=2))
    await fill(bench, "x", "y", "z", count=5)
    await bench.add("d1", "d2", "d3")
    assert Counter(job_id[0] for job_id in await bench.start_order()) == dict.fromkeys("xyzd", 2)


async def test_tenants_at_their_limit_wait_aside(bench: Bench) -> None:
    """Their jobs are waiting still, are listed so, and counted as what waits for its own kind."""
    await bench.configure(tenant=TenantRule(max_active=1))
    await bench.add("x1", "x2", "x3", tenant="x")
    await bench.add("y1", tenant="y")
    assert (await bench.sample()).aside == 0
    assert names(await bench.claim(9)) == ["x1", "y1"]
    sample = await bench.sample()
    assert (sample.waiting, sample.aside, sample.active, sample.outstanding) == (2, 2, 2, 4)
    assert await bench.ids(JobState.WAITING, limit=1) == ["x2", "x3"]
    assert [(await bench.job(job_id)).state for job_id in ("x2", "x3")] == [JobState.WAITING] * 2


async def test_tenants_jobs_come_back_in_their_order(bench: Bench) -> None:
    """First in, first out holds through all stepping aside, also for those that came meanwhile."""
    await bench.configure(tenant=TenantRule(max_active=1))
    await bench.add("x1", "x2", "x3", tenant="x")
    (claim,) = await bench.claim(9)
    await bench.add("x4", "x5", tenant="x")
    order = [claim.id]
    for _ in range(4):
        (claim,) = (await bench.done(claim, want=9)).claims
        order.append(claim.id)
    assert order == ["x1", "x2", "x3", "x4", "x5"]
    assert (await bench.sample()).aside == 0


async def test_tenants_come_back_to_their_old_places(bench: Bench) -> None:
    """Who stepped aside goes before those that came later, whoever those belong to."""
    await bench.configure(tenants=(("x", TenantRule(max_active=1)),))
    await bench.add("x1", "x2", tenant="x")
    (x1,) = await bench.claim(9)
    await fill(bench, "y", count=5)
    answer = await bench.done(x1, want=2)
    assert "x2" in names(answer.claims)


async def test_tenants_at_their_limit_keep_their_level(bench: Bench) -> None:
    """Jobs aside come back to their own level: the highest first."""
    await bench.configure(tenant=TenantRule(max_active=1))
    await bench.add("x1", tenant="x")
    (claim,) = await bench.claim(9)
    await bench.add("low", tenant="x", priority=2)
    await bench.add("high", tenant="x", priority=8)
    assert await bench.claim(9) == ()
    order = []
    for _ in range(2):
        (claim,) = (await bench.done(claim, want=9)).claims
        order.append(claim.id)
    assert order == ["high", "low"]


async def test_tenants_at_their_limit_block_no_lower_level(bench: Bench) -> None:
    """A lower level of another tenant starts while the higher one waits for itself."""
    await bench.configure(tenants=(("x", TenantRule(max_active=1)),))
    await bench.add("x1", "x2", tenant="x", priority=9)
    await bench.add("y1", tenant="y", priority=0)
    assert names(await bench.claim(2)) == ["x1", "y1"]


async def _cancelled(bench: Bench, claim: Claim) -> None:
    await bench.cancel(claim.id)
    await bench.stop(claim)


async def _lost(bench: Bench, _: Claim) -> None:
    bench.in_ms(15_001)
    await bench.tick()


SLOT_FREED: dict[str, Callable[[Bench, Claim], Awaitable[object]]] = {
    "done": lambda bench, claim: bench.done(claim),
    "failed": lambda bench, claim: bench.fail(claim),
    "retried": lambda bench, claim: bench.fail(claim, retry_in_ms=90_000),
    "snoozed": lambda bench, claim: bench.release(claim, delay_ms=90_000),
    "cancelled": _cancelled,
}


@pytest.mark.parametrize("end", SLOT_FREED)
async def test_tenants_slots_free_with_every_end(bench: Bench, end: str) -> None:
    """However an active job ends, the next of its tenant starts."""
    await bench.configure(tenant=TenantRule(max_active=1))
    await bench.add("x1", "x2", tenant="x")
    (claim,) = await bench.claim(9)
    await SLOT_FREED[end](bench, claim)
    assert names(await bench.claim(9)) == ["x2"]


@pytest.mark.parametrize("way", ["lost", "released", "retried at once"])
async def test_tenants_slots_free_with_every_return(bench: Bench, way: str) -> None:
    """A job that goes back to waiting competes with its tenant's others, one at a time."""
    await bench.configure(tenant=TenantRule(max_active=1))
    await bench.add("x1", "x2", tenant="x")
    (claim,) = await bench.claim(9)
    if way == "lost":
        await _lost(bench, claim)
    elif way == "released":
        await bench.release(claim)
    else:
        await bench.fail(claim, retry_in_ms=0)
    first = "x2" if way == "retried at once" else "x1"
    (claim,) = await bench.claim(9)
    assert claim.id == first
    (claim,) = (await bench.done(claim, want=9)).claims
    assert claim.id != first


async def test_tenants_limit_counts_what_ran_before_it(bench: Bench) -> None:
    """A limit that comes while more are active interrupts none, and starts none until it fits."""
    await bench.add("x1", "x2", "x3", "x4", tenant="x")
    x1, x2, x3 = await bench.claim(3)
    await bench.configure(tenant=TenantRule(max_active=2))
    assert (await bench.done(x1, want=9)).claims == ()
    answer = await bench.done(x2, want=9)
    assert names(answer.claims) == ["x4"]
    assert (await bench.done(x3)).stale == ()


@pytest.mark.parametrize("limit", [0, 3])
async def test_tenants_raised_limit_counts_at_once(bench: Bench, limit: int) -> None:
    """Who stepped aside under the old rule is judged by the new one."""
    await bench.configure(tenant=TenantRule(max_active=1))
    await bench.add("x1", "x2", "x3", "x4", tenant="x")
    await bench.claim(9)
    await bench.configure(tenant=TenantRule(max_active=limit))
    assert names(await bench.claim(9)) == ["x2", "x3", "x4"][: limit - 1 if limit else 3]


async def test_tenants_rule_for_one_counts_at_once(bench: Bench) -> None:
    """A rule of its own frees a tenant from everybody's."""
    await bench.configure(tenant=TenantRule(max_active=1))
    await fill(bench, "x", "y", count=3)
    await bench.claim(9)
    await bench.configure(
        tenant=TenantRule(max_active=1), tenants=(("x", TenantRule(max_active=2)),)
    )
    assert names(await bench.claim(9)) == ["x0001"]


async def test_tenants_limit_within_max_active(bench: Bench) -> None:
    """Both limits hold; who steps aside leaves the queue's places to others."""
    await bench.configure(max_active=3, tenants=(("x", TenantRule(max_active=1)),))
    await fill(bench, "x", "y", count=5)
    first = await bench.claim(9)
    assert Counter(claim.id[0] for claim in first) == {"x": 1, "y": 2}
    (y,) = [claim for claim in first if claim.id == "y0000"]
    assert names((await bench.done(y, want=9)).claims) == ["y0002"]


async def test_tenants_lone_job_passes_a_crowd_at_its_limit(bench: Bench) -> None:
    """Thousands that may not start are out of the way within a few claims."""
    await bench.configure(tenants=(("crowd", TenantRule(max_active=1)),))
    for block in range(3):
        await bench.add(*[f"c{block}-{number:03}" for number in range(900)], tenant="crowd")
    await bench.add("lone", tenant="lone", priority=0)
    for _ in range(5):
        if "lone" in names(await bench.claim(1)):
            break
    assert await bench.state("lone") is JobState.ACTIVE
    sample = await bench.sample()
    assert (sample.waiting, sample.aside) == (2699, 2699)


async def test_tenants_crowd_aside_goes_on_in_its_order(bench: Bench) -> None:
    """Also thousands come back one by one, first in first out."""
    await bench.configure(tenant=TenantRule(max_active=2))
    ids = [f"x{number:04}" for number in range(1000)]
    await bench.add(*ids, tenant="x")
    claims = list(await bench.claim(10))
    order = names(claims)
    for _ in range(6):
        claims = list((await bench.done(*claims, want=10)).claims)
        order += names(claims)
    assert order == ids[:14]


async def test_tenants_turns_that_one_step_leaves_over_come_at_once(bench: Bench) -> None:
    """A worker that got some of many is told to ask again, not to wait for a word."""
    await bench.configure(tenant=TenantRule(max_active=1))
    crowd = [f"t{number:02}" for number in range(60)]
    for tenant in crowd:
        await bench.add(f"{tenant}.1", f"{tenant}.2", tenant=tenant)
    first = await bench.claim(100)
    await bench.claim(100, "w2")  # what can't start steps aside
    await bench.done(*first)
    second: list[str] = []
    answer = await bench.exchange(want=100)
    while answer.claims:
        second += names(answer.claims)
        if not 0 < answer.next_due_ms <= answer.now_ms:
            break
        answer = await bench.exchange(want=100)
    assert sorted(second) == [f"{tenant}.2" for tenant in crowd]


@pytest.mark.parametrize("first", [("", 5), ("x", 5), ("", 9), ("x", 0)])
async def test_tenants_and_levels_are_kept_whoever_comes_first(
    bench: Bench, first: tuple[str, int]
) -> None:
    """A queue may keep what is usual in it in another way; nothing else depends on that."""
    await bench.configure(tenant=TenantRule(max_active=1))
    kinds = [first, ("", 5), ("x", 5), ("y", 5), ("", 9), ("x", 0)]
    wanted = {f"j{number}": kind for number, kind in enumerate(kinds)}
    for job_id, (tenant, priority) in wanted.items():
        await bench.add(job_id, tenant=tenant, priority=priority)

    async def kept() -> dict[str, tuple[str, int]]:
        jobs = [await bench.job(job_id) for job_id in wanted]
        return {job.id: (job.tenant, job.priority) for job in jobs}

    assert await kept() == wanted
    claims = await bench.claim(9)
    active = [wanted[claim.id][0] for claim in claims]
    assert sorted(active) == ["", "x", "y"]  # one of each
    await bench.release(claims[0], delay_ms=1)
    await bench.fail(claims[1], retry_in_ms=1)
    await bench.done(claims[2])
    bench.in_ms(1)
    await bench.tick()
    assert await kept() == wanted
    if await bench.amend("j0", priority=3) is JobState.WAITING:
        wanted["j0"] = (first[0], 3)
    assert await kept() == wanted


@pytest.mark.parametrize("how", ["cancel", "clear", "amend"])
async def test_tenants_jobs_aside_can_be_taken_away(bench: Bench, how: str) -> None:
    """A job that stepped aside can be cancelled, cleared and moved like any waiting one."""
    await bench.configure(tenant=TenantRule(max_active=1))
    await bench.add("x1", "x2", "x3", tenant="x")
    (x1,) = await bench.claim(9)
    if how == "cancel":
        await bench.cancel("x2")
    elif how == "clear":
        assert await bench.clear(JobState.WAITING) == 2
        await bench.add("x3", tenant="x")
    else:
        await bench.amend("x2", due_ms=bench.clock.now_ms() + 90_000)
    assert names((await bench.done(x1, want=9)).claims) == ["x3"]


async def test_tenants_jobs_aside_can_change_their_level(bench: Bench) -> None:
    """A raised job overtakes its tenant's others though all of them are aside."""
    await bench.configure(tenant=TenantRule(max_active=1))
    await bench.add("x1", "x2", "x3", tenant="x")
    (x1,) = await bench.claim(9)
    await bench.amend("x3", priority=9)
    assert names((await bench.done(x1, want=9)).claims) == ["x3"]


async def test_tenants_freed_slot_is_used_after_its_next_is_gone(bench: Bench) -> None:
    """A slot that freed for a job which was then cancelled goes to the one behind it."""
    await bench.configure(tenant=TenantRule(max_active=1))
    await bench.add("x1", "x2", "x3", tenant="x")
    (x1,) = await bench.claim(9)
    await bench.done(x1)
    await bench.cancel("x2")
    assert names(await bench.claim(9)) == ["x3"]
