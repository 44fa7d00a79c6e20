"""How an app asks about its jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from headpond import App, JobStatus, JobType
from headpond.envelope import Outcome, pack
from headpond.jobs import Done, Ended, Failed, FailReason, JobState
from headpond.memory import MemoryQueueStore
from headpond.queues import QueueSettings
from headpond.testing import START_MS, ManualClock

BEGIN = datetime.fromtimestamp(START_MS / 1000, UTC)


@pytest.fixture
def clock() -> ManualClock:
    """Give a clock that stands still."""
    return ManualClock()


@pytest.fixture
async def store(clock: ManualClock) -> MemoryQueueStore:
    """Give a store with the queue `letters`."""
    store = MemoryQueueStore(clock)
    await store.configure("letters", QueueSettings())
    return store


@pytest.fixture
def letter(store: MemoryQueueStore) -> JobType:
    """Give a job type."""
    app = App("post")
    app.bind(store)

    @app.queue("letters").job()
    async def letter(payload: dict[str, str]) -> None: ...

    return letter


async def status(job_type: JobType, job_id: str) -> JobStatus:
    """Return the status of a job that must be there."""
    found = await job_type.status(job_id)
    assert found is not None
    return found


async def test_a_job_that_waits(letter: JobType) -> None:
    """It has a beginning and nothing else yet."""
    await letter.enqueue({}, job_id="a", tenant="acme")
    seen = await status(letter, "a")
    assert (seen.id, seen.type, seen.tenant, seen.state) == ("a", "letter", "acme", "waiting")
    assert (seen.attempts, seen.result, seen.error, seen.reason) == (0, None, "", None)
    assert (seen.created_at, seen.started_at, seen.finished_at) == (BEGIN, None, None)


async def test_a_delayed_job_says_when_it_is_due(letter: JobType) -> None:
    """Due is when the delay ends."""
    await letter.enqueue({}, job_id="a", delay=timedelta(minutes=1))
    seen = await status(letter, "a")
    assert (seen.state, seen.due_at) == (JobState.DELAYED, BEGIN + timedelta(minutes=1))


async def test_a_running_job_says_since_when(
    letter: JobType, store: MemoryQueueStore, clock: ManualClock
) -> None:
    """Started is when the claim that runs now began."""
    await letter.enqueue({}, job_id="a")
    clock.advance_ms(1000)
    await store.exchange("letters", "w", [], 1)
    seen = await status(letter, "a")
    assert (seen.state, seen.started_at) == (JobState.ACTIVE, BEGIN + timedelta(seconds=1))


async def _end(store: MemoryQueueStore, outcome: Outcome) -> None:
    (claim,) = (await store.exchange("letters", "w", [], 1)).claims
    ended: Ended = Done(claim.id, claim.fence, pack(outcome), run_us=1)
    if outcome.error:
        ended = Failed(claim.id, claim.fence, pack(outcome), 1, FailReason.UNRECOVERABLE)
    await store.exchange("letters", "w", [ended], 0)


async def test_a_job_that_ended_well(
    letter: JobType, store: MemoryQueueStore, clock: ManualClock
) -> None:
    """The result is there, and the times of its run."""
    await letter.enqueue({}, job_id="a")
    clock.advance_ms(2000)
    await _end(store, Outcome(started_ms=START_MS + 500, run_us=1, result={"sent": True}))
    seen = await status(letter, "a")
    assert (seen.state, seen.attempts, seen.result) == (JobState.COMPLETED, 1, {"sent": True})
    assert seen.started_at == BEGIN + timedelta(milliseconds=500)
    assert seen.finished_at == BEGIN + timedelta(seconds=2)


async def test_a_job_that_failed(letter: JobType, store: MemoryQueueStore) -> None:
    """The error and the reason are there."""
    await letter.enqueue({}, job_id="a")
    await _end(store, Outcome(START_MS, 1, error="ValueError", message="no stamp"))
    seen = await status(letter, "a")
    assert (seen.state, seen.reason) == (JobState.FAILED, FailReason.UNRECOVERABLE)
    assert (seen.error, seen.message, seen.result) == ("ValueError", "no stamp", None)


async def test_no_job_and_another_types_job_are_none(
    letter: JobType, store: MemoryQueueStore
) -> None:
    """An app sees the jobs of the type that it asks."""
    other = App("other")
    other.bind(store)

    @other.queue("letters").job()
    async def parcel(payload: dict[str, str]) -> None: ...

    await parcel.enqueue({}, job_id="a")
    assert await letter.status("a") is None
    assert await letter.status("b") is None
