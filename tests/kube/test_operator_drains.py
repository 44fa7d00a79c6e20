"""Going down in a real cluster: the idle worker's pod goes, and no other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from headpond.ports import WorkerBeat
from headpond.queues import WorkerState
from idle_pods import SITTING

if TYPE_CHECKING:
    from headpond.jobs import Claim
    from operator_ground import Ground, Queue

COST = "controller.kubernetes.io/pod-deletion-cost"
BEATS_S = 0.5


@dataclass
class Hand:
    """A worker of one slot, named as its pod, that does what the store tells it."""

    queue: Queue
    pod: str
    state: WorkerState = WorkerState.WORKING
    claim: Claim | None = None

    async def work(self) -> None:
        """Beat, claim one job if there is one and hold it, and drain when asked to."""
        keeper = self.queue.store.leases(self.queue.name, self.pod)
        try:
            while True:
                beat = WorkerBeat(self.pod, self.state, slots=1, started_ms=1)
                held = [(self.claim.id, self.claim.fence)] if self.claim else []
                renewal = await asyncio.to_thread(keeper.renew, beat, held)
                if renewal.draining:
                    self.state = WorkerState.DRAINING if self.claim else WorkerState.DRAINED
                elif not self.claim:
                    self.state = WorkerState.WORKING
                    found = await self.queue.store.exchange(self.queue.name, self.pod, [], 1)
                    self.claim = next(iter(found.claims), None)
                await asyncio.sleep(BEATS_S)
        finally:
            keeper.close()

    async def finish(self) -> None:
        """End the job well."""
        claim, self.claim = self.claim, None
        assert claim is not None
        # Of short jobs a busy worker may be asked to claim no more: it will soon have ended.
        await self.queue.end(claim, self.pod, took_s=60)


def pods(queue: Queue) -> dict[str, dict[str, Any]]:
    """Return its pods that are not on their way out, by name."""
    found = queue.ground.objects.all("pods", labels=f"headpond.dev/queueconfig={queue.name}")
    return {
        each["metadata"]["name"]: each
        for each in found
        if not each["metadata"].get("deletionTimestamp")
    }


@pytest.mark.timeout(120)
async def test_only_the_idle_ones_pod_goes(served: Ground) -> None:
    """Of three workers two hold a job; both jobs end where they began, and then those two go."""
    spec = {
        "jobs": {"concurrency": 1},
        "scaling": {"idleAfter": "1s", "scaleDown": {"stabilization": "0s"}},
        "worker": SITTING,
    }
    async with served.queue(spec) as queue:
        await queue.served()
        await queue.enqueue(3)
        await queue.scaled(3)
        await queue.until(lambda: queue.status.get("readyReplicas") == 3, within_s=50)
        hands = [Hand(queue, name) for name in sorted(pods(queue))]
        tasks = [asyncio.create_task(each.work()) for each in hands]
        try:
            await queue.until(lambda: all(each.claim for each in hands))
            idle, *busy = hands
            await idle.finish()
            await queue.scaled(2, within_s=40)
            await queue.until(lambda: set(pods(queue)) == {each.pod for each in busy})
            assert not any(
                COST in each["metadata"].get("annotations", {}) for each in pods(queue).values()
            )
            assert all(each.state is WorkerState.WORKING for each in busy)
            (said,) = await queue.told("ScaledDown")
            assert said.startswith("3→2: ")
            assert said.endswith(f"({idle.pod} had nothing to do)")
            for each in busy:
                await each.finish()
            await queue.scaled(0, within_s=30)
            sample = await queue.sample()
            assert (sample.completed, sample.ended_total, sample.stale_total) == (3, 3, 0)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
