"""Jobs enqueued per second from one process, next to BullMQ and stock taskiq-redis.

Single: 50 coroutines, each `await job_type.enqueue(...)` (stock: `.kiq(...)`, BullMQ:
`queue.add(...)`) one job after the other. Bulk: a thousand jobs packed and sent in one call
(BullMQ: `addBulk`); stock has no bulk, so its single rate stands beside it. A quarter of each run
is sent but not timed. No worker runs.
"""

from __future__ import annotations

import sys
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
"""Stock gets a tenth of our jobs, which takes it about as long."""


def run(lab: Lab, side: str, verb: str, jobs: int) -> float:
    """Return the rate of one run into an empty Redis."""
    with lab.bench(side) as bench:
        found = bench.produce(verb, jobs, cpu=bench.cpu)
        lab.say(
            f"{side} {verb}: {found['per_second']:,.0f}/s,"
            f" {found['cpu_us']:.1f} µs of the processor per job"
        )
        return found["per_second"]


def measure(lab: Lab) -> list[Row]:
    """Measure single and bulk."""
    jobs = lab.options.jobs
    beside = max(200, int(jobs * bullmq.PART))
    contenders = {
        "single": partial(run, lab, "ours", "single", jobs),
        "stock": partial(run, lab, "stock", "single", max(200, jobs // PEER_PART)),
        "bulk": partial(run, lab, "ours", "bulk", jobs),
    }
    if not lab.no_bullmq:
        contenders["add"] = partial(run, lab, "bullmq", "single", beside)
        contenders["addBulk"] = partial(run, lab, "bullmq", "bulk", beside)
    found = lab.interleaved(contenders)
    single, bulk = found["single"], found["bulk"]
    bar = Bar("ratio", ">=", 5)
    return [
        Row("enqueue: single, concurrent, jobs/s", single, found["stock"], bar),
        Row("enqueue: bulk, jobs/s", bulk, found["stock"], bar),
        Row(
            "enqueue: single, concurrent, jobs/s beside BullMQ's add",
            single,
            found.get("add", ()),
            Bar("ratio", ">=", 2),
            Bar("ratio", ">=", 4),
            lab.no_bullmq,
        ),
        Row(
            "enqueue: bulk, jobs/s beside BullMQ's addBulk",
            bulk,
            found.get("addBulk", ()),
            bar,
            Bar("ratio", ">=", 10),
            lab.no_bullmq,
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(Benchmark("enqueue", __doc__, 100_000, measure)))
