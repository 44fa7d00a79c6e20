"""What a claim costs Redis with a million jobs waiting, next to a thousand.

Claims of 1 and of 100 jobs, each handed back at once so that the depth stays; the figure is the
processor time of Redis' main thread (median). Ours stands on both sides.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent / "support"))

from harness.children import python
from harness.command import Benchmark, main
from harness.rows import Bar, Row

if TYPE_CHECKING:
    from harness.lab import Lab

SHALLOW = 1_000


def run(lab: Lab, depth: int) -> dict[str, float]:
    """Fill a queue, and claim from it."""
    with lab.bench("ours") as bench:
        found = bench.ask(python("-m", "harness.claims", str(depth)), "claims")
    lab.say(f"{depth:,} waiting: claim of 1 {found['1']:.0f} µs, of 100 {found['100']:.0f} µs")
    return found


def measure(lab: Lab) -> list[Row]:
    """Measure both depths in turn."""
    found = lab.interleaved(
        {"deep": partial(run, lab, lab.options.jobs), "shallow": partial(run, lab, SHALLOW)}
    )
    bar = Bar("ratio", "<=", 1.3)
    return [
        Row(
            f"depth: claim of {size}, µs beside {SHALLOW:,} waiting",
            [each[size] for each in found["deep"]],
            [each[size] for each in found["shallow"]],
            bar,
        )
        for size in ("1", "100")
    ]


if __name__ == "__main__":
    sys.exit(main(Benchmark("depth", __doc__, 1_000_000, measure)))
