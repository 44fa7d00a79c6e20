"""The command line that every benchmark has."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.lab import Lab, Options
from harness.rows import table
from harness.versions import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.rows import Row

RESULTS: Final = Path(__file__).resolve().parents[2] / "results"
"""Each benchmark leaves its latest full run here; `make bench` makes a page of them."""
QUICK_PART: Final = 0.05


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One script of `benchmarks/`."""

    name: str
    about: str
    jobs: int
    """How many a run of ours takes where nothing else is said."""
    measure: Callable[[Lab], list[Row]]
    runs: int = 3
    """Rounds of a full run."""
    least: int = 200
    """Jobs below which nothing shows."""
    counts: str = "jobs"
    """What `jobs` is a number of, and the name of its option."""


def main(benchmark: Benchmark) -> int:
    """Measure, and print rows; 0 whatever they say: a bar is judged by whoever reads it."""
    given = _parser(benchmark).parse_args()
    jobs = given.jobs or (int(benchmark.jobs * QUICK_PART) if given.quick else benchmark.jobs)
    runs = given.runs or (1 if given.quick else benchmark.runs)
    options = Options(
        max(benchmark.least, jobs), runs, aof=given.aof, pin=given.pin, quick=given.quick
    )
    load_before = os.getloadavg()[0]
    what = f"{options.jobs:,} {benchmark.counts}"
    print(
        f"{benchmark.name}: {what}; {_machine()}, load {load_before:.1f}",
        file=sys.stderr,
        flush=True,
    )
    lab = Lab(options)
    rows = benchmark.measure(lab)
    load = f"load {load_before:.1f} before and {os.getloadavg()[0]:.1f} after"
    print(f"{benchmark.name}: {load}", file=sys.stderr, flush=True)
    if given.json:
        for row in rows:
            print(row.as_json())
    else:
        print(table(rows))
    if not (given.quick or given.jobs):
        _keep(benchmark, lab, f"{_machine()}, {load}", rows)
    return 0


def _parser(benchmark: Benchmark) -> argparse.ArgumentParser:
    script = f"python benchmarks/{benchmark.name}.py"
    examples = f"examples:\n  {script}\n  {script} --quick --json\n  {script} --pin --runs 5"
    parser = argparse.ArgumentParser(
        prog=script,
        description=benchmark.about,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--json", action="store_true", help="print one JSON object per row instead of a table")
    add(
        f"--{benchmark.counts}",
        dest="jobs",
        metavar="N",
        type=int,
        default=0,
        help=f"{benchmark.counts} in a run of ours (default: {benchmark.jobs})",
    )
    add(
        "--runs",
        type=int,
        default=0,
        help=f"runs of each side, in turn (default: {benchmark.runs})",
    )
    add(
        "--quick",
        action="store_true",
        help=f"one run of few {benchmark.counts} and few rows: does it work?",
    )
    add(
        "--no-aof",
        dest="aof",
        action="store_false",
        help="let Redis keep no log (default: everysec)",
    )
    add("--pin", action="store_true", help="Redis on processor 0, what is measured on processor 1")
    return parser


def _machine() -> str:
    """Say where we are."""
    return f"{os.cpu_count()} processors, {platform.system()} on {platform.machine()}"


def _keep(benchmark: Benchmark, lab: Lab, machine: str, rows: Sequence[Row]) -> None:
    RESULTS.mkdir(exist_ok=True)
    options = lab.options
    kept = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "versions": versions() | lab.versions,
        "jobs": options.jobs,
        "counts": benchmark.counts,
        "runs": options.runs,
        "aof": options.aof,
        "pin": options.pin,
        "rows": [
            {
                **row.plain(),
                "aim": "" if row.aim is None else str(row.aim),
                "all_ours": row.ours,
                "all_peer": row.peer,
            }
            for row in rows
        ],
        "spent": lab.spent,
    }
    (RESULTS / f"{benchmark.name}.json").write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
