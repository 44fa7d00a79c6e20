"""The picture of docs/explanation/why-fast.md: what a job costs each side, from the latest run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

SIDES: Final = {
    "ours": "Headpond",
    "everything": "Headpond, everything on",
    "bullmq": "BullMQ",
    "stock_middleware": "taskiq-redis",
}
WIDTH: Final = 760
LEFT: Final = 190
ROW: Final = 46
BAR: Final = 22
TOP: Final = 64
LONGEST: Final = 430
"""Pixels of the longest bar that is drawn whole."""
CUT: Final = 2.0
"""A bar this many times as long as BullMQ's is cut, and says so."""
COLOURS: Final = {"worker": "#3b7dd8", "redis": "#d8573b"}


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians of one side."""

    label: str
    worker_us: float
    redis_us: float

    @property
    def whole(self) -> float:
        """Both together."""
        return self.worker_us + self.redis_us


def picture(result: Path) -> str:
    """Return an SVG, or "" when there is no run with figures for it."""
    if not result.exists():
        return ""
    kept = json.loads(result.read_text("utf-8"))
    costs = [
        _cost(label, kept["spent"][side]) for side, label in SIDES.items() if side in kept["spent"]
    ]
    return _svg(costs, kept["at"][:10]) if costs else ""


def _cost(label: str, runs: list[dict[str, Any]]) -> Cost:
    return Cost(label, median(run["worker"] for run in runs), median(run["redis"] for run in runs))


def _svg(costs: list[Cost], day: str) -> str:
    wholes = sorted(cost.whole for cost in costs)
    longest = min(wholes[-1], CUT * wholes[-2]) if len(wholes) > 1 else wholes[-1]
    height = TOP + ROW * len(costs) + 24
    title = "Processor time for one no-op job, µs"
    source = f"medians of the run of {day}, see Performance"
    bars = [_bar(cost, TOP + ROW * at, LONGEST / longest) for at, cost in enumerate(costs)]
    size = {"viewBox": f"0 0 {WIDTH} {height}", "width": WIDTH, "height": height}
    font = {"font-family": "sans-serif", "font-size": 13, "role": "img", "aria-label": title}
    inner = [
        _box(0, 0, WIDTH, height, "#ffffff"),
        _text(16, 26, title, **{"font-size": 15, "font-weight": "bold"}),
        *_legend(),
        *(line for bar in bars for line in bar),
        _text(
            WIDTH - 16,
            height - 10,
            source,
            **{"text-anchor": "end", "font-size": 11, "fill": "#777777"},
        ),
    ]
    lines = "\n".join(inner)
    return (
        f"<svg {_said({'xmlns': 'http://www.w3.org/2000/svg', **size, **font})}>\n{lines}\n</svg>\n"
    )


def _legend() -> list[str]:
    texts = {"worker": "in the worker", "redis": "in Redis, from enqueue to end"}
    lines = []
    for at, (place, text) in enumerate(texts.items()):
        x = LEFT + 130 * at
        lines += [_box(x, 38, 12, 12, COLOURS[place]), _text(x + 18, 49, text)]
    return lines


def _bar(cost: Cost, y: int, scale: float) -> list[str]:
    worker = min(cost.worker_us * scale, LONGEST)
    redis = min(cost.redis_us * scale, LONGEST - worker)
    end, middle = LEFT + worker + redis, y + BAR / 2 + 5
    said = f"{cost.whole:.0f} = {cost.worker_us:.0f} + {cost.redis_us:.0f}"
    lines = [
        _text(LEFT - 10, middle, cost.label, **{"text-anchor": "end"}),
        _box(LEFT, y, worker, BAR, COLOURS["worker"]),
        _box(LEFT + worker, y, redis, BAR, COLOURS["redis"]),
        _text(end + 8, middle, said),
    ]
    if cost.whole * scale > LONGEST + 1:
        stroke = {"stroke": "#ffffff", "stroke-width": 4}
        path = f"M{end - 18:g} {y + BAR + 3} l8 -{BAR + 6} m6 0 l-8 {BAR + 6}"
        lines.append(f"<path {_said({'d': path, **stroke})}/>")
    return lines


def _box(x: float, y: float, width: float, height: float, fill: str) -> str:
    size = {"x": f"{x:g}", "y": f"{y:g}", "width": f"{width:.1f}", "height": f"{height:.1f}"}
    return f"<rect {_said({**size, 'fill': fill})}/>"


def _text(x: float, y: float, text: str, **more: object) -> str:
    return f"<text {_said({'x': f'{x:.1f}', 'y': f'{y:g}', **more})}>{text}</text>"


def _said(attributes: dict[str, object]) -> str:
    return " ".join(f'{name}="{value}"' for name, value in attributes.items())
