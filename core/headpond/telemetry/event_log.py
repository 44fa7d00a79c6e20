"""The governor's events as log entries: a name that stays, the event's fields, and a sentence."""

from __future__ import annotations

import logging
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, assert_never

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
from headpond.telemetry.lines import line_of

if TYPE_CHECKING:
    from headpond.events import Event

logger = logging.getLogger("headpond.governor")

EVENTS: Final[dict[type[Event], tuple[str, int]]] = {
    Decided: ("scaling-decided", logging.INFO),
    Scaled: ("scaled", logging.INFO),
    DrainAsked: ("drain-asked", logging.INFO),
    DrainAcknowledged: ("drain-acknowledged", logging.INFO),
    DrainWithdrawn: ("drain-withdrawn", logging.INFO),
    StoreLost: ("store-lost", logging.WARNING),
    StoreBack: ("store-back", logging.INFO),
    FleetFailed: ("fleet-failed", logging.WARNING),
    RoundFailed: ("round-failed", logging.ERROR),
    RoundDone: ("round-done", logging.DEBUG),
}
"""How each kind of event is named in the log, and how loud it is."""

UNSAID: Final = frozenset({"at_ms", "wanted"})
"""A log entry has a time of its own; a number for each of a thousand queues is for metrics."""


class EventLog:
    """A sink that logs each event."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._decided: dict[str, str] = {}
        """The sentence of each queue's latest decision: it is logged once."""

    def receive(self, event: Event) -> None:
        """Log the event."""
        name, level = EVENTS[type(event)]
        if not logger.isEnabledFor(level):
            return
        said = sentence(event)
        if isinstance(event, Decided):
            if self._decided.get(event.queue) == said:
                return
            self._decided[event.queue] = said
        logger.log(level, "%s", said, extra={"event": name, **_fields(event)})


def sentence(event: Event) -> str:
    """Return the event in words.

    >>> sentence(Scaled(at_ms=0, queue="attendance", before=3, replicas=2, victims=("w-7",)))
    'attendance 3→2: written; w-7 may stop'
    """
    match event:
        case Scaled():
            stopped = f"; {', '.join(event.victims)} may stop" if event.victims else ""
            return f"{event.queue} {event.before}→{event.replicas}: written{stopped}"
        case DrainAsked():
            return f"{event.queue}: asked to drain: {', '.join(event.workers)}"
        case DrainAcknowledged():
            return f"{event.queue}: drained: {', '.join(event.workers)}"
        case DrainWithdrawn():
            return f"{event.queue}: wanted again: {', '.join(event.workers)}"
        case RoundDone():
            took = f"{event.queues} queues in {event.took_s * 1000:.1f} ms"
            return f"looked at {took}, {event.unknown} of them unknown"
        case Decided() | StoreLost() | StoreBack() | FleetFailed() | RoundFailed():
            return line_of(event)
        case _:
            assert_never(event)


def _fields(event: Event) -> dict[str, Any]:
    names = (field.name for field in fields(event))
    return {name: getattr(event, name) for name in names if name not in UNSAID}
