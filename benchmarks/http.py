"""Single enqueues by HTTP per second through one API process, at 64 keep-alive connections.

Ours is `headpond api`, credential, validation and problem documents included. The peer is a FastAPI
route under uvicorn (uvloop, httptools) that validates and awaits stock taskiq-redis' `.kiq()`. The
load comes from another Python process; each connection sends its next job once it has the answer to
the last. A quarter is sent but not timed; afterwards every accepted job must be in Redis. No worker
runs.
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


def run(lab: Lab, side: str) -> float:
    """Return the rate of one run into an empty Redis."""
    jobs = lab.options.jobs
    with lab.bench(side) as bench:
        with bench.api() as (target, api):
            before = api.cpu_seconds()
            found = bench.load(target, jobs)
            cpu_us = (api.cpu_seconds() - before) / jobs * 1e6
        accepted = bench.produce("waiting")["jobs"]
    lab.say(
        f"{side}: {found['per_second']:,.0f}/s, {cpu_us:.0f} µs of the processor each; an answer"
        f" takes p50 {found['p50_ms']:.1f} ms, p99 {found['p99_ms']:.1f} ms"
    )
    if accepted != jobs:
        raise SystemExit(f"{side} accepted {jobs} jobs and has {accepted:g}.")
    return found["per_second"]


def measure(lab: Lab) -> list[Row]:
    """Measure both sides; one figure has two bars."""
    found = lab.interleaved({side: partial(run, lab, side) for side in ("ours", "stock")})
    ours, stock = found["ours"], found["stock"]
    return [
        Row("http: single enqueues/s", ours, stock, Bar("ours", ">=", 3000)),
        Row("http: single enqueues/s beside the peer", ours, stock, Bar("ratio", ">=", 2)),
    ]


if __name__ == "__main__":
    sys.exit(main(Benchmark("http", __doc__, 30_000, measure)))
