"""Getting jobs in: each id once, all or none, whatever state the first one is in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from bench import a_job
from headpond.errors import PayloadInvalid
from headpond.jobs import JobState
from headpond.queues import Retention

if TYPE_CHECKING:
    from bench import Bench


async def test_accept_keeps_a_job_as_it_was_given(bench: Bench) -> None:
    """What is enqueued can be read back at once, and nothing else is said of it."""
    now = bench.clock.now_ms()
    assert await bench.add("a", body=b"\x00\xffbytes", priority=7, tenant="acme") == [True]
    job = await bench.job("a")
    assert (job.id, job.queue, job.state) == ("a", "line", JobState.WAITING)
    assert (job.body, job.priority, job.tenant) == (b"\x00\xffbytes", 7, "acme")
    assert (job.attempts, job.crashes, job.created_ms) == (0, 0, now)
    assert (job.due_ms, job.claimed_ms, job.finished_ms, job.worker) == (0, 0, 0, "")
    assert (job.parked, job.reason, job.outcome) == (False, None, None)


async def test_nothing_enqueued_is_nothing_done(bench: Bench) -> None:
    """An empty call answers with an empty list."""
    assert await bench.add() == []
    assert (await bench.sample()).added_total == 0


async def test_an_empty_body_is_a_body(bench: Bench) -> None:
    """A store never looks inside, so there may be nothing inside."""
    await bench.add("a", body=b"")
    assert (await bench.take()).body == b""


async def test_accept_takes_many_jobs_with_one_call(bench: Bench) -> None:
    """A thousand jobs are accepted together and start in the order given."""
    ids = [f"job-{number:04}" for number in range(1000)]
    assert await bench.add(*ids) == [True] * 1000
    assert await bench.start_order() == ids


async def test_accept_of_too_many_jobs_changes_nothing(bench: Bench) -> None:
    """A call over the limit is refused as a whole, with both numbers."""
    with pytest.raises(ValueError, match=r"1,?001 jobs"):
        await bench.add(*[f"job-{number}" for number in range(1001)])
    assert (await bench.sample()).added_total == 0


async def test_accept_of_an_id_twice_in_one_call_makes_one_job(bench: Bench) -> None:
    """The first of two equal ids wins, also inside one call."""
    first, second = a_job("a", body=b"first"), a_job("a", body=b"second", priority=9)
    assert await bench.add_jobs([first, second, a_job("b")]) == [True, False, True]
    assert [claim.body for claim in await bench.claim(5)] == [b"first", b"body of b"]


async def test_accept_of_fifty_at_once_makes_one_job(bench: Bench) -> None:
    """However many callers race with one id, one of them is told that it made the job."""
    calls = [bench.store.enqueue(bench.name, [a_job("a")]) for _ in range(50)]
    answers = await asyncio.gather(*calls)
    assert sorted(placed.created for (placed,) in answers) == [False] * 49 + [True]
    assert {placed.id for (placed,) in answers} == {"a"}
    assert (await bench.sample()).waiting == 1
    bench.accepted.append(a_job("a").id)


async def test_the_same_id_in_another_queue_is_another_job(bench: Bench) -> None:
    """An id is unique in its queue, not in the store."""
    other = bench.another("other")
    await other.configure()
    assert await bench.add("a") == [True]
    assert await other.add("a", body=b"other") == [True]
    await bench.done(await bench.take())
    assert await other.state("a") is JobState.WAITING


@pytest.mark.parametrize("state", JobState)
async def test_accept_dedupes_in_every_state(bench: Bench, state: JobState) -> None:
    """As long as a job is kept, its id makes no second one, and the first stays as it is."""
    await bench.add("a", delay_ms=1000 if state is JobState.DELAYED else 0)
    if state in {JobState.ACTIVE, JobState.COMPLETED, JobState.FAILED}:
        claim = await bench.take()
        if state is JobState.COMPLETED:
            await bench.done(claim)
        elif state is JobState.FAILED:
            await bench.fail(claim)
    elif state is JobState.CANCELLED:
        await bench.cancel("a")
    before = await bench.job("a")
    assert before.state is state
    bench.in_ms(1)
    assert await bench.add("a", body=b"second", priority=9, tenant="acme") == [False]
    assert await bench.job("a") == before


async def test_an_id_is_free_again_once_its_job_is_gone(bench: Bench) -> None:
    """A job that retention has removed is no duplicate of a new one, which starts afresh."""
    await bench.configure(completed=Retention(age_ms=1000, count=0))
    await bench.add("a", priority=9, tenant="acme", body=b"first")
    await bench.fail(await bench.take(), retry_in_ms=0)
    await bench.done(await bench.take())
    assert not await bench.exists("a")
    bench.in_ms(7000)
    assert await bench.add("a", body=b"second") == [True]
    job = await bench.job("a")
    assert (job.body, job.priority, job.tenant, job.attempts) == (b"second", 5, "", 0)
    assert (job.outcome, job.reason) == (None, None)
    claim = await bench.take()
    assert (claim.id, claim.attempts, claim.since_ms) == ("a", 0, bench.clock.now_ms())
    assert (await bench.sample()).oldest_ms == 0


async def test_a_delay_and_a_moment_make_a_job_delayed(bench: Bench) -> None:
    """`delay_ms` counts from the store's now, `run_at_ms` is a moment."""
    now = bench.clock.now_ms()
    await bench.add("soon", delay_ms=1500)
    await bench.add("later", run_at_ms=now + 60_000)
    assert [(await bench.job(job_id)).due_ms for job_id in ("soon", "later")] == [
        now + 1500,
        now + 60_000,
    ]
    sample = await bench.sample()
    assert (sample.waiting, sample.due, sample.delayed) == (0, 0, 2)
    assert sample.next_due_ms == now + 1500


async def test_a_moment_that_has_passed_is_now(bench: Bench) -> None:
    """A job whose `run_at_ms` is in the past waits like any other, since its enqueue."""
    await bench.add("a", run_at_ms=bench.clock.now_ms() - 60_000)
    assert await bench.state("a") is JobState.WAITING
    assert (await bench.take()).since_ms == bench.clock.now_ms()


async def test_odd_but_legal_ids_and_tenants_come_back_whole(bench: Bench) -> None:
    """Every character that an id or a tenant may have survives the store."""
    job_id, tenant = "a._:@=+~-Z9", "t._@-9"
    await bench.add(job_id, tenant=tenant)
    claim = await bench.take()
    assert claim.id == job_id
    assert (await bench.job(job_id)).tenant == tenant
    assert not (await bench.done(claim)).stale


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"priority": 11}, "/priority"),
        ({"delay_ms": -5}, "/delay"),
        ({"delay_ms": 10**20}, "/delay"),
        ({"run_at_ms": -1}, "/run_at"),
        ({"tenant": "a|b"}, "/tenant"),
        ({"batch": "a b"}, "/job_id"),
    ],
)
async def test_accept_refuses_what_no_store_could_keep(
    bench: Bench, fields: dict[str, Any], pointer: str
) -> None:
    """By name, whoever calls; and the neighbours in the same step are none the wiser."""
    bad = bench.store.enqueue(bench.name, [a_job("bad", **fields)])
    refused, added = await asyncio.gather(bad, bench.add("good"), return_exceptions=True)
    assert isinstance(refused, PayloadInvalid)
    assert [fault.pointer for fault in refused.errors] == [pointer]
    assert added == [True]
    assert not await bench.exists("bad")
