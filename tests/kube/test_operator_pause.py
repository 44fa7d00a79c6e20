"""Pausing a queue in a real cluster: by its spec, at run time, and both at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from headpond.queues import Hold
from operator_ground import HOMELESS, TEN

if TYPE_CHECKING:
    from operator_ground import Ground, Queue

SOON_S = 1.0
"""The bar: from `kubectl apply` of a pause to the last claim."""


async def claims(queue: Queue) -> bool:
    """Claim one job as a worker does; return whether there was one for the taking."""
    exchange = await queue.store.exchange(queue.name, "w-1", [], 1)
    return not exchange.held


async def test_no_job_starts_a_second_after_a_pause_is_applied(served: Ground) -> None:
    """And jobs are still accepted, and start again when it is lifted."""
    async with served.queue({"jobs": TEN, "scaling": {"max": 1}, "worker": HOMELESS}) as queue:
        await queue.served()
        await queue.enqueue(900)
        assert await claims(queue)
        queue.amend({"pause": "Hold"})
        applied_s = asyncio.get_running_loop().time()

        async def is_held() -> bool:
            return not await claims(queue)

        await queue.until(is_held)
        assert asyncio.get_running_loop().time() - applied_s < SOON_S
        said = await queue.says("Paused", "True", "Spec")
        assert said == "spec.pause is Hold: no job starts; jobs are still accepted."
        assert queue.status["pause"] == {"effective": "Hold", "source": "spec"}
        await queue.enqueue(1)
        queue.amend({"pause": "None"})
        await queue.until(lambda: claims(queue))
        await queue.says("Paused", "False", "Running")


async def test_a_drain_takes_the_workers_away_as_well(served: Ground) -> None:
    """To zero although the backlog wants them, and back when it is lifted."""
    async with served.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        await queue.served()
        await queue.enqueue(50)
        await queue.scaled(5)
        queue.amend({"pause": "Drain"})
        await queue.scaled(0)
        await queue.says("Paused", "True", "Spec")
        assert queue.status["pause"] == {"effective": "Drain", "source": "spec"}
        assert (await queue.sample()).waiting == 50
        queue.amend({"pause": None})
        await queue.scaled(5)


async def test_a_pause_at_run_time_is_shown_with_who_and_why(served: Ground) -> None:
    """By API, command line or dashboard it lies in the store; the object tells of it."""
    async with served.queue({"worker": HOMELESS}) as queue:
        await queue.served()
        now_ms = (await queue.sample()).at_ms
        hold = Hold("runtime", "asha", "the mail provider is down", now_ms, now_ms + 3_600_000)
        await queue.store.hold(queue.name, hold)
        said = await queue.says("Paused", "True", "Runtime")
        assert said == "Held by asha: the mail provider is down"
        shown = queue.status["pause"]
        assert (shown["effective"], shown["source"]) == ("Hold", "runtime")
        assert (shown["by"], shown["reason"]) == ("asha", "the mail provider is down")
        assert shown["until"]
        assert "Hold" in served.kube.kubectl("get", "qc", queue.name)
        await queue.store.resume(queue.name, "runtime")
        await queue.says("Paused", "False", "Running")


async def test_a_resume_at_run_time_does_not_lift_the_specs_pause(served: Ground) -> None:
    """The stricter one wins, and is the one that is shown."""
    async with served.queue({"worker": HOMELESS, "pause": "Hold"}) as queue:
        await queue.says("Paused", "True", "Spec", within_s=45)
        now_ms = (await queue.sample()).at_ms
        await queue.store.hold(queue.name, Hold("runtime", "asha", "lunch", now_ms))
        await queue.store.resume(queue.name, "runtime")
        assert not await claims(queue)
        assert queue.condition("Paused")[:2] == ("True", "Spec")
        now_ms = (await queue.sample()).at_ms
        await queue.store.hold(queue.name, Hold("runtime", "asha", "lunch", now_ms))
        queue.amend({"pause": "None"})
        await queue.says("Paused", "True", "Runtime")
        assert not await claims(queue)
