"""taskiq's retry middlewares on a Headpond queue, as taskiq's documentation describes them."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from taskiq import Context, SimpleRetryMiddleware, SmartRetryMiddleware, TaskiqDepends

from headpond.jobs import JobState
from taskiq_bench import QUEUE, redis_broker, result, stored, working
from until import until

if TYPE_CHECKING:
    from headpond.broker import HeadpondBroker


@pytest.fixture
def broker(redis_url: str, namespace: str) -> HeadpondBroker:
    """Give a broker on Redis."""
    return redis_broker(redis_url, namespace)


async def test_simple_retry(broker: HeadpondBroker) -> None:
    """`retry_on_error` and `max_retries` re-run the one job under its id until it succeeds."""
    broker.add_middlewares(SimpleRetryMiddleware(default_retry_count=5))
    runs: list[int] = []

    @broker.task(retry_on_error=True)
    async def third_time(context: Context = TaskiqDepends()) -> int:
        runs.append(int(context.message.labels.get("_retries", 0)))
        if len(runs) < 3:
            raise ValueError
        return len(runs)

    async with working(broker):
        task = await third_time.kiq()
        done = await result(task)
        assert done.return_value == 3
        sample = (await broker.store.sample([QUEUE]))[QUEUE]
        assert (sample.added_total, sample.completed, sample.failed) == (1, 1, 0)
    assert runs == [0, 1, 2]


async def test_simple_retry_gives_up(broker: HeadpondBroker) -> None:
    """`max_retries` is the number of runs, as taskiq counts; then the error is the result."""
    broker.add_middlewares(SimpleRetryMiddleware())
    runs: list[int] = []

    @broker.task(retry_on_error=True, max_retries=4)
    async def never() -> None:
        runs.append(1)
        raise ValueError

    @broker.task
    async def not_retried() -> None:
        runs.append(100)
        raise ValueError

    async with working(broker):
        assert (await result(await never.kiq())).is_err
        assert (await result(await not_retried.kiq())).is_err
    assert sum(runs) == 104


async def test_simple_retry_of_some_errors(broker: HeadpondBroker) -> None:
    """`types_of_exceptions` of middleware and task."""
    broker.add_middlewares(
        SimpleRetryMiddleware(default_retry_label=True, types_of_exceptions=[KeyError])
    )
    runs: list[str] = []

    @broker.task
    async def fail(kind: str) -> None:
        runs.append(kind)
        raise {"key": KeyError, "value": ValueError}[kind]

    async with working(broker):
        await result(await fail.kiq("key"))
        await result(await fail.kiq("value"))
    assert runs == ["key", "key", "key", "value"]


async def test_smart_retry_waits(broker: HeadpondBroker) -> None:
    """Its delay is the queue's own: the job is delayed meanwhile, and nothing polls."""
    broker.add_middlewares(SmartRetryMiddleware(default_retry_count=3, default_delay=0.3))
    starts: list[float] = []

    @broker.task(retry_on_error=True)
    async def twice() -> str:
        starts.append(asyncio.get_running_loop().time())
        if len(starts) < 2:
            raise ValueError
        return "done"

    async with working(broker):
        task = await twice.kiq()

        async def is_delayed() -> bool:
            return (await stored(broker, task.task_id)).state is JobState.DELAYED

        await until(is_delayed)
        assert not await task.is_ready()
        assert (await result(task)).return_value == "done"
    assert 0.28 < starts[1] - starts[0] < 0.5


async def test_smart_retry_with_exponent_and_jitter(broker: HeadpondBroker) -> None:
    """Delays grow and vary as the middleware says."""
    broker.add_middlewares(
        SmartRetryMiddleware(
            default_retry_count=4,
            default_retry_label=True,
            default_delay=0.05,
            use_delay_exponent=True,
            use_jitter=True,
            max_delay_exponent=0.1,
        )
    )
    starts: list[float] = []

    @broker.task
    async def third_time() -> int:
        starts.append(asyncio.get_running_loop().time())
        if len(starts) < 3:
            raise ValueError
        return len(starts)

    async with working(broker):
        assert (await result(await third_time.kiq())).return_value == 3
    assert all(later - sooner >= 0.05 for sooner, later in pairwise(starts))
