"""What a benchmark found: figures of ours beside the peer's, and whether the bar held. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Literal

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Bar:
    """What must hold of our figure, or of ours ÷ the peer's."""

    of: Literal["ours", "ratio"]
    relation: Literal[">=", "<="]
    value: float

    def holds(self, figure: float) -> bool:
        """Say whether a figure is on the right side.

        >>> Bar("ratio", ">=", 5).holds(4.9), Bar("ours", "<=", 60).holds(52)
        (False, True)
        """
        return figure >= self.value if self.relation == ">=" else figure <= self.value

    @override
    def __str__(self) -> str:
        """Write it as people do."""
        return f"{self.of} {self.relation} {self.value:,g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: every run's figure of both sides."""

    name: str
    """`benchmark: what, in which unit`."""
    ours: Sequence[float]
    peer: Sequence[float]
    bar: Bar
    aim: Bar | None = None
    """What we want of it; the bar is what must hold."""
    skipped: str = ""
    """Why the peer has no figure."""

    @property
    def ratio(self) -> float | None:
        """Ours ÷ the peer's, of the medians; unknown without a figure of the peer's."""
        peer = median(self.peer) if self.peer else 0.0
        return median(self.ours) / peer if peer else None

    @property
    def is_held(self) -> bool | None:
        """Whether the bar held; unknown when it is about a peer that has no figure."""
        figure = self.ratio if self.bar.of == "ratio" else median(self.ours)
        return None if figure is None else self.bar.holds(figure)

    def plain(self) -> dict[str, object]:
        """Return the row as DESIGN's budgets want it; one without a peer says why."""
        plain = {
            "name": self.name,
            "ours": _rounded(median(self.ours)),
            "peer": _rounded(median(self.peer)) if self.peer else None,
            "ratio": None if self.ratio is None else _rounded(self.ratio),
            "bar": str(self.bar),
            "held": self.is_held,
        }
        return plain | {"skipped": self.skipped} if self.skipped else plain

    def as_json(self) -> str:
        """Return the row as one line of JSON."""
        return json.dumps(self.plain(), ensure_ascii=False)


def spread(figures: Sequence[float]) -> str:
    """Write the median and, of several runs, the least and the most.

    >>> spread([1320, 1290, 1410]), spread([0.371])
    ('1,320 (1,290–1,410)', '0.371')
    """
    if not figures:
        return "–"
    text = _text(median(figures))
    if len(figures) > 1:
        text += f" ({_text(min(figures))}–{_text(max(figures))})"
    return text


HEAD = ("what", "ours", "peer", "ratio", "bar", "held")
HELD = {True: "yes", False: "NO", None: "unknown"}


def cells(row: Row) -> tuple[str, ...]:
    """Return a row's texts, in the order of `HEAD`."""
    return (
        row.name,
        spread(row.ours),
        "skipped" if row.skipped else spread(row.peer),
        "–" if row.ratio is None else f"{row.ratio:.2f}",
        str(row.bar),
        HELD[row.is_held],
    )


def table(rows: Sequence[Row]) -> str:
    """Draw the rows for a terminal."""
    lines = [HEAD, *map(cells, rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEAD))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _rounded(figure: float) -> float:
    return float(f"{figure:.4g}") if figure < 1000 else round(figure)


def _text(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
