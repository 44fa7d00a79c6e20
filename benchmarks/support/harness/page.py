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

Ours and the peers (BullMQ, stock taskiq-redis) ran in turn on the same kind of fresh Redis, one
worker or API process each. A figure is the median of its runs, with the least and the most; ratio
is ours ÷ the peer's; the bar must hold, the aim is what we want. What the rows mean and how they
are kept fair is in [Speed](../explanation/speed.md), why they come out so in
[Why it is fast](../explanation/why-fast.md).

KEDA can't be run each time: where a row names it, KEDA 2.21 was measured once, on such a cluster
(kind, one node, two cores); its figures are repeated here.
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
        f"`python benchmarks/{name}.py`, {result['jobs']:,} {result.get('counts', 'jobs')} a run,"
        f" {result['runs']} runs, {_redis(result)}; {result['at']}; {result['machine']};"
        f" {_versions(result)}."
    )
    lines = [
        f"## {name}",
        "",
        how,
        "",
        "| what | ours | peer | ratio | bar | aim | held |",
        "|---|---|---|---|---|---|---|",
        *(_line(row) for row in result["rows"]),
        "",
    ]
    return "\n".join(lines)


def _redis(result: dict[str, Any]) -> str:
    return "append-only file synced each second" if result["aof"] else "no append-only file"


def _versions(result: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in result["versions"].items())


def _line(row: dict[str, Any]) -> str:
    cells = (
        row["name"].partition(": ")[2],
        spread(row["all_ours"]),
        row.get("skipped") or spread(row["all_peer"]),
        "–" if row["ratio"] is None else f"{row['ratio']:g}",
        row["bar"],
        row["aim"] or "–",
        {True: "yes", False: "**no**", None: "unknown"}[row["held"]],
    )
    return f"| {' | '.join(cells)} |"
