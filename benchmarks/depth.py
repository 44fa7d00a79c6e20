"""What a claim costs Redis with a million jobs waiting, next to a thousand.

Claims of 1 and of 100 jobs, in turn from a deep queue and from a shallow one of the same Redis,
each handed back at once so that the depths stay; the figure is the processor time of Redis' main
thread (median). Ours stands on both sides.
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


def run(lab: Lab) -> dict[str, dict[str, float]]:
    """Fill two queues, and claim from them."""
    command = python("-m", "harness.claims", str(lab.options.jobs), str(SHALLOW))
    with lab.bench("ours") as bench:
        found: dict[str, dict[str, float]] = bench.ask(command, "claims")
    for depth, name in ((lab.options.jobs, "deep"), (SHALLOW, "shallow")):
        one, many = found[name]["1"], found[name]["100"]
        lab.say(f"{depth:,} waiting: claim of 1 {one:.0f} µs, of 100 {many:.0f} µs")
    return found


def measure(lab: Lab) -> list[Row]:
    """Measure both depths."""
    rounds = lab.interleaved({"both": partial(run, lab)})["both"]
    bar = Bar("ratio", "<=", 1.3)
    return [
        Row(
            f"depth: claim of {size}, µs beside {SHALLOW:,} waiting",
            [found["deep"][size] for found in rounds],
            [found["shallow"][size] for found in rounds],
            bar,
        )
        for size in ("1", "100")
    ]


if __name__ == "__main__":
    sys.exit(main(Benchmark("depth", __doc__, 1_000_000, measure)))
