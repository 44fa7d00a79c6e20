"""What a review of the stores has found: each as the shortest story that went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from bench import a_job
from headpond.errors import Invalid
from headpond.jobs import JobId, JobState, Unique
from headpond.queues import DAY_MS, QueueSettings, Rate, TenantRule
from headpond.testing import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench import Bench

HOUR_MS = 3_600_000
LONG_S = 4.0
SOON_S = 2.0
"""Far less than `LONG_S`, and far more than any answer takes on a busy machine."""


@contextlib.contextmanager
def soon() -> Iterator[None]:
    """Fail when what is inside takes as long as a wait that nobody wakes."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < SOON_S


async def settle(bench: Bench) -> None:
    """Use up what woke earlier."""
    for _ in range(3):
        await bench.store.wait(bench.name, 0.05)


class WrongClock(ManualClock):
    """A clock that somebody sets back."""

    def set_back_ms(self, by_ms: int) -> None:
        """Go back by so much."""
        self._now_ms -= by_ms


@pytest.fixture
def clock() -> WrongClock:
    """Give the time that the store goes by."""
    return WrongClock()


async def test_batch_counts_a_job_of_another_batch_once(bench: Bench) -> None:
    """A repeated call counts nothing twice, also when the job that is skipped waits elsewhere."""
    assert await bench.open_batch("first", 1)
    assert await bench.open_batch("second", 3)
    await bench.add("a", batch="first")
    await bench.add("a", batch="second")
    await bench.add("a", batch="second")
    assert (await bench.batch("second")).skipped == 1
    await bench.done(await bench.take())
    await bench.add("a", batch="second")
    second = await bench.batch("second")
    assert (second.skipped, second.completed_ms) == (1, 0)
    assert (await bench.batch("first")).completed == 1


async def test_new_rules_find_those_behind_many_aside(bench: Bench) -> None:
    """Everybody is judged anew without a pause, however many of another tenant come first."""
    await bench.configure(tenant=TenantRule(max_active=1))
    await bench.add(*(f"a{n}" for n in range(600)), tenant="a")
    await bench.add("b1", "b2", tenant="b")
    assert await bench.start_order(10) == ["a0", "b1"]
    await settle(bench)
    await bench.configure(tenant=TenantRule(max_active=1), tenants=(("b", TenantRule()),))
    with soon():
        while not (claims := await bench.claim(10)):
            await bench.store.wait(bench.name, LONG_S)
    assert [claim.id for claim in claims] == ["b2"]


async def test_clear_leaves_nobody_aside_for_ever(bench: Bench) -> None:
    """A job that is enqueued while a queue is cleared may outlive it; then it starts."""
    await bench.configure(tenant=TenantRule(max_active=1))
    await bench.add("a1", "a2", "a3", tenant="a")
    await bench.done(*await bench.claim(10))
    bench.accepted.append(JobId("b1"))
    new = a_job("b1", tenant="b")
    waiting = [JobState.WAITING]
    await asyncio.gather(
        bench.store.clear(bench.name, waiting), bench.store.enqueue(bench.name, [new])
    )
    left = (await bench.sample()).waiting
    assert len(await bench.claim(10)) == left


async def test_cancel_reaches_a_job_whose_claim_was_never_heard_of(bench: Bench) -> None:
    """It was asked to stop while it seemed to run: it is not started again."""
    await bench.add("a")
    exchange = asyncio.create_task(bench.store.exchange(bench.name, "w1", [], 1))
    await asyncio.sleep(0)
    exchange.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await exchange
    assert await bench.state("a") is JobState.ACTIVE
    await bench.cancel("a")
    bench.in_ms(QueueSettings().lease_ms)
    assert not await bench.claim()
    assert await bench.state("a") is JobState.CANCELLED
    assert "started" not in (await bench.history("a"))[-1:]


async def test_wake_tells_an_idle_worker_what_a_busy_one_knows(bench: Bench) -> None:
    """Who takes the only job may still be busy when the next is due: another has to know."""
    await settle(bench)
    idle = [asyncio.create_task(bench.store.wait(bench.name, LONG_S)) for _ in range(2)]
    await asyncio.wait(idle, timeout=0.05)
    with soon():
        await bench.add_jobs([a_job("later", delay_ms=1000), a_job("now")])
        await asyncio.wait(idle, return_when=asyncio.FIRST_COMPLETED)
        assert (await bench.take("busy")).id == "now"
        await asyncio.gather(*idle)
    assert (await bench.exchange(want=1, worker="idle")).next_due_ms > 0


@pytest.mark.parametrize("of_tenant", [False, True])
async def test_rate_outlives_a_clock_that_is_set_back(
    bench: Bench, clock: WrongClock, *, of_tenant: bool
) -> None:
    """Starts that lie in the future by now do not stop a queue until then."""
    rate = Rate(2, 1000)
    settings = {"tenant": TenantRule(rate=rate)} if of_tenant else {"rate": rate}
    await bench.store.configure(bench.name, QueueSettings(**settings))
    await bench.add(*(f"a{n}" for n in range(8)))
    assert len(await bench.claim(8)) == 2
    clock.set_back_ms(HOUR_MS)
    for _ in range(3):
        clock.advance_ms(1000)
        assert len((await bench.store.exchange(bench.name, "w1", [], 8)).claims) == 2


async def test_recovery_outlives_a_clock_that_is_set_back(bench: Bench, clock: WrongClock) -> None:
    """Who died before is missed a lease after, not when the clock is as late again."""
    await bench.add("a")
    await bench.take("dead")
    await bench.renew(worker="dead")
    clock.set_back_ms(HOUR_MS)
    await bench.store.tick([bench.name])
    assert [worker.id for worker in (await bench.sample()).workers] == ["dead"]
    clock.advance_ms(QueueSettings().lease_ms)
    sample = (await bench.store.tick([bench.name]))[bench.name]
    assert (sample.active, sample.waiting, sample.workers) == (0, 1, ())


async def test_unique_skipped_in_a_batch_is_forgotten_with_it(bench: Bench) -> None:
    """What was counted as skipped under an id that no job has is no burden for ever."""
    assert await bench.open_batch("b", 3, lock_ms=0, keep_ms=1000)
    unique = Unique("k", until="", for_ms=10 * DAY_MS)
    await bench.add("a", "a2", "a3", unique=unique, batch="b")
    await bench.run("other")
    bench.in_ms(8 * DAY_MS)
    for _ in range(3):
        await bench.tick()
    assert await bench.open_batch("b", 2)
    assert await bench.add("a2", batch="b", unique=unique) == [False]
    assert (await bench.batch("b")).skipped == 1


async def test_read_of_many_ids_is_answered(bench: Bench) -> None:
    """However many are asked for, each has its answer in its place."""
    await bench.add("a")
    asked = [*(JobId(f"x{n}") for n in range(9000)), JobId("a")]
    found = await bench.store.read(bench.name, asked)
    assert (len(found), found.count(None)) == (9001, 9000)
    assert found[-1] is not None


async def test_cursor_beyond_all_numbers_is_refused(bench: Bench) -> None:
    """It is none of this list, and the sentence says so."""
    with pytest.raises(Invalid, match="is no cursor"):
        await bench.store.page(bench.name, JobState.WAITING, f"aside~{10**20}", 5)
