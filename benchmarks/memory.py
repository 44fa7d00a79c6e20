"""Memory of a worker (PSS of its processes): idle, after half of the jobs, and after all of them.

Next to stock taskiq-redis on the same Redis, which gets a tenth of the jobs; its figure counts the
parent that taskiq's command keeps beside the worker. BullMQ's is one Node process after 40 % of the
jobs. What grows with the jobs shows in the last row.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent / "support"))

from harness import bullmq
from harness.command import Benchmark, main
from harness.rows import Bar, Row

if TYPE_CHECKING:
    from harness.lab import Lab

PEER_PART = 10
GROWTH_MIB = 2.0
"""What the second half of the jobs may add: an allocator's noise, nothing that is kept."""


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB."""

    idle: float
    half: float
    all: float


def run(lab: Lab, side: str, jobs: int) -> Memory:
    """Look at a worker three times."""
    figures = []
    with lab.bench(side) as bench, bench.worker() as worker:
        figures.append(bench.settle(worker))
        for _ in range(2):
            bench.produce("work", jobs // 2)
            figures.append(bench.settle(worker))
    lab.say(f"{side}: " + ", ".join(f"{figure:.1f} MiB" for figure in figures))
    return Memory(*figures)


def measure(lab: Lab) -> list[Row]:
    """Measure every side."""
    jobs = lab.options.jobs
    sides = {"ours": jobs, "stock": max(200, jobs // PEER_PART)}
    if not lab.no_bullmq:
        sides["bullmq"] = max(200, int(jobs * bullmq.PART))
    found = lab.interleaved({side: partial(run, lab, side, count) for side, count in sides.items()})
    ours, stock = found["ours"], found["stock"]
    bull = [each.all for each in found.get("bullmq", ())]
    most, aim = Bar("ours", "<=", 60), Bar("ours", "<=", 50)
    after = [each.all for each in ours]
    return [
        Row("memory: idle, MiB", [m.idle for m in ours], [m.idle for m in stock], most, aim),
        Row("memory: after all jobs, MiB", after, [m.all for m in stock], most, aim),
        Row("memory: after all jobs beside BullMQ, MiB", after, bull, most, aim, lab.no_bullmq),
        Row(
            "memory: added by the second half, MiB",
            [m.all - m.half for m in ours],
            [m.all - m.half for m in stock],
            Bar("ours", "<=", GROWTH_MIB),
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(Benchmark("memory", __doc__, 100_000, measure)))
