"""Claim from a queue of some depth: `python -m harness.claims DEPTH`; prints µs by claim's size."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from statistics import median
from typing import Final

import redis
import uvloop

from harness.ours import SIDE, URL
from harness.produce import fill
from harness.side import QUEUE
from headpond.jobs import Released

SIZES: Final = (1, 100)
STEPS: Final = 300
WARM: Final = 30
WORKER: Final = "bench-claims"


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


async def claim_us(size: int, watch: Watch) -> float:
    """Claim and hand back, again and again; return the median of the claims."""
    spent = []
    for _ in range(STEPS):
        before = watch.spent_us()
        taken = await SIDE.store.exchange(QUEUE, WORKER, [], size)
        spent.append(watch.spent_us() - before - watch.look_us)
        assert len(taken.claims) == size, taken
        back = [Released(claim.id, claim.fence) for claim in taken.claims]
        await SIDE.store.exchange(QUEUE, WORKER, back, 0)
    return median(spent[WARM:])


async def main(depth: str) -> None:
    """Fill, claim, print."""
    await SIDE.open()
    try:
        await fill(SIDE, int(depth))
        watch = Watch()
        found = {str(size): await claim_us(size, watch) for size in SIZES}
    finally:
        await SIDE.close()
    print(json.dumps(found))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
