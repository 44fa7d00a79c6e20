"""Producers die in mid-enqueue, and offer the same jobs again."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from history import Accepted, read

if TYPE_CHECKING:
    from chaos import Chaos, World
    from nursery import Child

COUNT = 400


def producer(chaos: Chaos, prefix: str, seed: int) -> Child:
    """Start a producer's process; one of the same prefix and seed offers the same jobs."""
    mill = chaos.mill
    assert mill.nursery is not None
    environ = {
        **os.environ,
        "HEADPOND_REDIS_URL": mill.url,
        "HEADPOND_NAMESPACE": mill.namespace,
        "MILL_STORY": str(chaos.log.path),
        "CHAOS_PREFIX": prefix,
        "CHAOS_SEED": f"{seed}",
        "CHAOS_COUNT": f"{COUNT}",
    }
    argv = ["chaos_load:main"]
    return mill.nursery.bear(argv, environ=environ, cwd=mill.folder, log=mill.folder / prefix)


async def test_producers_are_killed_in_mid_enqueue(world: World, seconds: float) -> None:
    """Whoever begins again with the same ids makes no job twice, and misses none."""
    async with world.chaos(lease_ms=6_000) as chaos:
        await chaos.staff(2)
        seeds = {prefix: chaos.chance.getrandbits(32) for prefix in ("a", "b")}
        ends = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < ends:
            producers = [producer(chaos, *each) for each in seeds.items()]
            await chaos.pause(0.3, 0.8)
            for each in producers:
                each.kill()
                each.wait()
        for each in [producer(chaos, *each) for each in seeds.items()]:
            assert await asyncio.to_thread(each.wait) == 0
        ending = await chaos.verdict()
        assert not any(job.crashes for job in ending.jobs)
        answers = [event for event in read(chaos.log.path) if isinstance(event, Accepted)]
        assert len({answer.id for answer in answers}) == len(ending.jobs) >= 2 * COUNT
        assert not all(answer.created for answer in answers), "nothing was offered twice"
