"""taskiq's dependencies and context on a Headpond queue, as taskiq's guide describes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator  # noqa: TC003 (taskiq reads annotations)
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel
from taskiq import Context, SimpleRetryMiddleware, TaskiqDepends, TaskiqEvents, TaskiqState

from headpond import App, Job
from headpond.broker import HeadpondBroker, JobFailed
from headpond.jobs import FailReason, JobId
from taskiq_bench import QUEUE, redis_broker, result, working
from until import until


@pytest.fixture
def broker(redis_url: str, namespace: str) -> HeadpondBroker:
    """Give a broker on Redis."""
    return redis_broker(redis_url, namespace)


def size() -> int:
    """Give the size of wheels."""
    return 3


class Wheel:
    """A class that is a dependency."""

    def __init__(self, size: int = TaskiqDepends(size)) -> None:
        """Take the size, a dependency, too."""
        self.size = size


class Grain(BaseModel):
    """What a job is about."""

    weight: int


# ── dependencies ──


async def test_context_and_state(broker: HeadpondBroker) -> None:
    """The context knows message, broker and state; the state is a dependency of its own, too."""

    @broker.on_event(TaskiqEvents.WORKER_STARTUP)
    async def start(state: TaskiqState) -> None:
        state.word = "ready"

    def word(context: Annotated[Context, TaskiqDepends()]) -> str:
        return str(context.state.word)

    @broker.task
    async def look(
        value: int,
        context: Context = TaskiqDepends(),
        state: TaskiqState = TaskiqDepends(),
        word: str = TaskiqDepends(word),
    ) -> list[Any]:
        assert context.broker is broker
        assert state is broker.state
        return [value, word, context.message.task_id, context.message.task_name]

    async with working(broker):
        task = await look.kicker().with_task_id("look-1").kiq(1)
        assert (await result(task)).return_value == [1, "ready", "look-1", look.task_name]


async def test_the_tree_is_resolved_once_per_run(broker: HeadpondBroker) -> None:
    """A dependency of two others is evaluated once, unless somebody wants it uncached."""
    made: list[str] = []

    def common() -> int:
        made.append("common")
        return len(made)

    def one(value: int = TaskiqDepends(common)) -> int:
        return value

    async def two(value: int = TaskiqDepends(common)) -> int:
        return value

    def fresh(value: int = TaskiqDepends(common, use_cache=False)) -> int:
        return value

    @broker.task
    async def both(one: int = TaskiqDepends(one), two: int = TaskiqDepends(two)) -> bool:
        return one == two

    @broker.task
    async def apart(one: int = TaskiqDepends(one), fresh: int = TaskiqDepends(fresh)) -> bool:
        return one == fresh

    async with working(broker):
        assert (await result(await both.kiq())).return_value is True
        assert made == ["common"]
        assert (await result(await apart.kiq())).return_value is False


async def test_classes_are_dependencies(broker: HeadpondBroker) -> None:
    """The class may be left out where the annotation names it; its constructor may depend, too."""

    @broker.task
    def turn(wheel: Wheel = TaskiqDepends()) -> int:
        return wheel.size

    async with working(broker):
        assert (await result(await turn.kiq())).return_value == 3


async def test_generators_clean_up(broker: HeadpondBroker) -> None:
    """What follows the yield runs after the task, sync and async, innermost last."""
    notes: list[str] = []

    def outer() -> Generator[str, None, None]:
        notes.append("open")
        yield "pool"
        notes.append("closed")

    async def inner(pool: str = TaskiqDepends(outer)) -> AsyncGenerator[str, None]:
        notes.append("begin")
        yield pool + " session"
        notes.append("commit")

    @broker.task
    async def work(session: str = TaskiqDepends(inner)) -> str:
        notes.append("work")
        return session

    async with working(broker):
        assert (await result(await work.kiq())).return_value == "pool session"
    assert notes == ["open", "begin", "work", "commit", "closed"]


@pytest.mark.parametrize("propagates", [True, False])
async def test_generators_see_errors(broker: HeadpondBroker, *, propagates: bool) -> None:
    """Errors are thrown into generators, unless `--no-propagate-errors`; the job fails anyway."""
    notes: list[str] = []

    def session() -> Generator[str, None, None]:
        try:
            yield "session"
        except KeyError:
            notes.append("rollback")
        else:
            notes.append("commit")

    @broker.task
    async def fail(session: str = TaskiqDepends(session)) -> None:
        raise KeyError(session)

    async with working(broker, propagate_exceptions=propagates):
        assert (await result(await fail.kiq())).is_err
    assert notes == ["rollback" if propagates else "commit"]


async def test_generators_clean_up_after_a_timeout(broker: HeadpondBroker) -> None:
    """A run that is stopped closes what it opened."""
    notes: list[str] = []

    async def session() -> AsyncGenerator[str, None]:
        try:
            yield "session"
        finally:
            notes.append("closed")

    @broker.task(timeout=0.1)
    async def hang(session: str = TaskiqDepends(session)) -> None:
        await asyncio.sleep(3600)

    async with working(broker):
        assert (await result(await hang.kiq())).is_err
    assert notes == ["closed"]


async def test_a_dependency_that_fails_fails_the_job(broker: HeadpondBroker) -> None:
    """Its error is the job's."""

    def no_pool() -> str:
        message = "no pool"
        raise ConnectionError(message)

    @broker.task
    async def work(pool: str = TaskiqDepends(no_pool)) -> None: ...

    async with working(broker):
        assert str((await result(await work.kiq())).error) == "ConnectionError: no pool"


async def test_first_level_dependencies_and_overrides(broker: HeadpondBroker) -> None:
    """`add_dependency_context` provides, `dependency_overrides` replaces."""
    broker.add_dependency_context({Path: Path("there")})

    def real() -> str:
        return "real"

    broker.dependency_overrides[real] = lambda: "fake"

    @broker.task
    async def where(
        path: Annotated[Path, TaskiqDepends()], which: str = TaskiqDepends(real)
    ) -> list[str]:
        return [str(path), which]

    async with working(broker):
        assert (await result(await where.kiq())).return_value == ["there", "fake"]  # type: ignore[call-overload]  # filled by taskiq


async def test_an_argument_wins_over_a_dependency(broker: HeadpondBroker) -> None:
    """What is sent by name is not resolved."""

    def default() -> str:
        return "resolved"

    @broker.task
    async def say(word: str = TaskiqDepends(default)) -> str:
        return word

    async with working(broker):
        assert (await result(await say.kiq(word="sent"))).return_value == "sent"


# ── the context's verbs ──


async def test_requeue(broker: HeadpondBroker) -> None:
    """`Context.requeue` puts the job back, labels and all; it is still the one job."""
    seen: list[int] = []

    @broker.task(size=3)
    async def again(context: Context = TaskiqDepends()) -> str:
        seen.append(int(context.message.labels.get("X-Taskiq-requeue", 0)))
        assert context.message.labels["size"] == 3
        if len(seen) < 3:
            await context.requeue()
        return "done"

    async with working(broker):
        assert (await result(await again.kiq())).return_value == "done"
        sample = (await broker.store.sample([QUEUE]))[QUEUE]
        assert (sample.added_total, sample.completed) == (1, 1)
    assert seen == [0, 1, 2]


async def test_reject(broker: HeadpondBroker) -> None:
    """`Context.reject` fails the job for good, whatever its queue retries."""

    @broker.task
    async def refuse(context: Context = TaskiqDepends()) -> None:
        context.reject()

    async with working(broker):
        task = await refuse.kiq()
        done = await result(task)
        assert isinstance(done.error, JobFailed)
        assert done.error.error == "TaskRejectedError"
        (job,) = await broker.store.read(QUEUE, [JobId(task.task_id)])
        assert job is not None
        assert job.reason is FailReason.UNRECOVERABLE


async def test_ack_does_nothing(broker: HeadpondBroker) -> None:
    """`Context.ack` may be called; the job is acknowledged by its end, and no earlier."""

    @broker.task(ack_type="manual")
    async def eager(context: Context = TaskiqDepends()) -> bool:
        assert context.is_ackable
        await context.ack()
        (job,) = await broker.store.read(QUEUE, [JobId(context.message.task_id)])
        assert job is not None
        return context.is_acked and not job.finished_ms

    async with working(broker):
        assert (await result(await eager.kiq())).return_value is True


async def test_a_task_sends_tasks(broker: HeadpondBroker) -> None:
    """The context's broker sends; a kiq from within a run is a job of its own."""

    @broker.task
    async def child(value: int) -> int:
        return value + 1

    @broker.task
    async def parent(context: Context = TaskiqDepends()) -> str:
        assert context.broker is broker
        return (await child.kiq(1)).task_id

    async with working(broker):
        task_id = (await result(await parent.kiq())).return_value
        child_task = child.kicker().with_task_id(task_id)
        assert (await result(await child_task.kiq(5))).return_value == 2, "the same job"


async def test_what_outlives_a_run_kicks_like_anybody(broker: HeadpondBroker) -> None:
    """A background task of a run that is over adds nothing to the job it came from."""
    left: list[asyncio.Task[Any]] = []
    over = asyncio.Event()

    @broker.task
    async def leaves() -> str:
        async def kick_later() -> None:
            await over.wait()
            await leaves.kicker().with_task_id("parent").kiq()

        left.append(asyncio.create_task(kick_later()))
        return "left"

    async with working(broker):
        done = await result(await leaves.kicker().with_task_id("parent").kiq())
        assert done.return_value == "left"
        over.set()
        await left[0]
        assert len(left) == 1
        (job,) = await broker.store.read(QUEUE, [JobId("parent")])
        assert job is not None
        assert job.finished_ms


# ── job types of an app under taskiq's machinery ──


async def test_job_types_may_depend_and_be_wrapped(broker: HeadpondBroker) -> None:
    """An app's handlers take taskiq's dependencies and middlewares, besides payload and job."""
    app = App("mill")
    line = app.queue(QUEUE, retries=0)
    broker.add_middlewares(SimpleRetryMiddleware(default_retry_label=True, default_retry_count=3))
    runs: list[str] = []

    def stone() -> str:
        return "granite"

    @line.job()
    async def grind(job: Job, payload: Grain, stone: str = TaskiqDepends(stone)) -> list[Any]:
        runs.append(job.id)
        if len(runs) < 3:
            raise ValueError
        return [payload.weight, stone, job.type, job.tenant]

    broker.serve(line)
    app.bind(broker.store)
    async with working(broker, queue=line):
        enqueued = await grind.enqueue(Grain(weight=4), tenant="acme")
        results = broker.result_backend
        await until(lambda: results.is_result_ready(enqueued.id))
        done = await results.get_result(enqueued.id)
        assert done.return_value == [4, "granite", "grind", "acme"]
    assert len(runs) == 3
