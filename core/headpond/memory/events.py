"""What happened in a queue, step by step: one event for each step and kind, the last steps only."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Final

from headpond.errors import Invalid
from headpond.ports import QueueEvent

if TYPE_CHECKING:
    from headpond.jobs import JobId

KEPT: Final = 10_000
"""Events; a reader that falls further behind looks at the jobs themselves."""

_ID: Final = re.compile(r"[0-9]{1,19}-([0-9]{1,19})")


class Events:
    """The events of one queue."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: deque[QueueEvent] = deque(maxlen=KEPT)
        self._step: dict[tuple[str, str], list[JobId]] = {}
        self._told = 0

    def note(self, name: str, *jobs: JobId, detail: str = "") -> None:
        """Remember something of the step that runs."""
        self._step.setdefault((name, detail), []).extend(jobs)

    def close_step(self, now_ms: int) -> None:
        """Make events of what was noted, in the order in which each kind came first."""
        for (name, detail), jobs in self._step.items():
            self._told += 1
            self._kept.append(QueueEvent(f"{now_ms}-{self._told}", name, tuple(jobs), detail))
        self._step.clear()

    def after(self, event_id: str, limit: int) -> list[QueueEvent]:
        """Return the first events that came after this one."""
        last = _number(event_id) if event_id else 0
        return [event for event in self._kept if _number(event.id) > last][:limit]


def _number(event_id: str) -> int:
    match = _ID.fullmatch(event_id)
    if match is None:
        message = f"{event_id!r} is no event's id; leave it out to begin with the oldest."
        raise Invalid(message)
    return int(match[1])
