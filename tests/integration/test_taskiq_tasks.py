"""taskiq's tasks on a Headpond queue, as taskiq's guide describes them: arguments and results."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel
from taskiq import TaskiqResultTimeoutError
from taskiq.exceptions import ResultGetError

from headpond.broker import HeadpondBroker, JobFailed
from headpond.jobs import FailReason
from taskiq_bench import redis_broker, result, stored, working


class Point(BaseModel):
    """A pydantic argument and result."""

    x: int
    y: int = 0


@dataclass
class Size:
    """A dataclass as argument."""

    width: int


def sent_as(value: Any) -> Any:
    """Send what the annotation does not allow, for the worker to cast."""
    return value


@pytest.fixture
def broker(redis_url: str, namespace: str) -> HeadpondBroker:
    """Give a broker on Redis."""
    return redis_broker(redis_url, namespace)


async def test_kiq_and_wait_result(broker: HeadpondBroker) -> None:
    """The guide's first example: a task is sent, run by a worker, and its result awaited."""

    @broker.task
    async def add_one(value: int) -> int:
        return value + 1

    async with working(broker):
        done = await result(await add_one.kiq(1))
    assert done.return_value == 2
    assert not done.is_err
    assert done.raise_for_error() is done
    assert done.execution_time >= 0
    assert await add_one(1) == 2, "a task is still a function"


async def test_tasks_wait_in_the_queue_for_a_worker(broker: HeadpondBroker) -> None:
    """What is sent before any worker is there runs once one comes; until then it is not ready."""

    @broker.task
    async def echo(value: str) -> str:
        return value

    await broker.startup()
    task = await echo.kiq("early")
    assert not await task.is_ready()
    with pytest.raises(TaskiqResultTimeoutError):
        await task.wait_result(check_interval=0.02, timeout=0.1)
    with pytest.raises(ResultGetError):
        await task.get_result()
    async with working(broker):
        assert (await result(task)).return_value == "early"
        assert await task.is_ready()


async def test_sync_tasks_run_in_threads(broker: HeadpondBroker) -> None:
    """A plain function runs in a thread, beside the loop; it may return an awaitable."""
    here = threading.get_ident()
    both = threading.Barrier(2, timeout=10)

    @broker.task
    def meet() -> bool:
        both.wait()
        return threading.get_ident() != here

    @broker.task
    def later() -> Any:
        return asyncio.sleep(0, "later")

    async with working(broker):
        first, second, third = await meet.kiq(), await meet.kiq(), await later.kiq()
        assert (await result(first)).return_value is True
        assert (await result(second)).return_value is True
        assert (await result(third)).return_value == "later"


async def test_arguments_are_cast_to_their_annotations(broker: HeadpondBroker) -> None:
    """Models, dataclasses, times and numbers arrive as annotated; misfits stay as they are."""

    @broker.task
    async def kinds(  # noqa: PLR0913 (one of each kind)
        point: Point,
        size: Size,
        count: int,
        moment: dt.datetime,
        *rest: int,
        named: Point,
        free: Any = None,
        nothing: int | None = None,
    ) -> list[str]:
        values = (point, size, count, moment, *rest, named, free, nothing)
        return [type(value).__name__ for value in values]

    moment = dt.datetime(2025, 1, 2, tzinfo=dt.UTC)
    async with working(broker):
        task = await kinds.kiq(
            Point(x=1),
            Size(2),
            sent_as("3"),
            moment,
            sent_as("4"),
            5,
            named=sent_as({"x": 6}),
            free={"a": 1},
            nothing=None,
        )
        assert (await result(task)).return_value == [
            "Point", "Size", "int", "datetime", "int", "int", "Point", "dict", "NoneType",
        ]  # fmt: skip

        @broker.task
        async def kind(count: int) -> str:
            return type(count).__name__

        assert (await result(await kind.kiq(sent_as("three")))).return_value == "str"


async def test_no_parse_leaves_arguments_alone(broker: HeadpondBroker) -> None:
    """`--no-parse` of taskiq's command."""

    @broker.task
    async def kind(count: int) -> str:
        return type(count).__name__

    async with working(broker, validate_params=False):
        assert (await result(await kind.kiq(sent_as("3")))).return_value == "str"


async def test_results_become_what_the_task_says_it_returns(broker: HeadpondBroker) -> None:
    """A return annotation of a model or a time makes that of the stored result."""

    @broker.task
    async def point() -> Point:
        return Point(x=1, y=2)

    @broker.task
    async def day() -> dt.date:
        return dt.date(2025, 1, 2)

    async with working(broker):
        assert (await result(await point.kiq())).return_value == Point(x=1, y=2)
        assert (await result(await day.kiq())).return_value == dt.date(2025, 1, 2)


async def test_an_error_is_a_result(broker: HeadpondBroker) -> None:
    """A task that raises has a result with `is_err` and an error that says class and message."""

    @broker.task
    async def fail() -> None:
        message = "no luck"
        raise ValueError(message)

    async with working(broker):
        task = await fail.kiq()
        done = await result(task)
        job = await stored(broker, task.task_id)
    assert (job.attempts, job.reason) == (1, FailReason.EXHAUSTED)
    assert done.is_err
    assert done.return_value is None
    assert isinstance(done.error, JobFailed)
    assert (done.error.error, done.error.message) == ("ValueError", "no luck")
    with pytest.raises(JobFailed, match="ValueError: no luck"):
        done.raise_for_error()
