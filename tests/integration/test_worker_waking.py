"""The marker that wakes one idle worker is never lost with a worker that stops waiting."""

from __future__ import annotations

import asyncio

from headpond.jobs import JobId, NewJob
from headpond.queues import QueueSettings
from headpond.redis import RedisQueueStore

QUEUE = "yard"
MOMENTS = 40
"""Turns of the loop between the enqueue and the cancellation: each another moment of the race."""


async def test_a_cancelled_wait_passes_its_wake_up_on(redis_url: str, namespace: str) -> None:
    """Whenever it is cancelled, before, at or after the marker's arrival, the next one wakes."""
    store = RedisQueueStore(redis_url, namespace)
    await store.configure(QUEUE, QueueSettings())
    loop = asyncio.get_running_loop()
    for moment in range(MOMENTS):
        await store.wait(QUEUE, 0.01)  # takes a marker that is left over
        waiting = asyncio.create_task(store.wait(QUEUE, 5))
        await store.ping()
        await store.ping()  # by now the first has been sent
        enqueued = asyncio.create_task(store.enqueue(QUEUE, [NewJob(JobId(f"j{moment}"), b"")]))
        for _ in range(moment):
            await asyncio.sleep(0)
        was_over = waiting.done()
        waiting.cancel()
        await asyncio.wait({waiting, enqueued})
        if was_over:
            continue  # it has had its marker
        began = loop.time()
        await store.wait(QUEUE, 1.0)
        assert loop.time() - began < 0.5, f"lost, cancelled after {moment} turns"
    await store.close()
