"""What a decision remembers of those before it: bounded, JSON, never hidden. Pure.

It lives in the status of the custom resource and in the governor; a process that starts anew gets
`Memory()` or `recall(...)`, and then moves nothing down for a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import msgspec

KEPT: Final = 24
"""Entries of a history: a window of a minute has a grain of a few seconds, a status stays small."""

History = tuple[tuple[int, int], ...]
"""(when, how many), oldest first."""


@dataclass(frozen=True, slots=True)
class Counters:
    """The counters of the latest sample; only differences between two samples mean something."""

    at_ms: int
    outstanding: int
    ended_total: int
    run_us_total: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything that `decide` knows besides its arguments."""

    since_ms: int = 0
    """When whoever decides began; 0: with the next decision. For a window nothing goes down."""
    epoch: str = ""
    """The store's, as last seen."""
    reset_ms: int = 0
    """When the store was last seen without its data; 0: never."""
    counters: Counters | None = None
    arrival_fast: float = 0.0
    """Runs asked for per second, over the last seconds …"""
    arrival_slow: float = 0.0
    """… and over the last minutes; the smaller counts."""
    service_s: float | None = None
    """Seconds of one run; `None` until the first has ended."""
    cold_start_s: float = 0.0
    """How long a worker took to come up, as last seen."""
    idle_since_ms: int = 0
    """Since when each sample found nothing to do; 0: the latest found something."""
    idle_samples: int = 0
    """How many found nothing, up to two."""
    replicas: int = -1
    """Workers wanted, as last seen; -1: never seen."""
    raised: History = ()
    """When the number rose and by how much, for the rate policies."""
    lowered: History = ()
    highs: History = ()
    """Recommendations, each higher than all later ones: a window's first is its highest."""
    lows: History = ()
    asked_backlog: int = 0
    """The backlog for which the starting workers were asked."""

    def to_json(self) -> str:
        """Return it as JSON."""
        return msgspec.json.encode(self).decode()

    def restarted(self) -> Memory:
        """Return what is still worth knowing after a restart of whoever decides."""
        return Memory(
            epoch=self.epoch,
            reset_ms=self.reset_ms,
            service_s=self.service_s,
            cold_start_s=self.cold_start_s,
        )


class _Learned(msgspec.Struct):
    service_s: float | None
    cold_start_s: float


class _Recalled(msgspec.Struct):
    inputs: _Learned


def memory_from_json(text: str) -> Memory:
    """Return the memory that `to_json` wrote, without what a newer version added.

    A damaged one is an empty one: then nothing goes down for a window.
    """
    try:
        return msgspec.json.decode(text, type=Memory)
    except (msgspec.DecodeError, UnicodeError):
        return Memory()


def recall(decision: str) -> Memory:
    """Return what the JSON of an earlier decision teaches; an empty memory when it is damaged."""
    try:
        inputs = msgspec.json.decode(decision, type=_Recalled).inputs
    except (msgspec.DecodeError, UnicodeError):
        return Memory()
    return Memory(service_s=inputs.service_s, cold_start_s=inputs.cold_start_s)


def remember_high(history: History, at_ms: int, value: int) -> History:
    """Add a recommendation to `highs`: what is lower and older can never be a window's highest."""
    kept = tuple(entry for entry in history if entry[1] > value)
    return bounded((*kept, (at_ms, value)))


def remember_low(history: History, at_ms: int, value: int) -> History:
    """Add a recommendation to `lows`."""
    kept = tuple(entry for entry in history if entry[1] < value)
    return bounded((*kept, (at_ms, value)))


def bounded(history: History) -> History:
    """Make room by merging the two neighbours that are closest in time.

    The older value is kept with the later time: it counts longer than it should, never shorter.
    """
    if len(history) <= KEPT:
        return history
    gaps = [later[0] - earlier[0] for earlier, later in pairwise(history)]
    closest = gaps.index(min(gaps))
    merged = (history[closest + 1][0], history[closest][1])
    return (*history[:closest], merged, *history[closest + 2 :])


def since(history: History, start_ms: int) -> History:
    """Return the entries after `start_ms`."""
    if not history or history[0][0] > start_ms:
        return history
    return tuple(entry for entry in history if entry[0] > start_ms)


def add_move(history: History, at_ms: int, count: int) -> History:
    """Add a move to `raised` or `lowered`; merged moves add up at the later time."""
    longer = (*history, (at_ms, count))
    if len(longer) <= KEPT:
        return longer
    first, second = longer[:2]
    return ((second[0], first[1] + second[1]), *longer[2:])
