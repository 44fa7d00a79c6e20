"""What fairness costs: jobs of one tenant, and of a thousand, next to jobs that name none.

A job that names no tenant gets its place from a counter and leaves nothing behind: that is the
queue without fairness. The figure is the processor's time for a job from enqueue to end, in Redis
and in the worker, because rates of one run after the other say less than a few per cent. Ours
stands on both sides.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent / "support"))

from harness.command import Benchmark, main
from harness.rows import Bar, Row

if TYPE_CHECKING:
    from harness.lab import Lab

SIDES = {"none": "ours", "one": "ours_one_tenant", "thousand": "ours_thousand_tenants"}


def run(lab: Lab, side: str) -> float:
    """Fill the queue, let one worker empty it, and return µs of the processor per job."""
    jobs = lab.options.jobs
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
    return float(redis_us + report["cpu_us"])


def measure(lab: Lab) -> list[Row]:
    """Measure all three in turn."""
    found = lab.interleaved({name: partial(run, lab, side) for name, side in SIDES.items()})
    none, one, thousand = (found[name] for name in SIDES)
    little, some = Bar("ratio", "<=", 1.05), Bar("ratio", "<=", 1.4)
    return [
        Row("tenants: one, µs per job beside none", one, none, little),
        Row("tenants: a thousand, µs per job beside none", thousand, none, some),
    ]


if __name__ == "__main__":
    sys.exit(main(Benchmark("tenants", __doc__, 100_000, measure, runs=7)))
