"""One queue of one store on the workbench: short verbs, and a count of everything after each."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

from headpond.envelope import Outcome, pack
from headpond.jobs import Claim, Done, Ended, Failed, JobId, JobState, NewJob, Released
from headpond.ports import WorkerBeat
from headpond.queues import QueueSettings, WorkerState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.jobs import StoredJob
    from headpond.ports import Exchange, Page, QueueStore
    from headpond.queues import QueueSample, Retention
    from headpond.testing import ManualClock

GOOD = pack(Outcome(started_ms=1, run_us=2, result="good"))
BAD = pack(Outcome(started_ms=1, run_us=2, error="ValueError", message="bad"))

PAGE = 500


class JobFields(TypedDict, total=False):
    """What a test may say of a new job."""

    body: bytes
    priority: int
    tenant: str
    delay_ms: int
    run_at_ms: int


class SettingsFields(TypedDict, total=False):
    """What a test may set of a queue."""

    max_active: int
    max_deliveries: int
    lease_ms: int
    completed: Retention
    failed: Retention
    document: str


def a_job(job_id: str, **fields: Unpack[JobFields]) -> NewJob:
    """Build a job whose body tells its id."""
    return NewJob(JobId(job_id), **{"body": f"body of {job_id}".encode(), **fields})  # type: ignore[arg-type]


def a_beat(worker: str = "w1", state: WorkerState = WorkerState.WORKING) -> WorkerBeat:
    """Build a worker's heartbeat."""
    return WorkerBeat(worker, state, slots=10, started_ms=1_000, host="mill", pid=7)


def names(claims: Sequence[Claim | StoredJob]) -> list[str]:
    """Return the ids."""
    return [claim.id for claim in claims]


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

    After each step `check` counts: every accepted job is in exactly one place or gone, and the
    sample, the pages and the single jobs agree.
    """

    def __init__(self, store: QueueStore, clock: ManualClock, name: str = "line") -> None:
        """Work on queue `name`."""
        self.store = store
        self.clock = clock
        self.name = name
        self.accepted: list[JobId] = []

    async def configure(self, **settings: Unpack[SettingsFields]) -> int:
        """Put settings into force."""
        return await self.store.configure(self.name, QueueSettings(**settings))

    # ── the life of a job ──

    async def add(self, *ids: str, **fields: Unpack[JobFields]) -> list[bool]:
        """Enqueue jobs that differ only in their ids."""
        return await self.add_jobs([a_job(job_id, **fields) for job_id in ids])

    async def add_jobs(self, jobs: Sequence[NewJob]) -> list[bool]:
        """Enqueue these jobs in one call."""
        added = await self.store.enqueue(self.name, jobs)
        self.accepted += [job.id for job, new in zip(jobs, added, strict=True) if new]
        await self.check()
        return added

    async def exchange(self, *ended: Ended, want: int = 0, worker: str = "w1") -> Exchange:
        """Report what ended, and claim."""
        answer = await self.store.exchange(self.name, worker, ended, want)
        await self.check()
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

    async def run(self, *ids: str) -> None:
        """Let one job after the other be enqueued and end well, a millisecond apart."""
        for job_id in ids:
            await self.add(job_id)
            await self.done(await self.take())
            self.clock.advance_ms(1)

    # ── looking ──

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

    async def check(self) -> None:
        """Count everything: each accepted job is in one place or gone, and all views agree."""
        places = {state: await self.ids(state) for state in JobState}
        listed = sorted(job_id for ids in places.values() for job_id in ids)
        wanted = list(dict.fromkeys(self.accepted))
        found = [job for job in await self.store.read(self.name, wanted) if job is not None]
        assert sorted(names(found)) == listed, "each job is in exactly one place"
        assert all(job.id in places[job.state] for job in found), "a job knows where it is"
        sample = await self.sample()
        assert {
            JobState.WAITING: sample.waiting,
            JobState.DELAYED: sample.due + sample.delayed,
            JobState.ACTIVE: sample.active,
            JobState.COMPLETED: sample.completed,
            JobState.FAILED: sample.failed,
            JobState.CANCELLED: sample.cancelled,
        } == {state: len(ids) for state, ids in places.items()}, "counts are exact"
        assert sample.added_total == len(self.accepted)
        assert sample.parked == sum(
            job.parked for job in found if job.state in {JobState.WAITING, JobState.DELAYED}
        )

    def another(self, name: str) -> Bench:
        """Return a bench for another queue of the same store."""
        return Bench(self.store, self.clock, name)

    def in_ms(self, by_ms: int) -> None:
        """Let this much time pass."""
        self.clock.advance_ms(by_ms)
