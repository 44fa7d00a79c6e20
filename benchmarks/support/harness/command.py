"""The command line that every benchmark has."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.lab import Lab, Options
from harness.rows import table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.rows import Row

RESULTS: Final = Path(__file__).resolve().parents[2] / "results"
"""Each benchmark leaves its latest full run here; `make bench` makes a page of them."""
QUICK_PART: Final = 0.05
LEAST_JOBS: Final = 200


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One script of `benchmarks/`."""

    name: str
    about: str
    jobs: int
    """How many a run of ours takes where nothing else is said."""
    measure: Callable[[Lab], list[Row]]


def main(benchmark: Benchmark) -> int:
    """Measure, and print rows; 0 whatever they say: a bar is judged by whoever reads it."""
    given = _parser(benchmark).parse_args()
    jobs = given.jobs or (int(benchmark.jobs * QUICK_PART) if given.quick else benchmark.jobs)
    runs = given.runs or (1 if given.quick else 3)
    options = Options(max(LEAST_JOBS, jobs), runs, aof=given.aof, pin=given.pin, quick=given.quick)
    machine = _machine()
    print(f"{benchmark.name}: {options.jobs:,} jobs; {machine}", file=sys.stderr, flush=True)
    rows = benchmark.measure(Lab(options))
    if given.json:
        for row in rows:
            print(row.as_json())
    else:
        print(table(rows))
    if not (given.quick or given.jobs):
        _keep(benchmark.name, options, machine, rows)
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
    add("--jobs", type=int, default=0, help=f"jobs in a run of ours (default: {benchmark.jobs})")
    add("--runs", type=int, default=0, help="runs of each side, in turn (default: 3)")
    add("--quick", action="store_true", help="one run of few jobs and few rows: does it work?")
    add(
        "--no-aof",
        dest="aof",
        action="store_false",
        help="let Redis keep no log (default: everysec)",
    )
    add("--pin", action="store_true", help="Redis on processor 0, what is measured on processor 1")
    return parser


def _machine() -> str:
    """Say where we are, and how busy it was before we began."""
    load = os.getloadavg()[0]
    system = f"{platform.system()} on {platform.machine()}"
    return f"{os.cpu_count()} processors, load {load:.1f}, {system}"


def _keep(name: str, options: Options, machine: str, rows: Sequence[Row]) -> None:
    RESULTS.mkdir(exist_ok=True)
    packages = ("headpond", "taskiq", "taskiq-redis", "redis")
    kept = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "python": platform.python_version(),
        "packages": {package: version(package) for package in packages},
        "jobs": options.jobs,
        "runs": options.runs,
        "aof": options.aof,
        "pin": options.pin,
        "rows": [{**row.plain(), "all_ours": row.ours, "all_peer": row.peer} for row in rows],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
