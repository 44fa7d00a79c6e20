"""What became of the messages, and how that is said. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

MOST_LISTED: Final = 20
"""Messages that can't be read are listed one by one up to here, all of them are counted."""
MOST_NAMES: Final = 10


@dataclass(slots=True)
class Counts:
    """A run's tally; every message that was read is in exactly one of the four below it."""

    read: int = 0
    imported: int = 0
    there: int = 0
    """Headpond has, or had, a job of the id already."""
    unreadable: int = 0
    gone: int = 0
    """Entries whose message the stream has trimmed."""
    names: Counter[str] = field(default_factory=Counter)
    """Task names of what was imported."""
    listed: list[str] = field(default_factory=list)

    @property
    def is_balanced(self) -> bool:
        """Whether nothing that was read got out of sight."""
        return self.read == self.imported + self.there + self.unreadable + self.gone

    def blame(self, name: str, why: str) -> None:
        """Count a message that stays where it is."""
        self.unreadable += 1
        if len(self.listed) < MOST_LISTED:
            self.listed.append(f"{name!r} {why}")

    def line(self) -> str:
        """Say how far it is."""
        return (
            f"{self.read:,} read, {self.imported:,} imported, {self.there:,} already there,"
            f" {self.unreadable:,} unreadable"
        )

    def unreadables(self) -> list[str]:
        """List the messages that stay, as far as there is room."""
        more = self.unreadable - len(self.listed)
        return [*self.listed, *([f"and {more:,} more"] if more else [])]

    def tasks(self) -> str:
        """Say which tasks they are."""
        most = self.names.most_common(MOST_NAMES)
        said = ", ".join(f"{name} {count:,}" for name, count in most)
        more = len(self.names) - len(most)
        return f"{said}{f' and {more:,} other tasks' if more else ''}"
