"""Events as lines for people: what `headpond up` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from headpond.events import (
    Decided,
    DrainAcknowledged,
    DrainAsked,
    DrainWithdrawn,
    FleetFailed,
    RoundDone,
    RoundFailed,
    Scaled,
    StoreBack,
    StoreLost,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from headpond.events import Event


class Lines:
    """A sink that writes one line for each event that a person at a terminal wants to see."""

    def __init__(self, write: Callable[[str], None]) -> None:
        """Write through `write`, without line ends."""
        self._write = write
        self._decided: dict[str, str] = {}
        """The line of each queue's latest decision: it is written once."""

    def receive(self, event: Event) -> None:
        """Write the event's line, if it has one."""
        line = line_of(event)
        if isinstance(event, Decided):
            if self._decided.get(event.queue) == line:
                return
            self._decided[event.queue] = line
        if line:
            self._write(line)


def line_of(event: Event) -> str:
    """Return the event in words, `""` for what only machines want to know.

    >>> line_of(StoreBack(at_ms=0, away_ms=5200))
    'the store answers again after 5.2 s'
    """
    match event:
        case Decided():
            return _decided(event)
        case StoreLost():
            return f"the store does not answer, workers stay as they are: {event.reason}"
        case StoreBack():
            return f"the store answers again after {event.away_ms / 1000:.1f} s"
        case FleetFailed():
            what = f"{event.queue}: its workers" if event.queue else "the workers"
            return f"{what} could not be changed and will be tried again: {event.reason}"
        case RoundFailed():
            return f"the governor failed and goes on: {event.reason}"
        case Scaled() | DrainAsked() | DrainAcknowledged() | DrainWithdrawn() | RoundDone():
            return ""
        case _:
            assert_never(event)


def _decided(event: Decided) -> str:
    arrow = f"{event.before}→{event.replicas}"
    moved = arrow if event.before != event.replicas else f"stays {event.replicas}"
    only = "" if event.writes else " (not written)"
    return f"{event.queue} {moved}{only}: {event.reason}"
