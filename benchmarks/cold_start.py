"""From nothing to the first job: how long a worker pod takes whose image is on the node.

Needs a Kubernetes (kind) and the images, which it builds. A queue without workers gets one job, the
operator writes 0 to 1, and the job tells when its process began and when it ran itself; a watch of
the API server tells when the pod was made. The rows time from there to the job's first line. Then
the queue goes back to zero, and once more. Where the time goes is told on the way.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).parent / "support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from harness import slow
from harness.command import Benchmark, main
from harness.rows import Bar, Row
from headpond.envelope import unpack_outcome
from headpond.jobs import JobState
from headpond.redis import RedisQueueStore
from operator_bench import Scales, following, stand, yard
from until import until

if TYPE_CHECKING:
    from harness.lab import Lab
    from headpond.jobs import JobId
    from operator_bench import Stand, Yard

DEPLOYMENT: Final = f"{slow.QUEUE}-worker"
WITHIN_S: Final = 120.0
MOST_S: Final = 3.0
SCALING: Final = {
    "min": 0,
    "max": 1,
    "scaleDown": {"stabilization": "0s"},
    "idleAfter": "0s",
}


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds, one after the other."""

    decided: float
    """From the reply to the enqueue to the number, written."""
    made: float
    """To the pod, made by Kubernetes' own controllers."""
    container: float
    """To the first moment of the worker's process: scheduler, kubelet, container runtime."""
    imports: float
    """To the app, imported by the worker."""
    connected: float
    """To the first line of the job: Redis, settings, claim."""

    @property
    def cold(self) -> float:
        """From the pod to the job."""
        return self.container + self.imports + self.connected


class Pods:
    """When each pod was made."""

    def __init__(self) -> None:
        """Know none yet."""
        self.made_s: dict[str, float] = {}

    def take(self, kind: str, body: dict[str, Any], came_s: float) -> None:
        """Hear of a pod."""
        if kind == "ADDED":
            self.made_s[body["metadata"]["name"]] = came_s


async def start_one(store: RedisQueueStore, scales: Scales, pods: Pods) -> Start:
    """Have one worker started by a job; return when what happened."""
    await until(lambda: scales.is_empty(DEPLOYMENT), WITHIN_S)
    await until(lambda: _nobody(store), WITHIN_S)
    await asyncio.sleep(1)  # whoever ends pods has ended them
    scales.moves.clear()
    placed = await slow.nap.enqueue(slow.Nap(seconds=0))
    replied_s = time.time()
    told = await until(lambda: _result(store, placed.id), WITHIN_S)
    written_s = next(at_s for at_s, wanted in scales.moves[DEPLOYMENT] if wanted == 1)
    made_s = pods.made_s[told["pod"]]
    return Start(
        written_s - replied_s,
        made_s - written_s,
        told["process_s"] - made_s,
        told["imported_s"] - told["process_s"],
        told["began_s"] - told["imported_s"],
    )


async def _nobody(store: RedisQueueStore) -> bool:
    return not (await store.sample([slow.QUEUE]))[slow.QUEUE].workers


async def _result(store: RedisQueueStore, job_id: JobId) -> dict[str, Any]:
    """Return what the job said when it has ended, else nothing."""
    (job,) = await store.read(slow.QUEUE, [job_id])
    if job is None or job.state is not JobState.COMPLETED or not job.outcome:
        return {}
    told: dict[str, Any] = unpack_outcome(job.outcome).result
    return told


async def start_all(lab: Lab, place: Stand, real: Yard) -> list[Start]:
    """Start workers, one after the other."""
    store = RedisQueueStore(real.redis_url)
    await store.start()
    slow.app.bind(store)
    place.declare(slow.QUEUE, scaling=SCALING, worker=real.worker)
    scales, pods = Scales(), Pods()
    starts = []
    with place.operator(real.redis_url) as operator:
        await operator.leads()
        async with (
            following(place.kube, place.deployments(), scales.take),
            following(place.kube, place.pods(), pods.take),
        ):
            await until(lambda: DEPLOYMENT in scales.wanted, WITHIN_S)
            for number in range(lab.options.jobs + 1):
                start = await start_one(store, scales, pods)
                lab.say(f"{number}: {start.cold:.2f} s; {_words([start])}")
                starts.append(start)
    await store.close()
    return starts[1:]  # the first finds nothing in the node's page cache


def _words(starts: list[Start]) -> str:
    names = [each.name for each in fields(Start)]
    parts = zip(*map(astuple, starts), strict=True)
    return ", ".join(f"{name} {median(p):.2f}" for name, p in zip(names, parts, strict=True))


def measure(lab: Lab) -> list[Row]:
    """Start workers."""
    with stand(lab) as place:
        starts = asyncio.run(start_all(lab, place, yard(place)))
    lab.say(f"medians, s: {_words(starts)}")
    cold = [start.cold for start in starts]
    most = Bar("ours", "<=", MOST_S)
    what = "cold_start: worker pod made to its first job"
    return [
        Row(f"{what}, p50 of {len(cold)}, s", [median(cold)], [], most),
        Row(f"{what}, slowest of {len(cold)}, s", [max(cold)], [], most),
    ]


if __name__ == "__main__":
    benchmark = Benchmark("cold_start", __doc__, 20, measure, runs=1, least=1, counts="times")
    sys.exit(main(benchmark))
