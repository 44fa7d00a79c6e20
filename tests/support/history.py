"""The history of a run under faults: what was offered, accepted, started, ended and broken.

Every process appends to one file, a line for each event and a write for each line (`O_APPEND`), so
that lines of several processes never mix and nothing is lost with a process that is killed.
`history_checks` reads it together with what the store says at the end.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="what", omit_defaults=True):
    """Something that happened; `at` is Unix time in seconds, of the one machine's one clock."""

    at: float = 0.0


class Offered(Event, frozen=True, tag="offer"):
    """A producer is about to enqueue a job; should no answer follow, nobody knows."""

    id: str
    batch: str = ""


class Accepted(Event, frozen=True, tag="accept"):
    """The store has answered that the job is in, or that one of its id or key was."""

    id: str
    created: bool = True
    holder: str = ""
    """Another job, which holds its key: then this one is not in."""
    replaced: str = ""
    """The job that was cancelled in its favour."""
    is_durable: bool = False
    """The store said that it would survive the loss of a server."""


class Refused(Event, frozen=True, tag="refuse"):
    """The store has answered that the job is not in."""

    id: str


class Started(Event, frozen=True, tag="start"):
    """A handler began."""

    id: str
    worker: str
    run: str = ""
    """Names this very run."""
    attempt: int = 1


class Ended(Event, frozen=True, tag="end"):
    """A handler ended: `returned`, `raised`, or was `stopped` from outside."""

    id: str
    worker: str
    run: str = ""
    how: str = "returned"


class Killed(Event, frozen=True, tag="kill"):
    """A worker is dead: it had no chance to say anything."""

    worker: str


class Leaving(Event, frozen=True, tag="leaving"):
    """A worker gets SIGTERM; what ends just when its grace does may count as stopped."""

    worker: str


class Left(Event, frozen=True, tag="leave"):
    """A worker has ended after SIGTERM."""

    worker: str


class Cut(Event, frozen=True, tag="cut"):
    """From now on a worker can't reach the store, or stands still; `""`: none can."""

    worker: str = ""


class Healed(Event, frozen=True, tag="heal"):
    """It is over."""

    worker: str = ""


class Snapped(Event, frozen=True, tag="snap"):
    """Connections were cut or replies lost: what was claimed by such a reply is nobody's."""


class Asked(Event, frozen=True, tag="ask"):
    """Somebody did something to a job (`cancel`, `fail`, `retry`), and was answered at `at`."""

    id: str
    verb: str
    answer: str
    """In the words of the store; `""` when it gave none."""
    since: float = 0.0
    """When it was asked."""


KINDS: Final = {
    str(kind.__struct_config__.tag): kind
    for kind in (
        *(Offered, Accepted, Refused, Asked),
        *(Started, Ended),
        *(Killed, Leaving, Left, Cut, Healed, Snapped),
    )
}


class Log:
    """One process' end of the file."""

    def __init__(self, path: Path) -> None:
        """Open it, and make it if need be."""
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def tell(self, *events: Event) -> None:
        """Append events; what has no time gets the present one."""
        now = time.time()
        lines = [
            msgspec.json.encode(event if event.at else msgspec.structs.replace(event, at=now))
            for event in events
        ]
        os.write(self._file, b"".join(line + b"\n" for line in lines))

    def close(self) -> None:
        """Close it."""
        os.close(self._file)


def read(path: Path) -> list[Event]:
    """Return everything told so far, by time; lines that are no events are others' business."""
    events: list[Event] = []
    for line in path.read_bytes().splitlines():
        said: dict[str, Any] = json.loads(line)
        kind = KINDS.get(said["what"])
        if kind is not None:
            events.append(msgspec.convert(said, kind))
    return in_order(events)


def in_order(events: Iterable[Event]) -> list[Event]:
    """Return events by time."""
    return sorted(events, key=lambda event: event.at)
