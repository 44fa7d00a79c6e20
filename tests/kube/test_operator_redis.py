"""Redis away, or back without its data: the replicas stay, and the object says so."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from operator_ground import HOMELESS, TEN, ground_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kube_cluster import Cluster
    from operator_ground import Ground, Queue

SAID_WITHIN_S = 5.0
"""The bar: from the loss of Redis to the condition."""
GUARD_S = 15.0
"""At least so long nothing goes down after Redis came back empty."""
SOON = {"idleAfter": "1s", "scaleDown": {"stabilization": "0s"}}


@pytest.fixture(scope="module")
def shaken(crds: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Give a ground whose Redis may be wounded."""
    with ground_of(crds, tmp_path_factory.mktemp("shaken")) as ground:
        ground.operator()
        yield ground


@contextmanager
def killed(ground: Ground) -> Iterator[None]:
    """Have no Redis for a while."""
    ground.redis.kill()
    yield
    ground.redis.start()


@contextmanager
def stopped(ground: Ground) -> Iterator[None]:
    """Have a Redis for a while that takes connections and does not answer."""
    os.kill(ground.redis.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(ground.redis.pid, signal.SIGCONT)


async def staffed(queue: Queue) -> None:
    """Wait until it has the five workers of its backlog."""
    await queue.served()
    await queue.enqueue(50)
    await queue.scaled(5)
    await queue.until(lambda: queue.status.get("desiredReplicas") == 5)


@pytest.mark.parametrize("wound", [killed, stopped])
async def test_without_redis_the_workers_stay(shaken: Ground, wound: object) -> None:
    """The condition says so within five seconds, and takes it back when Redis answers."""
    assert callable(wound)
    async with shaken.queue({"jobs": TEN, "scaling": SOON, "worker": HOMELESS}) as queue:
        await staffed(queue)
        loop = asyncio.get_running_loop()
        with wound(shaken):
            began_s = loop.time()
            said = await queue.says("BacklogKnown", "False", "StoreUnreachable")
            assert loop.time() - began_s < SAID_WITHIN_S
            assert "is not an empty queue: the number stays" in said
            assert await queue.told("StoreUnreachable")
            assert "waiting" not in queue.status["queue"]
            assert queue.replicas == 5
        await queue.says("BacklogKnown", "True", "Sampled")
        await queue.says("Ready", "True", "Serving")
        assert queue.replicas == 5
        assert not queue.events("ScaledDown")


async def test_a_queue_that_is_declared_without_redis_is_served_when_it_is_back(
    shaken: Ground,
) -> None:
    """It has its Deployment meanwhile, and says what it waits for."""
    async with shaken.queue() as first:
        first.declare({"worker": HOMELESS})
        await first.served()
    async with shaken.queue() as queue:
        with killed(shaken):
            queue.declare({"jobs": TEN, "worker": HOMELESS})
            await queue.scaled(0)
            await queue.says("BacklogKnown", "False", "StoreUnreachable")
        await queue.served()
        await queue.enqueue(30)
        await queue.scaled(3)


@pytest.mark.timeout(120)
async def test_an_empty_redis_is_not_an_empty_queue(shaken: Ground) -> None:
    """For a window nothing goes down; the configuration is written again, and jobs are taken."""
    async with shaken.queue({"jobs": TEN, "scaling": SOON, "worker": HOMELESS}) as queue:
        await staffed(queue)
        loop = asyncio.get_running_loop()
        shaken.redis.kill()
        for file in shaken.redis.dir.rglob("appendonly*"):
            if file.is_file():
                file.unlink()
        shaken.redis.start()
        began_s = loop.time()
        said = await queue.says("BacklogKnown", "False", "StoreReset")
        assert "the store came back without this queue's data" in said
        assert await queue.told("StoreReset")

        async def settings() -> object:
            return await queue.store.settings(queue.name)

        await queue.until(settings)
        assert queue.replicas == 5
        await queue.scaled(0, within_s=45)
        assert loop.time() - began_s >= GUARD_S - 1  # the reset was seen a little before
        await queue.enqueue(20)
        await queue.scaled(2)
        await queue.says("BacklogKnown", "True", "Sampled")
