"""One queue of one store on the workbench: short verbs, and a count of everything after each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypedDict, Unpack

from headpond.batches import Batch
from headpond.envelope import Outcome, Progress, pack
from headpond.jobs import (
    Claim,
    Done,
    Ended,
    Failed,
    JobId,
    JobState,
    NewJob,
    Progressed,
    Released,
    Stopped,
)
from headpond.ports import ScheduleEntry, WorkerBeat
from headpond.queues import QueueSettings, WorkerState
from ledger import Ledger, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.batches import BatchState
    from headpond.jobs import Cancellation, Placed, StoredJob, Unique
    from headpond.ports import Exchange, Page, QueueEvent, QueueStore, Renewal
    from headpond.queues import QueueSample, Rate, Retention, TenantRule
    from headpond.testing import ManualClock

GOOD = pack(Outcome(started_ms=1, run_us=2, result="good"))
BAD = pack(Outcome(started_ms=1, run_us=2, error="ValueError", message="bad"))
STOPPED = pack(Outcome(started_ms=1, run_us=2, error="CancelledError", message="stopped"))
HALF = pack(Progress(done=1, total=2, message="half"))

BATCH = "class-123-session-456-date-25122024"
"""As in SEEDS B6."""

PAGE = 500


class JobFields(TypedDict, total=False):
    """What a test may say of a new job."""

    body: bytes
    priority: int
    tenant: str
    delay_ms: int
    run_at_ms: int
    unique: Unique
    batch: str


class SettingsFields(TypedDict, total=False):
    """What a test may set of a queue."""

    max_active: int
    max_deliveries: int
    lease_ms: int
    completed: Retention
    failed: Retention
    rate: Rate
    tenant: TenantRule
    tenants: tuple[tuple[str, TenantRule], ...]
    document: str


class BatchFields(TypedDict, total=False):
    """What a test may say of a batch."""

    lock_ms: int
    keep_ms: int
    callback: NewJob


class Change(TypedDict, total=False):
    """What a test may change of a job."""

    priority: int
    due_ms: int


def a_job(job_id: str, **fields: Unpack[JobFields]) -> NewJob:
    """Build a job whose body tells its id."""
    return NewJob(JobId(job_id), **{"body": f"body of {job_id}".encode(), **fields})  # type: ignore[arg-type]


def a_beat(worker: str = "w1", state: WorkerState = WorkerState.WORKING) -> WorkerBeat:
    """Build a worker's heartbeat."""
    return WorkerBeat(worker, state, slots=10, started_ms=1_000, host="mill", pid=7)


def names(claims: Sequence[Claim | StoredJob]) -> list[str]:
    """Return the ids."""
    return [claim.id for claim in claims]


def counts(batch: BatchState) -> tuple[int, ...]:
    """Return added, skipped, remaining, completed, failed, cancelled."""
    return (
        batch.added,
        batch.skipped,
        batch.remaining,
        batch.completed,
        batch.failed,
        batch.cancelled,
    )


def forged(claim: Claim, *, job_id: str = "", fence: str = "") -> Claim:
    """Return the claim with another id or fence."""
    return Claim(
        JobId(job_id or claim.id),
        claim.body,
        fence or claim.fence,
        claim.attempts,
        claim.crashes,
        claim.since_ms,
    )


class Bench:
    """A configured queue, and what the test has put into it.

    After each step `check` looks at the queue from every side: see `ledger`.
    """

    def __init__(self, store: QueueStore, clock: ManualClock, name: str = "line") -> None:
        """Work on queue `name`."""
        self.store = store
        self.clock = clock
        self.name = name
        self.ledger = Ledger()
        self.accepted = self.ledger.accepted

    async def configure(self, **settings: Unpack[SettingsFields]) -> int:
        """Put settings into force."""
        self.ledger.configured(QueueSettings(**settings))
        return await self.store.configure(self.name, QueueSettings(**settings))

    # ── the life of a job ──

    async def add(self, *ids: str, **fields: Unpack[JobFields]) -> list[bool]:
        """Enqueue jobs that differ only in their ids."""
        return await self.add_jobs([a_job(job_id, **fields) for job_id in ids])

    async def add_jobs(self, jobs: Sequence[NewJob]) -> list[bool]:
        """Enqueue these jobs in one call."""
        return [placed.created for placed in await self.place(*jobs)]

    async def place(self, *jobs: NewJob) -> list[Placed]:
        """Enqueue these jobs in one call, and return all that the store says."""
        placed = await self.store.enqueue(self.name, jobs)
        self.accepted += [job.id for job, new in zip(jobs, placed, strict=True) if new]
        await self.check()
        return placed

    async def exchange(self, *ended: Ended, want: int = 0, worker: str = "w1") -> Exchange:
        """Report what ended, and claim."""
        answer = await self.store.exchange(self.name, worker, ended, want)
        view = await self.check()
        if answer.claims:
            tenants = [view.jobs[claim.id].tenant for claim in answer.claims]
            self.ledger.started(tenants, answer.now_ms)
            self.ledger.check_active(view, set(tenants))
        return answer

    async def claim(self, want: int = 1, worker: str = "w1") -> tuple[Claim, ...]:
        """Claim up to `want` jobs."""
        return (await self.exchange(want=want, worker=worker)).claims

    async def take(self, worker: str = "w1") -> Claim:
        """Claim the one job that must be there."""
        (claim,) = await self.claim(1, worker)
        return claim

    async def start_order(self, want: int = 1000) -> list[str]:
        """Claim all and return the ids in the order in which they start."""
        return names(await self.claim(want))

    async def done(self, *claims: Claim, want: int = 0, worker: str = "w1") -> Exchange:
        """Report that these ended well."""
        ended = [Done(c.id, c.fence, GOOD, run_us=1500) for c in claims]
        return await self.exchange(*ended, want=want, worker=worker)

    async def fail(self, *claims: Claim, retry_in_ms: int | None = None) -> Exchange:
        """Report that these ended badly."""
        return await self.exchange(
            *(Failed(c.id, c.fence, BAD, 1500, retry_in_ms=retry_in_ms) for c in claims)
        )

    async def release(self, *claims: Claim, delay_ms: int = 0, parked: str = "") -> Exchange:
        """Hand these back."""
        return await self.exchange(
            *(Released(c.id, c.fence, delay_ms=delay_ms, parked=parked) for c in claims)
        )

    async def stop(self, *claims: Claim) -> Exchange:
        """Report that the handlers of these were stopped."""
        return await self.exchange(*(Stopped(c.id, c.fence, STOPPED, 1500) for c in claims))

    async def progress(self, claim: Claim, progress: bytes = HALF) -> Exchange:
        """Report how far this one is."""
        return await self.exchange(Progressed(claim.id, claim.fence, progress))

    async def renew(self, *claims: Claim, worker: str = "w1") -> Renewal:
        """Beat as `worker`, from a thread, as workers do."""
        keeper = self.store.leases(self.name, worker)
        held = [(claim.id, claim.fence) for claim in claims]
        renewal = await asyncio.to_thread(keeper.renew, a_beat(worker), held)
        keeper.close()
        return renewal

    async def run(self, *ids: str) -> None:
        """Let one job after the other be enqueued and end well, a millisecond apart."""
        for job_id in ids:
            await self.add(job_id)
            await self.done(await self.take())
            self.clock.advance_ms(1)

    # ── what people do to jobs ──

    async def cancel(self, *ids: str, fail: bool = False) -> list[Cancellation]:
        """Cancel jobs in one call."""
        asked = [JobId(job_id) for job_id in ids]
        answers = await self.store.cancel(self.name, asked, fail=fail)
        await self.check()
        return answers

    async def retry(self, *ids: str) -> list[JobState | None]:
        """Put jobs back in one call."""
        states = await self.store.retry(self.name, [JobId(job_id) for job_id in ids])
        await self.check()
        return states

    async def amend(self, job_id: str, **change: Unpack[Change]) -> JobState | None:
        """Change a job."""
        state = await self.store.amend(self.name, JobId(job_id), **change)
        await self.check()
        return state

    async def clear(self, *states: JobState) -> int:
        """Remove the jobs of these states."""
        count = await self.store.clear(self.name, states)
        await self.check()
        return count

    # ── batches and schedules ──

    async def open_batch(self, batch_id: str, total: int, **fields: Unpack[BatchFields]) -> bool:
        """Open a batch."""
        batch = Batch(batch_id, total, **fields)
        self.ledger.expect_batch(batch)
        is_open = await self.store.open_batch(self.name, batch)
        await self.check()
        return is_open

    async def begin(self, *ids: str, **fields: Unpack[BatchFields]) -> None:
        """Open `BATCH` for these jobs and enqueue them."""
        assert await self.open_batch(BATCH, len(ids), **fields)
        await self.add(*ids, batch=BATCH)

    async def batch(self, batch_id: str) -> BatchState:
        """Return the batch, which must be there."""
        batch = await self.store.batch(self.name, batch_id)
        assert batch is not None, f"{batch_id} is gone"
        return batch

    async def put_schedule(self, name: str, next_ms: int, definition: bytes = b"") -> ScheduleEntry:
        """Keep a schedule."""
        entry = ScheduleEntry(name, definition, next_ms)
        await self.store.put_schedule(self.name, entry)
        return entry

    async def fire(self, entry: ScheduleEntry, *jobs: NewJob, next_ms: int) -> bool:
        """Fire a schedule."""
        self.ledger.promised.update(job.id for job in jobs)
        has_fired = await self.store.fire(self.name, entry, jobs, next_ms)
        await self.check()
        return has_fired

    # ── looking ──

    async def events(self) -> list[QueueEvent]:
        """Return all that happened since the bench was made."""
        await self.check()
        return self.ledger.told

    async def history(self, job_id: str) -> list[str]:
        """Return the names of all that happened to a job."""
        return [event.name for event in await self.events() if job_id in event.jobs]

    async def sample(self) -> QueueSample:
        """Sample the queue."""
        return (await self.store.sample([self.name]))[self.name]

    async def tick(self) -> QueueSample:
        """Tick the queue as the governor does."""
        sample = (await self.store.tick([self.name]))[self.name]
        await self.check()
        return sample

    async def job(self, job_id: str) -> StoredJob:
        """Read the job, which must be there."""
        (job,) = await self.store.read(self.name, [JobId(job_id)])
        assert job is not None, f"{job_id} is gone"
        return job

    async def exists(self, job_id: str) -> bool:
        """Say whether the job is there."""
        return await self.store.read(self.name, [JobId(job_id)]) != [None]

    async def state(self, job_id: str) -> JobState:
        """Return the state of the job, which must be there."""
        return (await self.job(job_id)).state

    async def pages(self, state: JobState, limit: int = PAGE) -> list[Page]:
        """Follow the cursor to the end."""
        pages = [await self.store.page(self.name, state, "", limit)]
        while pages[-1].cursor:
            pages.append(await self.store.page(self.name, state, pages[-1].cursor, limit))
        return pages

    async def ids(self, state: JobState, limit: int = PAGE) -> list[str]:
        """List the ids of all jobs of this state in its order."""
        return [job.id for page in await self.pages(state, limit) for job in page.jobs]

    async def check(self) -> View:
        """Count everything: each accepted job is in one place or gone, and all views agree."""
        view = await self._look()
        self.ledger.check(view)
        return view

    async def _look(self) -> View:
        places = {state: await self.ids(state) for state in JobState}
        while events := await self.store.events(self.name, self.ledger.last_event, PAGE):
            self.ledger.read(events)
        found = await self.store.read(self.name, list(dict.fromkeys(self.accepted)))
        tallies = [await self.store.batch(self.name, each) for each in self.ledger.batches]
        return View(
            places=places,
            jobs={job.id: job for job in found if job is not None},
            sample=await self.sample(),
            batches=[tally for tally in tallies if tally is not None],
        )

    def another(self, name: str) -> Bench:
        """Return a bench for another queue of the same store."""
        return Bench(self.store, self.clock, name)

    def in_ms(self, by_ms: int) -> None:
        """Let this much time pass."""
        self.clock.advance_ms(by_ms)
