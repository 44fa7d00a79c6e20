"""Jobs interrupted while workers go: 8 to 2 with every worker at a job of 10 s, again and again.

Needs a Kubernetes (kind) and the images, which it builds. Real worker pods of one slot each, with
more jobs waiting than slots. Each round waits until all eight are ready and run a job, then lowers
`max` to 2: six workers are to go, although none is idle. Counted from the queue's events and from
each job's own record: jobs that went back, were lost or ran twice. The last row counts workers
whose pod was told to end while it ran a job, by the clock of the jobs themselves. KEDA 2.21 was
measured on such a cluster with two busy pods of ten, 10 to 2, three times: it ended five of six.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
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
    from collections.abc import Sequence

    from harness.lab import Lab
    from headpond.jobs import JobId
    from headpond.queues import QueueSample
    from operator_bench import Stand, Yard

MOST: Final = 8
LEAST: Final = 2
JOB_S: Final = 10.0
AHEAD: Final = 16
"""Jobs that wait at any moment."""
WITHIN_S: Final = 120.0
DEPLOYMENT: Final = f"{slow.QUEUE}-worker"
PAGE: Final = 500
BAD: Final = ("released", "lost", "retrying", "failed", "parked", "cancelled")
"""Events of a job that did not run through."""
KEDA_ENDED: Final = 5
KEDA_ROUNDS: Final = 3

JOBS: Final = {
    "concurrency": 1,
    "timeout": "60s",
    "retention": {"completed": {"age": "24h", "count": 100_000}},
}


def scaling(most: int) -> dict[str, Any]:
    """Return `spec.scaling`: a worker for each job, and down without waiting for anything."""
    return {
        "min": 0,
        "max": most,
        "target": {"backlogPerReplica": 1},
        "scaleDown": {"stabilization": "0s"},
        "idleAfter": "0s",
    }


@dataclass
class Ends:
    """When each pod was told to end."""

    at_s: dict[str, float] = field(default_factory=dict)
    there: set[str] = field(default_factory=set)
    """Pods of the queue that were not told so."""

    def take(self, kind: str, body: dict[str, Any], came_s: float) -> None:
        """Hear of a pod."""
        name = body["metadata"]["name"]
        if not name.startswith(DEPLOYMENT):
            return
        if body["metadata"].get("deletionTimestamp") or kind == "DELETED":
            self.at_s.setdefault(name, came_s)
            self.there.discard(name)
        else:
            self.there.add(name)


class Rounds:
    """Keeps the workers busy, and takes them away."""

    def __init__(self, lab: Lab, place: Stand, store: RedisQueueStore) -> None:
        """Work on the queue of `harness.slow`."""
        self._lab = lab
        self._place = place
        self._store = store
        self.ids: list[JobId] = []
        self.events: Counter[str] = Counter()
        self._read_to = ""
        self.scales = Scales()
        self.ends = Ends()

    async def sample(self) -> QueueSample:
        """Sample the queue."""
        return (await self._store.sample([slow.QUEUE]))[slow.QUEUE]

    async def feed(self) -> None:
        """Keep enough jobs waiting, for ever."""
        while True:
            lacking = AHEAD - (await self.sample()).waiting
            if lacking > 0:
                placed = await slow.nap.enqueue_many([slow.Nap(seconds=JOB_S)] * lacking)
                self.ids += [each.id for each in placed]
            await asyncio.sleep(0.5)

    async def play(self, number: int) -> None:
        """Have eight workers at work, then only two."""
        began_s = time.monotonic()
        self._place.objects.merge("queueconfigs", slow.QUEUE, {"spec": {"scaling": {"max": MOST}}})
        await until(self._all_work, WITHIN_S)
        await asyncio.sleep(random.uniform(0, 2))  # anywhere in their jobs
        asked_s = time.monotonic()
        self._place.objects.merge("queueconfigs", slow.QUEUE, {"spec": {"scaling": {"max": LEAST}}})
        await until(self._few_are_left, WITHIN_S)
        now_s = time.monotonic()
        await self.read_events()
        self._lab.say(
            f"{number}: {now_s - began_s:.1f} s, of which {now_s - asked_s:.1f} down;"
            f" so far {dict(self.events)}"
        )

    async def _all_work(self) -> bool:
        sample = await self.sample()
        at_work = sum(each.active > 0 for each in sample.workers)
        return at_work == MOST == self.scales.ready[DEPLOYMENT]

    def _few_are_left(self) -> bool:
        return self.scales.wanted[DEPLOYMENT] == LEAST and len(self.ends.there) == LEAST

    async def read_events(self) -> None:
        """Count what has happened since."""
        while events := await self._store.events(slow.QUEUE, self._read_to, PAGE):
            self._read_to = events[-1].id
            for event in events:
                self.events[event.name] += len(event.jobs)

    async def finish(self) -> None:
        """Let what runs end, and nothing more start."""
        await self._store.clear(slow.QUEUE, [JobState.WAITING])

        async def over() -> bool:
            sample = await self.sample()
            return not sample.active + sample.waiting + sample.due

        await until(over, WITHIN_S)
        await self.read_events()


@dataclass(frozen=True, slots=True)
class Found:
    """What became of the jobs."""

    ran: int
    interrupted: int
    """Jobs that did not end well at their first run by their first worker."""
    busy_ended: int
    """Pods told to end while a job ran in them."""


async def judge(store: RedisQueueStore, ids: Sequence[JobId], ends: Ends, bad: int) -> Found:
    """Look at each job's record; `bad` events count too, whatever the records say."""
    ran = broken = busy = 0
    for at in range(0, len(ids), PAGE):
        for job in await store.read(slow.QUEUE, ids[at : at + PAGE]):
            if job is None:
                continue  # it waited to the end, and was cleared
            ran += 1
            good = job.state is JobState.COMPLETED and job.attempts == 1 and not job.crashes
            broken += not good
            outcome = unpack_outcome(job.outcome) if job.outcome else None
            if outcome is None or not isinstance(outcome.result, dict):
                continue
            told_s = ends.at_s.get(outcome.result["pod"], float("inf"))
            busy += outcome.result["began_s"] < told_s < outcome.result["ended_s"]
    return Found(ran, max(broken, bad), busy)


async def interrupt(lab: Lab, place: Stand, real: Yard) -> Found:
    """Play all rounds."""
    store = RedisQueueStore(real.redis_url)
    await store.start()
    slow.app.bind(store)
    place.declare(slow.QUEUE, jobs=JOBS, scaling=scaling(LEAST), worker=real.worker)
    rounds = Rounds(lab, place, store)
    with place.operator(real.redis_url) as operator:
        await operator.leads()
        async with (
            following(place.kube, place.deployments(), rounds.scales.take),
            following(place.kube, place.pods(), rounds.ends.take),
        ):
            await until(lambda: DEPLOYMENT in rounds.scales.wanted, WITHIN_S)
            feeding = asyncio.create_task(rounds.feed())
            for number in range(1, lab.options.jobs + 1):
                await rounds.play(number)
                if feeding.done():
                    feeding.result()
            feeding.cancel()
            await rounds.finish()
    bad = sum(rounds.events[name] for name in BAD)
    found = await judge(store, rounds.ids, rounds.ends, bad)
    lab.say(f"{found}, {dict(rounds.events)}")
    await store.close()
    return found


def measure(lab: Lab) -> list[Row]:
    """Scale down under load."""
    with stand(lab) as place:
        found = asyncio.run(interrupt(lab, place, yard(place)))
    rounds = lab.options.jobs
    none = Bar("ours", "<=", 0)
    what = f"interruptions: jobs interrupted in {rounds} scale-downs 8 to 2, of {found.ran:,} jobs"
    beside = "interruptions: busy workers ended for each scale-down; KEDA 2.21, 10 to 2 with 2 busy"
    keda = KEDA_ENDED / KEDA_ROUNDS
    return [
        Row(what, [found.interrupted], [], none),
        Row(beside, [found.busy_ended / rounds], [keda], none),
    ]


if __name__ == "__main__":
    benchmark = Benchmark("interruptions", __doc__, 100, measure, runs=1, least=1, counts="rounds")
    sys.exit(main(benchmark))
