"""A benchmark runs, and its rows have the shape that others read; how fast is no matter here."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tree import ROOT

COLUMNS = ["name", "ours", "peer", "ratio", "bar", "held"]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a script of benchmarks/."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=ROOT, env=env, text=True, capture_output=True, timeout=50, check=False
    )


def test_enqueue_measures_both_sides() -> None:
    """Each line of --json is a row with a figure for us and one for the peer."""
    ended = run("benchmarks/enqueue.py", "--quick", "--json", "--jobs", "300")
    assert ended.returncode == 0, ended.stderr
    rows = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [list(row) for row in rows] == [COLUMNS, COLUMNS]
    assert all(row["ours"] > 0 and row["peer"] > 0 for row in rows)


@pytest.mark.parametrize("name", ["throughput", "enqueue", "latency", "http", "memory"])
def test_help_shows_examples(name: str) -> None:
    """--help says what is measured and how to ask for it."""
    ended = run(f"benchmarks/{name}.py", "--help")
    assert ended.returncode == 0, ended.stderr
    assert f"python benchmarks/{name}.py --quick --json" in ended.stdout
