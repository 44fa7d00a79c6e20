"""A benchmark runs, and its rows have the shape that others read; how fast is no matter here."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = [
    *("throughput", "enqueue", "latency", "http", "memory", "tenants", "depth", "recovery"),
    *("wake", "thousand_queues", "interruptions", "cold_start"),
]
COLUMNS = ["name", "ours", "peer", "ratio", "bar", "held"]


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Give what imports modules that only scripts of benchmarks/ can import."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "support"))
    return lambda name: importlib.import_module(f"harness.{name}")


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


def test_a_missing_peer_is_unknown(harness: Callable[[str], Any]) -> None:
    """Without a figure of the peer's there is no ratio, and nobody knows whether its bar holds."""
    rows = harness("rows")
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


def test_a_bar_of_ours_needs_no_peer(harness: Callable[[str], Any]) -> None:
    """A bar on our own figure is held or not, whoever is missing."""
    rows = harness("rows")
    bar = rows.Bar("ours", "<=", 10)
    row = rows.Row("latency: p99", [9.0, 12.0, 8.0], [], bar, skipped="node not found")
    assert row.is_held


def test_without_node_the_peer_is_skipped(
    harness: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without Node measures ours all the same, and is told what is missing."""
    monkeypatch.setenv("PATH", "")
    assert harness("bullmq").absence(may_install=True).startswith("node and npm not found")


def test_the_page_names_command_machine_and_versions(
    harness: Callable[[str], Any], tmp_path: Path
) -> None:
    """Whoever reads a figure can make it again, and sees which bar it was measured against."""
    row = {
        "name": "depth: claim of 1, µs",
        "ratio": 1.1,
        "bar": "ratio <= 1.3",
        "aim": "",
        "held": True,
        "all_ours": [11.0],
        "all_peer": [10.0],
    }
    result = {
        "at": "2026-11-23T06:05:25",
        "machine": "2 processors",
        "versions": {"Python": "3.11.7", "bullmq": "6.7.0"},
        "jobs": 1000,
        "runs": 1,
        "aof": True,
        "rows": [row],
    }
    (tmp_path / "depth.json").write_text(json.dumps(result), "utf-8")
    page = harness("page").page(tmp_path, ["throughput", "depth"])
    assert "`python benchmarks/depth.py`, 1,000 jobs a run" in page
    assert "2 processors; Python 3.11.7, bullmq 6.7.0." in page
    assert "| claim of 1, µs | 11 | 10 | 1.1 | ratio <= 1.3 | – | yes |" in page


def test_the_page_says_what_was_counted(harness: Callable[[str], Any], tmp_path: Path) -> None:
    """A benchmark whose runs are not made of jobs says what they are made of."""
    result = {
        "at": "2026-11-23T06:05:25",
        "machine": "2 processors",
        "versions": {"Kubernetes": "1"},
        "jobs": 100,
        "counts": "rounds",
        "runs": 1,
        "aof": True,
        "rows": [],
    }
    (tmp_path / "interruptions.json").write_text(json.dumps(result), "utf-8")
    assert "100 rounds a run, 1 runs" in harness("page").page(tmp_path, ["interruptions"])


def test_the_picture_shows_each_side_once(harness: Callable[[str], Any], tmp_path: Path) -> None:
    """Costs become bars within the picture; a side that did not run has none."""
    spent = {
        "ours": [{"worker": 8.0, "redis": 12.0}, {"worker": 9.0, "redis": 13.0}],
        "bullmq": [{"worker": 56.0, "redis": 76.0}],
        "stock_middleware": [{"worker": 620.0, "redis": 101.0}],
    }
    result = tmp_path / "throughput.json"
    result.write_text(json.dumps({"at": "2026-11-23T06:05:25", "spent": spent}), "utf-8")
    drawn = ET.fromstring(harness("picture").picture(result))  # noqa: S314 (our own)
    texts = [each.text for each in drawn.findall("{*}text")]
    assert {"Headpond", "BullMQ", "taskiq-redis"} < set(texts)
    assert "Headpond, everything on" not in texts
    ends = [float(box.attrib["x"]) + float(box.attrib["width"]) for box in drawn.findall("{*}rect")]
    assert max(ends) <= float(drawn.attrib["width"])


def test_without_a_run_there_is_no_picture(harness: Callable[[str], Any], tmp_path: Path) -> None:
    """Nothing is drawn of a benchmark that has not run."""
    assert harness("picture").picture(tmp_path / "throughput.json") == ""


@pytest.mark.parametrize("name", NAMES)
def test_help_shows_examples(name: str) -> None:
    """--help says what is measured and how to ask for it."""
    ended = run(f"benchmarks/{name}.py", "--help")
    assert ended.returncode == 0, ended.stderr
    assert f"python benchmarks/{name}.py --quick --json" in ended.stdout
