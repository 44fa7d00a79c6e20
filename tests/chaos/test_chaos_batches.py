"""Batches under losses: exact by membership, complete once, and the callback runs after all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from headpond.batches import Batch
from headpond.errors import StoreUnavailable
from headpond.jobs import JobState
from history import Snapped, Started, read
from mill import QUEUE
from mill_app import mill
from tcp_proxy import through_proxy

if TYPE_CHECKING:
    from chaos import Chaos, World
    from chaos_load import Load
    from history_checks import Ending


async def test_batches_complete_once_while_workers_are_killed(world: World, seconds: float) -> None:
    """Exact by membership, whoever runs its jobs how often; the callback runs when all is over."""
    async with world.chaos(lease_ms=1_000) as chaos:
        await chaos.staff(3)
        load = chaos.load()
        ends = asyncio.get_running_loop().time() + seconds
        batches = chaos.begin(several(chaos, load, ends))
        while not batches.done():
            await chaos.pause(0.2, 0.6)
            chaos.kill(chaos.chance.choice(chaos.alive))
            await chaos.staff(3)
        await batches
        ending = await chaos.verdict()
        assert len(ending.batches) == len(chaos.batches) > 1
        callbacks_came_after(chaos, ending)


async def test_batches_complete_once_though_replies_are_lost(world: World, seconds: float) -> None:
    """What was sent again counts once: no batch is complete before its last job was sent."""
    async with through_proxy(world, seconds) as (proxy, chaos):
        await chaos.staff(2)
        ends = asyncio.get_running_loop().time() + seconds
        batches = chaos.begin(several(chaos, chaos.load(), ends))
        while not batches.done():
            await chaos.pause(0.05, 0.3)
            chaos.log.tell(Snapped())
            proxy.lose_replies(chaos.chance, 0.4)
        await batches
        ending = await chaos.verdict(within_s=seconds + 15)
        assert len(ending.batches) == len(chaos.batches) > 1
        callbacks_came_after(chaos, ending)


def callbacks_came_after(chaos: Chaos, ending: Ending) -> None:
    """See that the callback of each batch ran, and after all of its jobs."""
    events = read(chaos.log.path)
    for batch in ending.batches:
        callback = ending.by_id[f"after-{batch.id}"]
        assert callback.state is JobState.COMPLETED
        began = min(event.at for event in events if is_start(event, callback.id))
        assert began * 1000 >= batch.completed_ms - 1


def is_start(event: object, job: str) -> bool:
    """Say whether a job began here."""
    return isinstance(event, Started) and event.id == job


async def several(chaos: Chaos, load: Load, ends: float) -> None:
    """Open one batch after the other and fill it, some of its jobs twice."""
    while asyncio.get_running_loop().time() < ends:
        batch = f"b{len(chaos.batches) + 1}"
        jobs = [replace(job, batch=batch) for job in load.jobs(chaos.chance.randint(5, 60))]
        again = chaos.chance.sample(jobs, len(jobs) // 5)
        after = mill.job_types["toil"].pack({}, job_id=f"after-{batch}")
        chaos.strangers.add(after.id)
        taken = [replace(job, batch="") for job in jobs[: len(jobs) // 7]]
        await load.enqueue(taken)  # somebody else's: the batch will skip them
        await opened(chaos, Batch(batch, len(jobs), callback=after))
        chaos.batches.append(batch)
        for part in (jobs[::2], jobs[1::2], again):
            await load.enqueue(part)
            await chaos.pause(0, 0.1)


async def opened(chaos: Chaos, batch: Batch) -> None:
    """Open a batch; when the answer is lost, it may be ours already."""
    is_known = True
    while True:
        try:
            is_open = await chaos.mill.store.open_batch(QUEUE, batch)
        except StoreUnavailable:
            is_known = False
            await asyncio.sleep(0.05)
        else:
            assert is_open or not is_known
            return
