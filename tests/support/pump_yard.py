"""A pump at work on a store in memory, for tests that look at what it does with its jobs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from typing_extensions import override

from headpond.envelope import Outcome, pack
from headpond.errors import StoreUnavailable
from headpond.jobs import Done, JobId, JobState, NewJob
from headpond.memory import MemoryQueueStore
from headpond.queues import QueueSettings
from headpond.testing import ManualClock
from headpond_workers.pump import Pump
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from headpond.jobs import Ended
    from headpond.ports import Exchange
    from headpond_workers.held import Held

QUEUE, WORKER = "yard", "w1"
GOOD = pack(Outcome(1, 1))


class Unreliable(MemoryQueueStore):
    """Fails some exchanges, before or after they are applied, or before, once an event is set."""

    faults: list[str | asyncio.Event]

    @override
    async def exchange(
        self, queue: str, worker: str, ended: Sequence[Ended], want: int
    ) -> Exchange:
        fault = self.faults.pop(0) if ended and self.faults else ""
        if isinstance(fault, asyncio.Event):
            await fault.wait()
            fault = "before"
        if fault == "before":
            raise StoreUnavailable("no answer")
        answer = await super().exchange(queue, worker, ended, want)
        if fault == "after":
            raise StoreUnavailable("the answer was lost")
        if fault == "strange":
            raise KeyError("nobody expected this")
        return answer


class Yard:
    """A pump at work on a store in memory; its jobs end when the test says so."""

    def __init__(self, slots: int = 2) -> None:
        """Begin with an empty queue."""
        self.clock = ManualClock()
        self.store = Unreliable(self.clock)
        self.store.faults = []
        self.started: list[Held] = []
        self.pump = Pump(self.store, QUEUE, WORKER, slots, self.start)
        self._idle = asyncio.Event()

    def start(self, held: Held) -> None:
        """Start a job: it runs until it is finished."""
        held.task = asyncio.get_running_loop().create_task(self._idle.wait())  # type: ignore[arg-type]  # never awaited
        self.started.append(held)

    @property
    def ids(self) -> list[str]:
        """Return what was started, in order."""
        return [held.claim.id for held in self.started]

    async def add(self, *ids: str) -> None:
        """Enqueue jobs."""
        await self.store.enqueue(QUEUE, [NewJob(JobId(each), b"") for each in ids])

    def finish(self, held: Held, run_us: int = 1_000_000) -> None:
        """Let a started job end well; it took a second."""
        self.pump.end(Done(held.claim.id, held.claim.fence, GOOD, run_us))

    async def state(self, job_id: str) -> JobState:
        """Return where a job is."""
        (job,) = await self.store.read(QUEUE, [JobId(job_id)])
        assert job is not None
        return job.state

    async def counts(self) -> tuple[int, int, int]:
        """Return how many wait, are active and completed."""
        sample = (await self.store.sample([QUEUE]))[QUEUE]
        return sample.waiting, sample.active, sample.completed

    async def come_to(self, *counts: int) -> None:
        """Wait until that many wait, are active and completed."""

        async def are() -> bool:
            return await self.counts() == counts

        await until(are, within_s=5)


@asynccontextmanager
async def a_yard() -> AsyncIterator[Yard]:
    """Give a pump of two slots on an empty queue."""
    it = Yard()
    await it.store.configure(QUEUE, QueueSettings(lease_ms=1_000))
    yield it
    await it.pump.stop_claiming()
    for held in it.started:
        assert held.task is not None
        held.task.cancel()
    await asyncio.sleep(0)
