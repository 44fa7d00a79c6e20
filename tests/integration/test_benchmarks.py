"""A benchmark runs, and its rows have the shape that others read; how fast is no matter here."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tree import ROOT

NAMES = ["throughput", "enqueue", "latency", "http", "memory", "tenants", "depth", "recovery"]
COLUMNS = ["name", "ours", "peer", "ratio", "bar", "held"]


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give the module of rows, which only scripts of benchmarks/ can import."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "support"))
    return importlib.import_module("harness.rows")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a script of benchmarks/."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=ROOT, env=env, text=True, capture_output=True, timeout=50, check=False
    )


def test_enqueue_measures_every_side() -> None:
    """Each line of --json is a row with a figure for us, and for the peer or why not."""
    ended = run("benchmarks/enqueue.py", "--quick", "--json", "--jobs", "300")
    assert ended.returncode == 0, ended.stderr
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [list(row)[: len(COLUMNS)] for row in found] == [COLUMNS] * 4
    assert all(row["ours"] > 0 for row in found)
    assert all(row["skipped"] if row["peer"] is None else row["peer"] > 0 for row in found)


def test_a_missing_peer_is_unknown(rows: Any) -> None:
    """Without a figure of the peer's there is no ratio, and nobody knows whether its bar holds."""
    bar = rows.Bar("ratio", ">=", 5)
    row = rows.Row("enqueue: bulk", [10.0], [], bar, skipped="node not found")
    assert row.plain() == {
        "name": "enqueue: bulk",
        "ours": 10.0,
        "peer": None,
        "ratio": None,
        "bar": "ratio >= 5",
        "held": None,
        "skipped": "node not found",
    }


def test_a_bar_of_ours_needs_no_peer(rows: Any) -> None:
    """A bar on our own figure is held or not, whoever is missing."""
    bar = rows.Bar("ours", "<=", 10)
    row = rows.Row("latency: p99", [9.0, 12.0, 8.0], [], bar, skipped="node not found")
    assert row.is_held


@pytest.mark.parametrize("name", NAMES)
def test_help_shows_examples(name: str) -> None:
    """--help says what is measured and how to ask for it."""
    ended = run(f"benchmarks/{name}.py", "--help")
    assert ended.returncode == 0, ended.stderr
    assert f"python benchmarks/{name}.py --quick --json" in ended.stdout
