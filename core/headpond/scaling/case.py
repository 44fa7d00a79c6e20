"""What a rule sees, and what it may answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headpond.scaling.model import Pause

if TYPE_CHECKING:
    from headpond.queues import QueueSample
    from headpond.scaling.arithmetic import Load
    from headpond.scaling.memory import Memory
    from headpond.scaling.model import Policy, Seen, Window

LEAST_GUARD_S: Final = 15.0
"""After a restart or a reset at least this long nothing goes down, even when the policy's window is
shorter: one lease, within which every living worker is heard of."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which the number has to be, and who says so."""

    floor: int
    ceiling: int
    floor_why: str
    ceiling_why: str
    window_ends_ms: int = 0
    """When the schedule's floor or ceiling in force ends; 0: none is in force."""
    floor_is_scheduled: bool = False
    next_window: Window | None = None
    next_window_ms: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a rule may look at; one queue at one moment."""

    policy: Policy
    seen: Seen
    memory: Memory
    """With this sample learned already."""
    bounds: Bounds
    load: Load | None
    """`None` when there is no sample."""

    @property
    def sample(self) -> QueueSample | None:
        """The sample; `None`: unknown, which is not zero."""
        return self.seen.sample

    @property
    def current(self) -> int:
        """Workers wanted until now."""
        return self.seen.replicas

    @property
    def now_ms(self) -> int:
        """The moment of the decision."""
        return self.seen.now_ms

    @property
    def guard_ms(self) -> int:
        """How long nothing goes down after a restart or a reset."""
        return guard_ms(self.policy)

    @property
    def busy(self) -> int:
        """Workers that hold a job; none is known without a sample."""
        return sum(1 for worker in self.sample.workers if worker.active) if self.sample else 0

    @property
    def is_held(self) -> bool:
        """Whether no waiting job may start, as the declaration or the store has it."""
        return self.policy.pause is not Pause.NONE or bool(self.sample and self.sample.is_held)


@dataclass(frozen=True, slots=True)
class Move:
    """A rule's answer: the number from here on, and why."""

    to: int
    why: str
    until_ms: int = 0
    """When the rule expects to change its mind, if nothing else happens; 0: it can't say."""
    then: int = 0
    """The number that will be then."""


def guard_ms(policy: Policy) -> int:
    """Return how long nothing goes down after a restart or a reset."""
    return round(max(policy.scale_down.stabilization_s, LEAST_GUARD_S) * 1000)
