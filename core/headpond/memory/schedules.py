"""The schedules of a queue: the store never looks into their definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headpond.ports import ScheduleEntry


class Schedules:
    """The schedules of one queue by name."""

    def __init__(self) -> None:
        """Begin with none."""
        self._entries: dict[str, ScheduleEntry] = {}

    def put(self, entry: ScheduleEntry) -> None:
        """Keep it; one of the same name is replaced."""
        self._entries[entry.name] = entry

    def remove(self, name: str) -> bool:
        """Forget it; False when there was none."""
        return self._entries.pop(name, None) is not None

    def all(self) -> list[ScheduleEntry]:
        """Return them by name."""
        return [self._entries[name] for name in sorted(self._entries)]

    def has(self, entry: ScheduleEntry) -> bool:
        """Whether it is still so."""
        return self._entries.get(entry.name) == entry

    def next_ms(self) -> int:
        """Return when the next is to fire; 0: none."""
        return min((e.next_ms for e in self._entries.values() if e.next_ms), default=0)
