"""The pump and the wake marker of Redis: one marker, one worker, and no job that nobody saw."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from headpond.envelope import Outcome, pack
from headpond.jobs import Done, JobId, NewJob
from headpond.queues import QueueSettings
from headpond.redis import RedisQueueStore
from headpond_workers import pump as pumps
from headpond_workers.held import Held
from headpond_workers.pump import Pump
from until import until

if TYPE_CHECKING:
    from headpond.ports import Exchange

QUEUE = "yard"


async def test_a_wake_up_during_an_exchange_is_not_lost(redis_url: str, namespace: str) -> None:
    """A job that comes while an empty answer is on its way starts at once, not at the next look."""
    store = RedisQueueStore(redis_url, namespace)
    await store.configure(QUEUE, QueueSettings())
    gate = asyncio.Event()
    gate.set()
    exchange, started = store.exchange, list[Held]()

    async def late(*args: Any) -> Exchange:
        answer = await exchange(*args)
        await gate.wait()
        return answer

    store.exchange = late  # type: ignore[assignment]  # the answer is late, and nothing else
    pump = Pump(store, QUEUE, "w1", 2, started.append)
    pump.begin()
    await until(lambda: pump.is_waiting)
    await store.enqueue(QUEUE, [NewJob(JobId("a"), b"")])
    await until(lambda: started and pump.is_waiting)
    gate.clear()
    started[0].task = asyncio.create_task(gate.wait())  # type: ignore[arg-type]  # a run
    claim = started[0].claim
    pump.end(Done(claim.id, claim.fence, pack(Outcome(1, 1)), 1))

    async def is_reported() -> bool:
        return (await store.sample([QUEUE]))[QUEUE].completed == 1

    await until(is_reported)
    await store.enqueue(QUEUE, [NewJob(JobId("b"), b"")])
    await until(lambda: not pump.is_waiting)
    gate.set()
    await until(lambda: len(started) == 2, within_s=pumps.IDLE_S / 5)
    await pump.stop_claiming()
    pump.end(started[1].released())
    await pump.wait_empty()
    await store.close()
