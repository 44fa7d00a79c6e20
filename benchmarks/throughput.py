"""No-op jobs per second of one worker process, next to BullMQ and stock taskiq-redis.

All jobs are waiting when the worker starts; the jobs themselves count, and the first 30 % are not
timed. 100 jobs at once on every side, results and the last 1,000 completed jobs kept. Stock is
RedisStreamBroker with RedisAsyncResultBackend. "Everything on" runs the very taskiq code of the
stock side on a HeadpondBroker: fairness, events, retention, metrics and one middleware. Redis' time
is what its processor spends on a job from enqueue to end. Jobs of 1 ms wait for as long.
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
    from collections.abc import Mapping, Sequence

    from harness.lab import Lab

PEER_PART = 0.1
"""Stock gets a tenth of our jobs: its rate shows as well in them, and takes as long."""
NAPS_PART = 0.5


@dataclass(frozen=True, slots=True)
class Run:
    """What one run showed."""

    per_second: float
    worker_us: float
    redis_us: float


def run(lab: Lab, side: str, jobs: int, verb: str = "fill") -> Run:
    """Fill the queue, then let one worker empty it."""
    with lab.bench(side) as bench:
        before = bench.redis.cpu_seconds()
        bench.produce(verb, jobs)
        with bench.worker(jobs) as worker:
            report = bench.report(worker, within_s=300)
        redis_us = (bench.redis.cpu_seconds() - before) / jobs * 1e6
        lab.say(
            f"{side}: {report['per_second']:,.0f}/s; of the processor per job"
            f" {report['cpu_us']:.1f} µs in the worker, {redis_us:.1f} µs in Redis"
        )
        return Run(report["per_second"], report["cpu_us"], redis_us)


def measure(lab: Lab) -> list[Row]:
    """Measure plain jobs, jobs with everything on, and jobs of a millisecond."""
    jobs = lab.options.jobs
    fewer = max(200, int(jobs * PEER_PART))
    beside = max(200, int(jobs * bullmq.PART))
    naps = max(200, int(jobs * NAPS_PART))
    contenders = {
        "ours": partial(run, lab, "ours", jobs),
        "stock": partial(run, lab, "stock", fewer),
    }
    if not lab.no_bullmq:
        contenders["bullmq"] = partial(run, lab, "bullmq", beside)
    if not lab.options.quick:
        contenders["everything"] = partial(run, lab, "ours_taskiq", jobs)
        contenders["stock_middleware"] = partial(run, lab, "stock_middleware", fewer)
        contenders["naps"] = partial(run, lab, "ours", naps, "fill_naps")
        if not lab.no_bullmq:
            contenders["bullmq_naps"] = partial(run, lab, "bullmq", naps, "fill_naps")
    found = lab.interleaved(contenders)
    for name, runs in found.items():
        lab.spent[name] = [{"worker": each.worker_us, "redis": each.redis_us} for each in runs]
    return rows(found, lab.no_bullmq)


def rows(found: Mapping[str, Sequence[Run]], no_bullmq: str) -> list[Row]:
    """Set ours beside the peers."""
    rate = {name: [each.per_second for each in runs] for name, runs in found.items()}
    spent = {name: [each.redis_us for each in runs] for name, runs in found.items()}
    bull = rate.get("bullmq", ())
    least, most, aim = Bar("ratio", ">=", 3), Bar("ours", "<=", 15), Bar("ours", "<=", 10)
    table = [
        Row("throughput: no-op jobs/s", rate["ours"], rate["stock"], Bar("ratio", ">=", 5)),
        Row("throughput: no-op jobs/s beside BullMQ", rate["ours"], bull, least, skipped=no_bullmq),
        Row("throughput: Redis' time per job, µs", spent["ours"], spent["stock"], most, aim),
        Row(
            "throughput: Redis' time per job beside BullMQ, µs",
            spent["ours"],
            spent.get("bullmq", ()),
            most,
            aim,
            no_bullmq,
        ),
    ]
    if "everything" in rate:
        table += _full_rows(rate, no_bullmq)
    return table


def _full_rows(rate: Mapping[str, Sequence[float]], no_bullmq: str) -> list[Row]:
    return [
        Row(
            "throughput: everything on, no-op jobs/s",
            rate["everything"],
            rate["stock_middleware"],
            Bar("ratio", ">=", 20),
            Bar("ratio", ">=", 50),
        ),
        Row(
            "throughput: everything on, no-op jobs/s beside BullMQ",
            rate["everything"],
            rate.get("bullmq", ()),
            Bar("ratio", ">=", 3),
            Bar("ratio", ">=", 5),
            no_bullmq,
        ),
        Row(
            "throughput: 1 ms jobs/s at 100 slots beside BullMQ",
            rate["naps"],
            rate.get("bullmq_naps", ()),
            Bar("ratio", ">=", 2),
            Bar("ratio", ">=", 3),
            no_bullmq,
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(Benchmark("throughput", __doc__, 100_000, measure)))
