"""A `HeadpondBroker` with a receiver in this very process, for tests of taskiq's promises."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from headpond.broker import HeadpondBroker
from headpond.jobs import JobId
from headpond.redis import RedisQueueStore
from headpond_workers.receiver import HeadpondReceiver
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from taskiq import AsyncTaskiqTask, TaskiqResult

    from headpond.jobs import StoredJob


QUEUE = "tasks"


def redis_broker(url: str, namespace: str) -> HeadpondBroker:
    """Return a broker on Redis."""
    return HeadpondBroker(RedisQueueStore(url, namespace), QUEUE)


@asynccontextmanager
async def working(broker: HeadpondBroker, **options: Any) -> AsyncIterator[HeadpondReceiver]:
    """Run a worker of this broker as taskiq's command does, until the block ends."""
    broker.is_worker_process = True
    receiver = HeadpondReceiver(broker, **{"max_async_tasks": 10, **options})
    finish = asyncio.Event()
    listening = asyncio.create_task(receiver.listen(finish))
    try:
        await until(lambda: receiver.started or listening.done())
        yield receiver
    finally:
        finish.set()
        await listening
        await broker.shutdown()


async def result(task: AsyncTaskiqTask[Any], within_s: float = 10.0) -> TaskiqResult[Any]:
    """Wait for a task's result."""
    return await task.wait_result(check_interval=0.02, timeout=within_s)


async def stored(broker: HeadpondBroker, task_id: str) -> StoredJob:
    """Return the job behind a task, which must be there."""
    (job,) = await broker.store.read(QUEUE, [JobId(task_id)])
    assert job is not None, f"{task_id} is gone"
    return job
