"""Time from enqueue to the handler at 200 jobs/s, next to BullMQ and stock taskiq-redis.

One process enqueues at a fixed rate, one worker process runs; each job carries the moment when it
was sent (CLOCK_MONOTONIC, which all processes share). Between the jobs the sender asks Redis for a
PONG: the first row is the median of the jobs less the median of these round trips. The last row's
jobs are sent to an API process (stock: to a FastAPI route). A fifth is warm-up.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent / "support"))

from harness.command import Benchmark, main
from harness.rows import Bar, Row

if TYPE_CHECKING:
    from harness.lab import Lab

RATE = 200
WARM = 0.2


@dataclass(frozen=True, slots=True)
class Waits:
    """Milliseconds."""

    round_trip: float
    p50: float
    p99: float


def run(lab: Lab, side: str) -> Waits:
    """Pace jobs to one idle worker."""
    jobs = lab.options.jobs
    with lab.bench(side) as bench, bench.worker(jobs, WARM) as worker:
        bench.settle(worker)
        sent = bench.produce("pace", jobs, RATE)
        waits = bench.report(worker, within_s=60)["waits_ms"]
    cuts = quantiles(waits, n=100)
    found = Waits(sent["round_trip_ms"], cuts[49], cuts[98])
    lab.say(f"{side}: p50 {found.p50:.2f} ms, p99 {found.p99:.2f}, PING {found.round_trip:.2f}")
    return found


def run_http(lab: Lab, side: str) -> float:
    """Pace jobs to one idle worker through one API process; return the p99."""
    jobs = lab.options.jobs
    with (
        lab.bench(side) as bench,
        bench.api(timed=True) as (target, _),
        bench.worker(jobs, WARM) as worker,
    ):
        bench.settle(worker)
        bench.load(target, jobs, RATE)
        waits = bench.report(worker, within_s=60)["waits_ms"]
    cuts = quantiles(waits, n=100)
    lab.say(f"{side} by HTTP: p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f}")
    return float(cuts[98])


def measure(lab: Lab) -> list[Row]:
    """Measure every side, from its own language and by HTTP."""
    sides = ("ours", "stock") if lab.no_bullmq else ("ours", "stock", "bullmq")
    found = lab.interleaved({side: partial(run, lab, side) for side in sides})
    over = {side: [each.p50 - each.round_trip for each in runs] for side, runs in found.items()}
    p99 = {side: [each.p99 for each in runs] for side, runs in found.items()}
    most, slowest, aim = Bar("ours", "<=", 1), Bar("ours", "<=", 10), Bar("ratio", "<=", 0.25)
    ours, bull, none = over["ours"], over.get("bullmq", ()), lab.no_bullmq
    rows = [
        Row("latency: p50 over a round trip, ms", ours, over["stock"], most),
        Row("latency: p99, ms", p99["ours"], p99["stock"], slowest),
        Row("latency: p50 over a round trip beside BullMQ, ms", ours, bull, most, skipped=none),
        Row(
            "latency: p99 beside BullMQ, ms", p99["ours"], p99.get("bullmq", ()), slowest, aim, none
        ),
    ]
    if not lab.options.quick:
        http = lab.interleaved({side: partial(run_http, lab, side) for side in sides[:2]})
        bar = Bar("ours", "<=", 25)
        rows.append(Row("latency: p99 by HTTP, ms", http["ours"], http["stock"], bar))
    return rows


if __name__ == "__main__":
    sys.exit(main(Benchmark("latency", __doc__, 2_000, measure)))
