"""Claim from a deep and a shallow queue in turn: `python -m harness.claims DEEP SHALLOW`.

Prints the µs of a claim by queue and size. Both queues are in one Redis and each step claims from
either, so that whatever else the machine does hits both alike.
"""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from statistics import median
from typing import Final

import redis
import uvloop

from harness.ours import SIDE, URL
from headpond.jobs import JobId, NewJob, Released
from headpond.queues import QueueSettings

SIZES: Final = (1, 100)
STEPS: Final = 400
WARM: Final = 50
WORKER: Final = "bench-claims"
BODY: Final = bytes(170)
"""As long as that of the other benchmarks' jobs."""
BULK: Final = 1000


class Watch:
    """What Redis says of its processor: on a busy machine, time on the wall says little."""

    def __init__(self) -> None:
        """Connect, and learn what a look costs."""
        self._redis = redis.Redis.from_url(URL)
        looks = [self.spent_us() for _ in range(STEPS)]
        self.look_us = median(later - earlier for earlier, later in pairwise(looks))

    def spent_us(self) -> float:
        """Return what the main thread has used so far."""
        said = self._redis.info("cpu")
        return float(said["used_cpu_user_main_thread"] + said["used_cpu_sys_main_thread"]) * 1e6


async def fill(queue: str, depth: int) -> None:
    """Make a queue of so many jobs that wait."""
    await SIDE.store.configure(queue, QueueSettings())
    for first in range(0, depth, BULK):
        numbers = range(first, min(first + BULK, depth))
        jobs = [NewJob(JobId(f"job-{number:019}"), BODY) for number in numbers]
        await SIDE.store.enqueue(queue, jobs)


async def claim_us(queue: str, size: int, watch: Watch) -> float:
    """Claim and hand back; return what the claim took."""
    before = watch.spent_us()
    taken = await SIDE.store.exchange(queue, WORKER, [], size)
    spent_us = watch.spent_us() - before - watch.look_us
    assert len(taken.claims) == size, taken
    back = [Released(claim.id, claim.fence) for claim in taken.claims]
    await SIDE.store.exchange(queue, WORKER, back, 0)
    return spent_us


async def main(deep: str, shallow: str) -> None:
    """Fill, claim, print the medians."""
    depths = {"deep": int(deep), "shallow": int(shallow)}
    found: dict[str, dict[str, float]] = {name: {} for name in depths}
    await SIDE.open()
    try:
        for queue, depth in depths.items():
            await fill(queue, depth)
        watch = Watch()
        for size in SIZES:
            steps = [
                {queue: await claim_us(queue, size, watch) for queue in depths}
                for _ in range(STEPS)
            ]
            for queue in depths:
                found[queue][str(size)] = median(step[queue] for step in steps[WARM:])
    finally:
        await SIDE.close()
    print(json.dumps(found))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
