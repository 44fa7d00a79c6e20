"""Between jobs of one worker, and between a job and its middlewares: who sees what of whom."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
from taskiq import TaskiqMiddleware
from typing_extensions import override

from headpond import App, Job
from headpond.app.status import status_of
from headpond.broker import HeadpondBroker
from headpond.clock import SystemClock
from headpond.jobs import Cancellation, JobId, JobState
from headpond.memory import MemoryQueueStore
from headpond.queues import QueueSettings
from headpond_workers.receiver import HeadpondReceiver
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from taskiq import TaskiqMessage, TaskiqResult

    from headpond import JobStatus

TENANT: ContextVar[str] = ContextVar("tenant", default="nobody")


class Watching(TaskiqMiddleware):
    """Notes what it sees, and waits after a job when told to."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        super().__init__()
        self.errors: list[str] = []
        self.ended: list[bool] = []
        self.pause = asyncio.Event()
        self.pause.set()

    @override
    def on_error(self, message: Any, result: Any, exception: BaseException) -> None:
        self.errors.append(f"{type(exception).__name__}: {exception}")

    @override
    async def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        self.ended.append(result.is_err)
        await self.pause.wait()


class Mill:
    """A queue in memory and a worker for it, in this process."""

    def __init__(self, middlewares: list[TaskiqMiddleware]) -> None:
        """Declare the queue."""
        self.store = MemoryQueueStore(SystemClock())
        app = App("mill")
        app.bind(self.store)
        self.queue = app.queue("grain", concurrency=50, timeout="30s")
        self.broker = HeadpondBroker(self.store, "grain")
        if middlewares:
            self.broker.add_middlewares(*middlewares)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Run a worker."""
        await self.store.configure("grain", QueueSettings())
        self.broker.serve(self.queue)
        receiver = HeadpondReceiver(self.broker, queue=self.queue, grace_s=5, run_startup=False)
        finish = asyncio.Event()
        task = asyncio.get_running_loop().create_task(receiver.listen(finish))
        yield
        finish.set()
        await task

    async def over(self, job_id: str) -> JobStatus:
        """Wait for a job's end; return how it ended."""
        found: list[JobStatus] = []

        async def has_ended() -> bool:
            (job,) = await self.store.read("grain", [JobId(job_id)])
            if job is None or not job.finished_ms:
                return False
            found.append(status_of(job))
            return True

        await until(has_ended, within_s=10)
        return found[0]


@pytest.mark.parametrize("with_middleware", [False, True])
async def test_no_job_finds_what_another_left(*, with_middleware: bool) -> None:
    """Context variables of 300 jobs, whether they wait or not, one after and beside another."""
    mill = Mill([Watching()] if with_middleware else [])
    seen: list[str] = []

    @mill.queue.job()
    async def note(payload: int) -> None:
        seen.append(TENANT.get())
        TENANT.set(str(payload))
        if payload % 3 == 0:
            await asyncio.sleep(0)
        assert TENANT.get() == str(payload)

    async with mill.at_work():
        answers = await note.enqueue_many(range(300))
        for answer in answers:
            assert (await mill.over(answer.id)).state is JobState.COMPLETED
    assert set(seen) == {"nobody"}
    assert len(seen) == 300


async def test_middlewares_see_a_cancellation_as_an_error() -> None:
    """Once, with its words; they run to their end although the job was interrupted."""
    watching = Watching()
    mill = Mill([watching])
    begun = asyncio.Event()

    @mill.queue.job()
    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with mill.at_work():
        job_id = (await wait.enqueue(None)).id
        await begun.wait()
        assert await wait.cancel(job_id) is Cancellation.ASKED
        status = await mill.over(job_id)
    assert (status.state, status.message) == (JobState.CANCELLED, "Cancelled while it ran.")
    assert watching.errors == ["Cancelled: Cancelled while it ran."]
    assert watching.ended == [True]


async def test_a_job_that_has_ended_well_is_not_interrupted_in_its_middlewares() -> None:
    """Its handler has returned; what comes then is not what somebody wanted stopped."""
    watching = Watching()
    watching.pause.clear()
    mill = Mill([watching])

    @mill.queue.job()
    async def work() -> str:
        return "done"

    async with mill.at_work():
        job_id = (await work.enqueue(None)).id
        await until(lambda: watching.ended == [False])
        assert await work.cancel(job_id) is Cancellation.ASKED
        await asyncio.sleep(0.3)  # long enough for a worker that interrupts it
        watching.pause.set()
        status = await mill.over(job_id)
    assert (status.state, status.result) == (JobState.COMPLETED, "done")


async def test_a_word_of_progress_is_kept_with_the_end() -> None:
    """Said in the same moment in which the handler returns."""
    mill = Mill([])

    @mill.queue.job()
    async def work(payload: int, job: Job) -> None:
        for step in range(payload):
            await job.progress(step + 1, payload)

    async with mill.at_work():
        job_id = (await work.enqueue(1000)).id
        status = await mill.over(job_id)
    assert status.progress is not None
    assert (status.progress.done, status.progress.total) == (1000, 1000)
