"""Compare the database with the roster."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from demo.roster import Key

QUERY = "SELECT tenant_id, student_id, session_id, date, status FROM school_attendance"


@dataclass(frozen=True, slots=True)
class Books:
    """What the database has, measured by the roster."""

    rows: int
    lost: tuple[Key, ...]
    """Accepted, and not there."""
    doubled: tuple[Key, ...]
    """There more than once."""
    wrong: tuple[str, ...]
    """There with another status, or never sent: a sentence each."""


def read_rows(database: Path) -> list[tuple[Key, str]]:
    """Return key and status of every row; none when there is no database yet."""
    if not database.exists():
        return []
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return [((row[0], row[1], row[2], row[3]), row[4]) for row in connection.execute(QUERY)]
    finally:
        connection.close()


def compare(expected: Mapping[Key, str], rows: Iterable[tuple[Key, str]]) -> Books:
    """Return what is lost, doubled and wrong.

    >>> key = ("greenfield", "1", "", "2026-11-02")
    >>> compare({key: "late"}, [(key, "late"), (key, "late")]).doubled
    (('greenfield', '1', '', '2026-11-02'),)
    """
    found = list(rows)
    seen = Counter(key for key, _ in found)
    wrong = [
        f"{key} is {status!r}, not {expected[key]!r}"
        if key in expected
        else f"{key} was never accepted"
        for key, status in found
        if expected.get(key) != status
    ]
    return Books(
        rows=len(found),
        lost=tuple(key for key in expected if key not in seen),
        doubled=tuple(key for key, count in seen.items() if count > 1),
        wrong=tuple(wrong),
    )
