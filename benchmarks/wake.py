"""From a backlog to the number of workers for it, written: 0 to 50 in one step.

Needs a Kubernetes (kind). A queue without workers gets 1,000 jobs in one call; timed from the reply
until a watch of the API server shows 50 replicas. The workers' pods fit no node, so that nothing is
measured but the decision and the write. The last row fills 50 queues with a job each at once, timed
from the first call until the last of the 50 is seen to have its worker. KEDA 2.21 was measured on
such a cluster: 5,000 jobs and 50 replicas in the first rows, the same 50 queues in the last, where
29 were without a worker after two minutes.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parent / "support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from harness.command import Benchmark, main
from harness.rows import Bar, Row
from headpond.jobs import JobId, JobState, NewJob
from headpond.redis import RedisQueueStore
from operator_bench import HOMELESS, Scales, following, stand
from until import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.lab import Lab
    from operator_bench import Stand

REPLICAS: Final = 50
SLOTS: Final = 20
QUEUES: Final = 50
TOGETHER: Final = 5
"""How often 50 queues fill at once."""
WITHIN_S: Final = 60.0
KEDA_DEFAULT_MS: Final = (71_000, 78_300, 90_600)
"""Least, median and most of 8: polling and HPA as they come."""
KEDA_FASTEST_MS: Final = (2_100, 8_200, 15_500)
"""Of 12: polling each second, and an HPA that may add 1,000 pods a second."""
KEDA_TOGETHER_MS: Final = 120_000
"""29 of 50 queues had no worker by then."""

SCALING: Final = {
    "min": 0,
    "target": {"wait": "30s"},
    "scaleDown": {"stabilization": "0s"},
    "idleAfter": "0s",
}
"""Quickly back to zero, for the next time."""


class Filling:
    """Fills queues, sees what becomes of it, and empties them again."""

    def __init__(self, lab: Lab, store: RedisQueueStore, scales: Scales) -> None:
        """Count what it has enqueued."""
        self._lab = lab
        self._store = store
        self._scales = scales
        self._made = 0

    async def alone(self, name: str) -> float:
        """Fill a queue at a random moment; return the ms from the reply to the final number."""
        await self._empty([name])
        await self._fill(name, REPLICAS * SLOTS)
        replied_s = time.time()
        seen_s = await self._reached(name, REPLICAS)
        steps = [wanted for _, wanted in self._scales.moves[_deployment(name)]]
        if steps != [REPLICAS]:
            self._lab.say(f"not in one step: {steps}")
        return (seen_s - replied_s) * 1000

    async def together(self, names: list[str]) -> float:
        """Fill queues at once; return the ms from the first call to the last number."""
        await self._empty(names)
        began_s = time.time()
        await asyncio.gather(*(self._fill(name, 1) for name in names))
        return (max([await self._reached(name, 1) for name in names]) - began_s) * 1000

    async def _empty(self, names: list[str]) -> None:
        for name in names:
            await self._store.clear(name, [JobState.WAITING])
        deployments = [_deployment(name) for name in names]
        await until(self._are(deployments), WITHIN_S)
        await asyncio.sleep(random.uniform(0.5, 1.5))  # anywhere between two rounds
        self._scales.moves.clear()

    def _are(self, deployments: list[str]) -> Callable[[], bool]:
        return lambda: all(map(self._scales.is_empty, deployments))

    async def _fill(self, name: str, count: int) -> None:
        first, self._made = self._made, self._made + count
        jobs = [NewJob(JobId(f"j{number}"), b"{}") for number in range(first, first + count)]
        await self._store.enqueue(name, jobs)

    async def _reached(self, name: str, replicas: int) -> float:
        """Return when the number was first seen."""

        def seen() -> list[float]:
            moves = self._scales.moves.get(_deployment(name), [])
            return [at_s for at_s, wanted in moves if wanted == replicas]

        return float((await until(seen, WITHIN_S))[0])


def _deployment(name: str) -> str:
    return f"{name}-worker"


async def wake(lab: Lab, place: Stand, redis_url: str) -> tuple[list[float], list[float]]:
    """Return the ms of one queue, often, and of many queues, a few times."""
    store = RedisQueueStore(redis_url)
    await store.start()
    scales = Scales()
    many = [f"many-{number}" for number in range(QUEUES if not lab.options.quick else 0)]
    worker = {"worker": HOMELESS, "jobs": {"concurrency": SLOTS}}
    with place.operator(redis_url) as operator:
        async with following(place.kube, place.deployments(), scales.take):
            await operator.leads()
            place.declare("one", scaling=SCALING | {"max": REPLICAS}, **worker)
            await until(lambda: scales.wanted.keys() >= {_deployment("one")}, WITHIN_S)
            filling = Filling(lab, store, scales)
            await filling.alone("one")  # imports, connections
            alone = []
            for number in range(1, lab.options.jobs + 1):
                alone.append(await filling.alone("one"))
                lab.say(f"{number}: 0 to {REPLICAS} in {alone[-1]:.0f} ms")
            together = []
            if many:
                place.declare(*many, scaling=SCALING | {"max": 1}, **worker)
                await until(lambda: scales.wanted.keys() >= set(map(_deployment, many)), WITHIN_S)
                for _ in range(TOGETHER):
                    together.append(await filling.together(many))
                    lab.say(f"{QUEUES} queues: the last after {together[-1]:.0f} ms")
    await store.close()
    return alone, together


def measure(lab: Lab) -> list[Row]:
    """Wake the operator, again and again."""
    with lab.bench("ours") as bench, stand(lab) as place:
        alone, together = asyncio.run(wake(lab, place, bench.redis.url))
    cuts = quantiles(alone, n=100, method="inclusive")
    p50, p99 = [cuts[49]], [cuts[98]]
    half, most = Bar("ours", "<=", 150), Bar("ours", "<=", 500)
    aim = Bar("ours", "<=", 50)
    times = len(alone)
    rows = [
        Row(f"wake: 0 to 50, p50 of {times}, ms; KEDA 2.21", p50, KEDA_DEFAULT_MS, half, aim),
        Row(
            f"wake: 0 to 50, p50 of {times}, ms; KEDA 2.21 with its fastest policy",
            p50,
            KEDA_FASTEST_MS,
            half,
            aim,
        ),
        Row(
            f"wake: 0 to 50, p99 of {times}, ms; KEDA 2.21 with its fastest policy, most of 12",
            p99,
            KEDA_FASTEST_MS[2:],
            most,
        ),
    ]
    if together:
        name = "wake: 50 queues at once, the last, ms; KEDA 2.21 polling each second: over 2 min"
        second = Bar("ours", "<=", 1000)
        rows.append(Row(name, [max(together)], [KEDA_TOGETHER_MS], second))
    return rows


if __name__ == "__main__":
    benchmark = Benchmark("wake", __doc__, 100, measure, runs=1, least=4, counts="times")
    sys.exit(main(benchmark))
