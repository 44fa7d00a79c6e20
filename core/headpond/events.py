"""What happens in Headpond, each as a class of its own; logs, metrics and screens are made of them.

Events carry plain figures and sentences, never objects that change. A sink handles every one of
them (`assert_never`), so that a new event can't be forgotten anywhere. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Decided:
    """Another number of workers is wanted for a queue, or the same for an exceptional reason."""

    at_ms: int
    queue: str
    before: int
    replicas: int
    rule: str
    reason: str
    writes: bool
    """False when the mode is Recommend or Frozen: nobody acts on it."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """A queue's number of workers was written."""

    at_ms: int
    queue: str
    before: int
    replicas: int
    victims: tuple[str, ...]
    """Workers that acknowledged their drain and are stopped now."""


@dataclass(frozen=True, slots=True)
class DrainAsked:
    """Workers were asked to claim nothing more."""

    at_ms: int
    queue: str
    workers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DrainAcknowledged:
    """Workers that were asked run nothing now, and may be stopped."""

    at_ms: int
    queue: str
    workers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DrainWithdrawn:
    """Workers that were asked to drain are wanted again."""

    at_ms: int
    queue: str
    workers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoreLost:
    """The store does not answer; every queue is unknown."""

    at_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class StoreBack:
    """The store answers again."""

    at_ms: int
    away_ms: int


@dataclass(frozen=True, slots=True)
class FleetFailed:
    """Whoever runs the workers could not do what was asked; it is tried again."""

    at_ms: int
    queue: str
    """`""` when it could not even be asked."""
    reason: str


@dataclass(frozen=True, slots=True)
class RoundFailed:
    """A round of the governor ended by an error that nobody foresaw; the next one comes."""

    at_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class RoundDone:
    """The governor looked at every queue once."""

    at_ms: int
    queues: int
    unknown: int
    """Of these, how many the store said nothing of."""
    took_s: float
    wanted: Mapping[str, int] = field(default_factory=dict)
    """Workers wanted of each queue that could be decided; a copy of its own."""


Event = (
    Decided
    | Scaled
    | DrainAsked
    | DrainAcknowledged
    | DrainWithdrawn
    | StoreLost
    | StoreBack
    | FleetFailed
    | RoundFailed
    | RoundDone
)


class Sink(Protocol):
    """Where events go. It must neither block nor raise."""

    def receive(self, event: Event) -> None:
        """Take note of the event."""
        ...
