"""From SIGKILL of a worker to the moment when its job runs again, on a queue with nothing else.

Ten queues at the same time, each with one idle worker beside the one that runs the job. The worker
with the job is killed at moments spread over the time between two renewals of its lease; the row
is the 99th percentile of the waits. Of the peers, BullMQ gives a job back after 30 s at least
(`stalledInterval`), stock taskiq-redis after 10 minutes (`idle_timeout`): neither is waited for.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parent / "support"))

from harness.children import Child, ChildFailed, python
from harness.command import Benchmark, main
from harness.rows import Bar, Row
from harness.victims import JOB_TYPES, LOG, NAMES, Victim, app, runs
from headpond.config import default_config
from headpond.redis import RedisQueueStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.lab import Bench, Lab

RENEWED_EACH_S: Final = 5.0
GOLDEN: Final = 0.618034
"""Multiples of it, modulo 1, lie evenly however many there are."""
WITHIN_S: Final = 60.0


@dataclass
class Scene:
    """One queue, its two workers, and the kills to come."""

    bench: Bench
    store: RedisQueueStore
    name: str
    stack: ExitStack
    _hired: int = field(default=0, init=False)

    @property
    def _log(self) -> Path:
        return self.bench.folder / f"{self.name}.runs"

    def hire(self) -> None:
        """Start one more worker."""
        self._hired += 1
        worker = f"{self.name}-{self._hired}"
        env = self.bench.env(
            **{
                "HEADPOND_APPS": "harness.victims",
                "HEADPOND_WORKER_ID": worker,
                LOG: str(self._log),
            }
        )
        command = python("-m", "headpond_workers", "--queue", self.name)
        log = self.bench.folder / f"{worker}.log"
        self.stack.enter_context(Child(command, env, log))

    async def ready(self) -> None:
        """Return once the newest worker is heard of."""
        newest = f"{self.name}-{self._hired}"

        async def heard() -> bool:
            sample = (await self.store.sample([self.name]))[self.name]
            return any(each.id == newest for each in sample.workers)

        deadline = time.monotonic() + WITHIN_S
        while not await heard():
            self._check(deadline, f"{newest} did not start")
            await asyncio.sleep(0.05)

    async def kill(self, number: int, phase: float) -> float:
        """Kill the worker of a job; return how long it took until the job ran again."""
        await JOB_TYPES[self.name].enqueue(Victim(number=number))
        first = await self._run_of(lambda: self._nth(number, 1))
        await asyncio.sleep(phase * RENEWED_EACH_S)
        killed_ns = time.monotonic_ns()
        os.kill(first["pid"], signal.SIGKILL)
        again = await self._run_of(lambda: self._nth(number, 2))
        self.hire()
        await self.ready()
        return (again["at_ns"] - killed_ns) / 1e9

    def _nth(self, number: int, nth: int) -> dict[str, int] | None:
        found = [run for run in runs(self._log) if run["number"] == number]
        return found[nth - 1] if len(found) >= nth else None

    async def _run_of(self, look: Callable[[], dict[str, int] | None]) -> dict[str, int]:
        deadline = time.monotonic() + WITHIN_S
        while (run := look()) is None:
            self._check(deadline, f"a job of {self.name} did not run")
            await asyncio.sleep(0.02)
        return run

    def _check(self, deadline: float, what: str) -> None:
        if time.monotonic() > deadline:
            raise ChildFailed(f"{what} within {WITHIN_S:g} s.")


async def kill_all(lab: Lab, bench: Bench, stack: ExitStack) -> list[float]:
    """Kill as many workers as asked for, on all queues at the same time."""
    store = RedisQueueStore(bench.redis.url)
    await store.start()
    app.bind(store)
    kills = lab.options.jobs
    waits: list[float] = []

    async def play(at: int) -> None:
        name = NAMES[at]
        config = default_config(name, app.queues[name].defaults)
        await store.configure(name, config.spec.to_settings())
        scene = Scene(bench, store, name, stack)
        for _ in range(2):
            scene.hire()
            await scene.ready()
        for number in range(at, kills, len(NAMES)):
            waits.append(await scene.kill(number, number * GOLDEN % 1))
            lab.say(f"{name}: killed, and the job ran again after {waits[-1]:.2f} s")

    try:
        async with asyncio.TaskGroup() as group:
            for at in range(min(kills, len(NAMES))):
                group.create_task(play(at))
    finally:
        await store.close()
    return waits


def measure(lab: Lab) -> list[Row]:
    """Kill workers, and wait for their jobs."""
    with lab.bench("ours") as bench, ExitStack() as stack:
        waits = asyncio.run(kill_all(lab, bench, stack))
    cuts = quantiles(waits, n=100, method="inclusive")
    lab.say(f"p50 {cuts[49]:.2f} s, p99 {cuts[98]:.2f} s, longest {max(waits):.2f} s")
    name = f"recovery: SIGKILL to rerun on an idle queue, p99 of {len(waits)}, s"
    return [Row(name, [cuts[98]], [], Bar("ours", "<=", 15))]


if __name__ == "__main__":
    sys.exit(main(Benchmark("recovery", __doc__, 50, measure, runs=1, least=4)))
