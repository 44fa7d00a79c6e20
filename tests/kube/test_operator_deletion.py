"""QueueConfigs that are deleted: what goes, what stays, and that nothing ever waits for us."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from headpond.jobs import JobState
from operator_ground import HOMELESS, TEN

if TYPE_CHECKING:
    from operator_ground import Ground, Queue

AT_ONCE_S = 8.0
"""`kubectl delete` waits until the object is gone; it takes a moment to start."""


async def delete(queue: Queue) -> None:
    """Delete the QueueConfig as people do, which waits for the end of any finalizer."""
    words = ("delete", "qc", queue.name, f"--timeout={AT_ONCE_S:g}s")
    await asyncio.to_thread(queue.ground.kube.kubectl, *words)
    assert queue.ground.objects.get("queueconfigs", queue.name) is None


async def test_jobs_outlive_their_queueconfig(served: Ground) -> None:
    """The Deployment goes, the jobs stay, and who declares the queue again finds them."""
    spec = {"jobs": TEN, "worker": HOMELESS}
    async with served.queue(spec) as queue:
        await queue.served()
        await queue.enqueue(30)
        await queue.scaled(3)
        assert "finalizers" not in queue.config["metadata"]
        await delete(queue)
        await queue.until(lambda: queue.deployment is None)

        async def is_forgotten() -> bool:
            return queue.name not in await queue.store.queues()

        await queue.until(is_forgotten)
        page = await queue.store.page(queue.name, JobState.WAITING, "", 100)
        assert len(page.jobs) == 30
        queue.declare(spec)
        await queue.scaled(3)
        assert (await queue.sample()).waiting == 30


async def test_jobs_go_where_the_spec_says_so(served: Ground) -> None:
    """`deletionPolicy: Delete` removes what waits at once, and what runs when it has ended."""
    spec = {"jobs": TEN, "worker": HOMELESS, "deletionPolicy": "Delete"}
    async with served.queue(spec) as queue:
        await queue.served()
        ids = await queue.enqueue(30)
        (claim,) = (await queue.store.exchange(queue.name, "w-1", [], 1)).claims
        assert claim.id in ids
        await delete(queue)

        async def left() -> int:
            return sum(each is not None for each in await queue.store.read(queue.name, ids))

        async def only_the_active() -> bool:
            return await left() == 1

        await queue.until(only_the_active)
        await queue.end(claim)

        async def is_gone() -> bool:
            return queue.name not in await queue.store.queues() and await left() == 0

        await queue.until(is_gone)


@pytest.mark.timeout(120)
async def test_a_deletion_never_waits_for_the_operator(ground: Ground) -> None:
    """There is nobody, and `kubectl delete` returns; a later operator is not confused by it."""
    operator = ground.operator()
    spec = {"jobs": TEN, "worker": HOMELESS}
    async with ground.queue(spec) as queue, ground.queue(spec) as other:
        await queue.served()
        await other.served()
        await queue.enqueue(20)
        await queue.scaled(2)
        operator.kill()
        await delete(queue)
        await queue.until(lambda: queue.deployment is None)
        operator.start()
        await operator.ready()
        await other.enqueue(10)
        await other.scaled(1, within_s=30)
        assert len((await queue.store.page(queue.name, JobState.WAITING, "", 100)).jobs) == 20
        assert queue.deployment is None
