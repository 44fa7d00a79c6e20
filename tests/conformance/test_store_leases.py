"""Workers that die: leases run out by the store's clock, their jobs run elsewhere, poison ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bench import GOOD, a_beat, names
from headpond.envelope import unpack_outcome
from headpond.jobs import Done, FailReason, JobState
from headpond.queues import QueueSettings, WorkerState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench import Bench
    from headpond.jobs import Claim
    from headpond.ports import LeaseKeeper, QueueStore, Renewal

LEASE_MS = QueueSettings().lease_ms


@pytest.fixture
def keepers(store: QueueStore, bench: Bench) -> Iterator[dict[str, LeaseKeeper]]:
    """Give the blocking side of two workers."""
    keepers = {worker: store.leases(bench.name, worker) for worker in ("w1", "w2")}
    yield keepers
    for keeper in keepers.values():
        keeper.close()


async def renew(
    keepers: dict[str, LeaseKeeper],
    worker: str,
    claims: Sequence[Claim] = (),
    state: WorkerState = WorkerState.WORKING,
) -> Renewal:
    """Beat as `worker`, from a thread, as workers do."""
    held = [(claim.id, claim.fence) for claim in claims]
    return await asyncio.to_thread(keepers[worker].renew, a_beat(worker, state), held)


async def test_a_lease_lasts_as_long_as_it_says(bench: Bench) -> None:
    """Until its last millisecond nobody else gets the job."""
    await bench.add("a")
    await bench.take("w1")
    bench.in_ms(LEASE_MS - 1)
    assert await bench.claim(1, "w2") == ()
    assert (await bench.tick()).active == 1


async def test_recovery_gives_another_worker_what_a_dead_one_held(bench: Bench) -> None:
    """After the lease the next claim of anyone takes the job over, one crash counted."""
    await bench.add("a")
    first = await bench.take("w1")
    bench.in_ms(LEASE_MS + 1)
    again = await bench.take("w2")
    assert (again.id, again.attempts, again.crashes) == ("a", 0, 1)
    assert again.fence != first.fence
    assert again.since_ms == first.since_ms
    job = await bench.job("a")
    assert (job.worker, job.crashes, job.claimed_ms) == ("w2", 1, bench.clock.now_ms())


async def test_recovery_of_an_idle_queue_comes_with_its_tick(bench: Bench) -> None:
    """With no worker left the governor's tick makes the jobs wait again, so that one is started."""
    await bench.add("a", "b")
    await bench.claim(2, "w1")
    bench.in_ms(LEASE_MS + 1)
    sample = await bench.tick()
    assert (sample.waiting, sample.active, sample.outstanding) == (2, 0, 2)
    assert [(await bench.job(job_id)).worker for job_id in "ab"] == ["", ""]


async def test_recovery_returns_jobs_to_their_places(bench: Bench) -> None:
    """What a dead worker held goes before those that came later."""
    await bench.add("a", "b", "c")
    await bench.claim(2, "w1")
    bench.in_ms(LEASE_MS + 1)
    await bench.add("d")
    assert names(await bench.claim(9, "w2")) == ["a", "b", "c", "d"]


async def test_fence_of_a_lost_claim_is_stale(bench: Bench) -> None:
    """A worker that was only slow can't end what another one runs now."""
    await bench.add("a")
    slow = await bench.take("w1")
    bench.in_ms(LEASE_MS + 1)
    quick = await bench.take("w2")
    assert (await bench.done(slow)).stale == ("a",)
    assert (await bench.job("a")).worker == "w2"
    assert (await bench.done(quick, worker="w2")).stale == ()
    assert (await bench.sample()).stale_total == 1


async def test_a_late_report_that_nobody_overtook_counts(bench: Bench) -> None:
    """Reports come before reaping: work that is done and was given to nobody else is not redone."""
    await bench.add("a")
    slow = await bench.take("w1")
    bench.in_ms(LEASE_MS * 2)
    assert (await bench.done(slow)).stale == ()
    job = await bench.job("a")
    assert (job.state, job.crashes) == (JobState.COMPLETED, 0)


async def test_fence_of_a_worker_s_own_lost_job_is_new(bench: Bench) -> None:
    """The token names the claim, not the worker: the old run's report is stale all the same."""
    await bench.add("a")
    old = await bench.take("w1")
    bench.in_ms(LEASE_MS + 1)
    new = await bench.take("w1")
    assert (new.id, new.crashes) == ("a", 1)
    assert new.fence != old.fence
    assert (await bench.done(old)).stale == ("a",)
    assert (await bench.done(new)).stale == ()


async def test_poison_ends_in_failed(bench: Bench) -> None:
    """A job whose workers die `max_deliveries` times is given up as crashed, and says who died."""
    await bench.configure(max_deliveries=3)
    await bench.add("poison", "good")
    for crash in range(3):
        claims = {claim.id: claim for claim in await bench.claim(2, f"w{crash}")}
        assert claims[(await bench.job("poison")).id].crashes == crash
        if crash == 0:
            await bench.done(next(c for c in claims.values() if c.id == "good"), worker="w0")
        bench.in_ms(LEASE_MS + 1)
    assert await bench.claim(2, "w9") == ()
    job = await bench.job("poison")
    assert (job.state, job.reason, job.crashes) == (JobState.FAILED, FailReason.CRASHED, 3)
    assert (job.attempts, job.finished_ms) == (0, bench.clock.now_ms())
    assert job.outcome is not None
    outcome = unpack_outcome(job.outcome)
    assert (outcome.error, outcome.worker, outcome.result) == ("WorkerLost", "w2", None)
    assert outcome.message.startswith("Its worker was lost 3 times")
    assert outcome.message.endswith(".")
    assert (await bench.sample()).ended_total == 1


async def test_poison_is_given_up_by_a_tick_too(bench: Bench) -> None:
    """With `max_deliveries=1` the first loss is the last."""
    await bench.configure(max_deliveries=1)
    await bench.add("a")
    await bench.take()
    bench.in_ms(LEASE_MS + 1)
    sample = await bench.tick()
    assert (sample.failed, sample.outstanding) == (1, 0)
    assert (await bench.job("a")).reason is FailReason.CRASHED


async def test_recovery_of_many_jobs_comes_in_bounded_steps(bench: Bench) -> None:
    """One step reaps at most 500; the next ones get the rest."""
    ids = [f"job-{number:04}" for number in range(700)]
    await bench.add(*ids)
    await bench.claim(700)
    bench.in_ms(LEASE_MS + 1)
    sample = await bench.tick()
    assert (sample.waiting, sample.active) == (500, 200)
    sample = await bench.tick()
    assert (sample.waiting, sample.active) == (700, 0)
    assert await bench.start_order() == ids


async def test_the_lease_is_a_setting(bench: Bench) -> None:
    """A queue with a longer lease gives its workers that much time."""
    await bench.configure(lease_ms=60_000)
    await bench.add("a")
    await bench.take()
    bench.in_ms(59_999)
    assert (await bench.tick()).active == 1
    bench.in_ms(2)
    assert (await bench.tick()).waiting == 1


async def test_lease_renewal_keeps_a_job_for_ever(
    bench: Bench, keepers: dict[str, LeaseKeeper]
) -> None:
    """A worker that beats each third of the lease loses nothing, however long its job runs."""
    await bench.add("a")
    claim = await bench.take("w1")
    for _ in range(12):
        bench.in_ms(LEASE_MS // 3)
        assert (await renew(keepers, "w1", [claim])).lost == ()
        assert await bench.claim(1, "w2") == ()
    assert (await bench.done(claim)).stale == ()


async def test_lease_renewal_extends_only_what_is_named(
    bench: Bench, keepers: dict[str, LeaseKeeper]
) -> None:
    """A job that the worker no longer names comes back, although the worker lives."""
    await bench.add("kept", "dropped")
    kept, _ = await bench.claim(2, "w1")
    bench.in_ms(LEASE_MS - 1)
    await renew(keepers, "w1", [kept])
    bench.in_ms(2)
    assert names(await bench.claim(2, "w2")) == ["dropped"]


async def test_lease_of_a_claim_that_was_never_heard_of_is_no_crash(
    bench: Bench, keepers: dict[str, LeaseKeeper]
) -> None:
    """The answer was lost on its way to a worker that lives: a flaky network makes no poison."""
    await bench.configure(max_deliveries=2)
    await bench.add("a")
    for _ in range(4):
        assert (await bench.take("w1")).crashes == 0
        for _ in range(3):
            bench.in_ms(LEASE_MS // 3 + 1)
            await renew(keepers, "w1")
    job = await bench.job("a")
    assert (job.state, job.crashes) == (JobState.ACTIVE, 0)
    await bench.tick()
    assert await bench.state("a") is JobState.WAITING
    assert (await bench.history("a"))[-1] == "lost"


async def test_poison_counts_though_its_worker_beat_soon_after_the_claim(
    bench: Bench, keepers: dict[str, LeaseKeeper]
) -> None:
    """A worker beats when it begins to work, before it knows of its first claim, and dies of it."""
    await bench.add("a")
    await bench.take("w1")
    bench.in_ms(20)
    await renew(keepers, "w1")
    bench.in_ms(LEASE_MS - 10)  # the beat is good for ten milliseconds more
    assert (await bench.take("w2")).crashes == 1


async def test_lease_that_was_renewed_once_and_then_no_more_is_a_crash(
    bench: Bench, keepers: dict[str, LeaseKeeper]
) -> None:
    """The worker knew of the job; whatever became of it there, it is held against the job."""
    await bench.add("a")
    claim = await bench.take("w1")
    bench.in_ms(1000)
    await renew(keepers, "w1", [claim])
    bench.in_ms(LEASE_MS - 1)
    await renew(keepers, "w1")
    bench.in_ms(2)
    assert (await bench.take("w2")).crashes == 1


async def test_lease_renewal_says_what_is_lost(
    bench: Bench, keepers: dict[str, LeaseKeeper]
) -> None:
    """Jobs that were taken over, ended or never there are lost; they are not extended either."""
    await bench.add("a", "b", "ended")
    a, b, ended = await bench.claim(3, "w1")
    await bench.done(ended)
    bench.in_ms(LEASE_MS - 1)
    await renew(keepers, "w1", [b])
    bench.in_ms(2)
    taken = await bench.take("w2")
    assert taken.id == "a"
    renewal = await renew(keepers, "w1", [a, b, ended])
    assert renewal.lost == ("a", "ended")
    assert renewal.now_ms == bench.clock.now_ms()
    bench.in_ms(LEASE_MS - 1)
    assert (await renew(keepers, "w2", [taken])).lost == ()


async def test_renewing_much_is_one_beat(bench: Bench, keepers: dict[str, LeaseKeeper]) -> None:
    """A worker may hold more than a thousand jobs."""
    await bench.add(*[f"a-{number}" for number in range(800)])
    await bench.add(*[f"b-{number}" for number in range(800)])
    claims = [*await bench.claim(800), *await bench.claim(800)]
    bench.in_ms(LEASE_MS - 1)
    assert (await renew(keepers, "w1", claims)).lost == ()
    bench.in_ms(2)
    assert (await bench.tick()).active == 1600


async def test_workers_that_beat_are_seen(bench: Bench, keepers: dict[str, LeaseKeeper]) -> None:
    """The sample lists them with what they say of themselves and exactly what they hold."""
    await bench.add("a", "b", "c")
    await bench.claim(2, "w1")
    await renew(keepers, "w1")
    bench.in_ms(100)
    await renew(keepers, "w2", state=WorkerState.DRAINED)
    first, second = (await bench.sample()).workers
    assert (first.id, first.state, first.slots, first.active) == ("w1", "working", 10, 2)
    assert (first.started_ms, first.host, first.pid) == (1000, "mill", 7)
    assert first.seen_ms == bench.clock.now_ms() - 100
    assert (second.id, second.state, second.active) == ("w2", "drained", 0)


async def test_active_counts_follow_every_end(
    bench: Bench, keepers: dict[str, LeaseKeeper]
) -> None:
    """Done, failed, retried, released, reaped: a worker's count is what it still holds."""
    await bench.add("a", "b", "c", "d", "e", "f")
    a, b, c, d, e, f = await bench.claim(6, "w1")
    bench.in_ms(LEASE_MS - 1)
    await renew(keepers, "w1", [a, b, c, d, f])

    async def active() -> int:
        (seen,) = (await bench.sample()).workers
        return seen.active

    counts = [await active()]
    for step in (bench.done(a), bench.fail(b), bench.fail(c, retry_in_ms=90_000)):
        await step
        counts.append(await active())
    await bench.release(d, delay_ms=90_000)
    counts.append(await active())
    bench.in_ms(2)
    await bench.tick()
    counts.append(await active())
    assert counts == [6, 5, 4, 3, 2, 1]
    assert (await bench.done(e)).stale == ("e",)
    assert await active() == 1


async def test_workers_that_fell_silent_are_not_seen(
    bench: Bench, keepers: dict[str, LeaseKeeper]
) -> None:
    """Who has not beaten within a lease is gone from the sample, until it beats again."""
    await renew(keepers, "w1")
    bench.in_ms(LEASE_MS - 1)
    assert len((await bench.sample()).workers) == 1
    bench.in_ms(1)
    assert (await bench.sample()).workers == ()
    await renew(keepers, "w1")
    assert len((await bench.sample()).workers) == 1


async def test_a_worker_that_leaves_is_gone_at_once(
    bench: Bench, keepers: dict[str, LeaseKeeper]
) -> None:
    """It needs no lease to run out; what it left behind still comes back by the lease."""
    await bench.add("a")
    await bench.take("w1")
    await renew(keepers, "w1")
    await renew(keepers, "w2")
    await asyncio.to_thread(keepers["w1"].leave)
    sample = await bench.sample()
    assert ([worker.id for worker in sample.workers], sample.active) == (["w2"], 1)
    bench.in_ms(LEASE_MS + 1)
    assert names(await bench.claim(1, "w2")) == ["a"]


async def test_renewal_tells_the_settings_version(
    bench: Bench, keepers: dict[str, LeaseKeeper]
) -> None:
    """A worker learns of new settings by its heartbeat at the latest."""
    before = (await renew(keepers, "w1")).settings_version
    version = await bench.configure(max_active=7)
    assert version == before + 1
    assert (await renew(keepers, "w1")).settings_version == version


async def test_leases_hold_while_the_loop_is_blocked(
    bench: Bench, keepers: dict[str, LeaseKeeper]
) -> None:
    """The blocking side needs no event loop: it renews although the loop stands still."""
    await bench.add("a")
    claim = await bench.take("w1")
    bench.in_ms(LEASE_MS - 1)
    keepers["w1"].renew(a_beat("w1"), [(claim.id, claim.fence)])
    bench.in_ms(2)
    answer = await bench.exchange(Done(claim.id, claim.fence, GOOD, 1))
    assert answer.stale == ()


async def test_a_thread_gives_jobs_back(bench: Bench, keepers: dict[str, LeaseKeeper]) -> None:
    """They are next in line again, no attempt or crash counted; stale fences are ignored."""
    await bench.add("a", "b")
    first = await bench.take("w1")
    held = [(first.id, first.fence), (first.id, "w1.0")]
    await asyncio.to_thread(keepers["w1"].release, held)
    again = await bench.take("w2")
    assert (again.id, again.attempts, again.crashes) == ("a", 0, 0)


async def test_lease_end_is_when_an_idle_worker_looks_again(
    bench: Bench, keepers: dict[str, LeaseKeeper]
) -> None:
    """Should its worker be gone, the job is taken over at that very moment, not at a next look."""
    await bench.add("a")
    claim = await bench.take("w1")
    now = bench.clock.now_ms()
    assert (await bench.exchange(want=1, worker="w2")).next_due_ms == now + LEASE_MS
    bench.in_ms(1000)
    await renew(keepers, "w1", [claim])
    assert (await bench.exchange(want=1, worker="w2")).next_due_ms == now + 1000 + LEASE_MS
    bench.in_ms(LEASE_MS)
    assert names((await bench.exchange(want=1, worker="w2")).claims) == ["a"]
