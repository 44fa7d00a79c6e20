"""The page of figures, made from what the benchmarks left in `benchmarks/results/`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.rows import spread

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HEAD = """\
# Performance

**Who needs this:** whoever asks what Headpond costs. Made by `make bench`; do not edit.

Ours and stock taskiq-redis ran in turn on the same kind of fresh Redis, one worker or API process
each. A figure is the median of its runs, with the least and the most; ratio is ours ÷ the peer's.
What the rows mean, and what decides them, is in [Speed](../explanation/speed.md).
"""


def page(results: Path, names: Sequence[str]) -> str:
    """Return the page; a benchmark without a result is left out."""
    kept = {name: results / f"{name}.json" for name in names}
    found = {
        name: json.loads(path.read_text("utf-8")) for name, path in kept.items() if path.exists()
    }
    parts = [HEAD, *(_section(name, result) for name, result in found.items())]
    return "\n".join(parts)


def _section(name: str, result: dict[str, Any]) -> str:
    how = (
        f"{result['jobs']:,} jobs a run, {result['runs']} runs, {_redis(result)}; {result['at']};"
        f" {result['machine']}; Python {result['python']}, {_packages(result)}."
    )
    lines = [
        f"## {name}",
        "",
        how,
        "",
        "| what | ours | peer | ratio | bar | held |",
        "|---|---|---|---|---|---|",
        *(_line(row) for row in result["rows"]),
        "",
    ]
    return "\n".join(lines)


def _redis(result: dict[str, Any]) -> str:
    return "append-only file synced each second" if result["aof"] else "no append-only file"


def _packages(result: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in result["packages"].items())


def _line(row: dict[str, Any]) -> str:
    what = row["name"].partition(": ")[2]
    held = "yes" if row["held"] else "**no**"
    ours, peer = spread(row["all_ours"]), spread(row["all_peer"])
    return f"| {what} | {ours} | {peer} | {row['ratio']:g} | {row['bar']} | {held} |"
