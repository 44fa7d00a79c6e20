"""No-op jobs per second of one worker process, next to stock taskiq-redis on the same Redis.

All jobs are waiting when the worker starts; the jobs themselves count, and the first 30 % are not
timed. Stock is RedisStreamBroker with RedisAsyncResultBackend, 100 jobs at once on both sides. The
second row is what Redis' processor spends on a job from enqueue to end; the third runs the peer's
own code, one middleware included, on a HeadpondBroker.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent / "support"))

from harness.command import Benchmark, main
from harness.rows import Bar, Row

if TYPE_CHECKING:
    from harness.lab import Lab

PEER_PART = 10
"""The peer gets a tenth of our jobs: its rate shows as well in them, and takes as long."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run showed."""

    per_second: float
    worker_us: float
    redis_us: float


def run(lab: Lab, side: str, jobs: int) -> Run:
    """Fill the queue, then let one worker empty it."""
    with lab.bench(side) as bench:
        before = bench.redis.cpu_seconds()
        bench.produce("fill", jobs)
        with bench.worker(jobs) as worker:
            report = bench.report(worker, within_s=300)
        redis_us = (bench.redis.cpu_seconds() - before) / jobs * 1e6
        lab.say(
            f"{side}: {report['per_second']:,.0f}/s; of the processor per job"
            f" {report['cpu_us']:.1f} µs in the worker, {redis_us:.1f} µs in Redis"
        )
        return Run(report["per_second"], report["cpu_us"], redis_us)


def measure(lab: Lab) -> list[Row]:
    """Measure plain jobs, then jobs that a middleware sees."""
    jobs = lab.options.jobs
    fewer = max(200, jobs // PEER_PART)
    sides = {"ours": jobs, "stock": fewer}
    if not lab.options.quick:
        sides |= {"ours_taskiq": jobs, "stock_middleware": fewer}
    found = lab.interleaved({name: partial(run, lab, name, n) for name, n in sides.items()})
    rates = {name: [each.per_second for each in runs] for name, runs in found.items()}
    spent = {name: [each.redis_us for each in runs] for name, runs in found.items()}
    bar, most = Bar("ratio", ">=", 5), Bar("ours", "<=", 15)
    rows = [
        Row("throughput: no-op jobs/s", rates["ours"], rates["stock"], bar),
        Row("throughput: Redis' time per job, µs", spent["ours"], spent["stock"], most),
    ]
    if not lab.options.quick:
        ours, peer = rates["ours_taskiq"], rates["stock_middleware"]
        rows.append(Row("throughput: no-op jobs/s, one taskiq middleware", ours, peer, bar))
    return rows


if __name__ == "__main__":
    sys.exit(main(Benchmark("throughput", __doc__, 100_000, measure)))
