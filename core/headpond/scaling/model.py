"""The values around a scaling decision: what is wanted, what is seen, what came of it. Pure.

What the decision must remember between two samples is in `memory`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from datetime import tzinfo

    from headpond.queues import QueueSample
    from headpond.scaling.memory import Memory
    from headpond.schedules import Cron


class Mode(StrEnum):
    """What becomes of a decision."""

    AUTO = "Auto"
    RECOMMEND = "Recommend"
    """Decides and says so, writes nothing."""
    FROZEN = "Frozen"
    """The number of workers stays as it is, whatever it is."""
    MANUAL = "Manual"
    """The number of workers is `Policy.replicas`."""


class Pause(StrEnum):
    """What the queue's declaration says about starting jobs."""

    NONE = "None"
    HOLD = "Hold"
    """No job starts; running jobs finish; the backlog asks for no workers."""
    DRAIN = "Drain"
    """Hold, then no workers, once the running jobs have ended."""


class Select(StrEnum):
    """Which of several rate policies counts, as in the HPA's `selectPolicy`."""

    MAX = "Max"
    """The one that allows the largest change."""
    MIN = "Min"
    DISABLED = "Disabled"
    """No change in this direction."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One rate policy of the HPA: at most `value` workers or per cent in each period."""

    type: Literal["Pods", "Percent"]
    value: int
    period_s: float


@dataclass(frozen=True, slots=True)
class Behavior:
    """How fast the number may move in one direction; the vocabulary of HPA v2."""

    stabilization_s: float = 0.0
    """Up: the lowest recommendation of this window counts. Down: the highest."""
    policies: tuple[Rate, ...] = ()
    """Empty: no limit, the number is written once."""
    select: Select = Select.MAX


@dataclass(frozen=True, slots=True)
class Target:
    """The promise that the number of workers has to keep: one of the two."""

    wait_s: float = 30.0
    """A job starts within this."""
    backlog_per_replica: int = 0
    """Above 0 it replaces the promise: so many waiting jobs per worker."""


@dataclass(frozen=True, slots=True)
class Window:
    """Other bounds at set times: from each occurrence of `cron`, for `for_s` seconds."""

    cron: Cron
    tz: tzinfo
    min: int
    for_s: float
    max: int = 0
    """Takes the place of `Policy.max`; 0: that one stays."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a QueueConfig says about the number of workers; names follow its `scaling` stanza."""

    mode: Mode = Mode.AUTO
    replicas: int = 0
    """The number in mode Manual."""
    min: int = 0
    max: int = 20
    slots: int = 10
    """`jobs.concurrency`: jobs that one worker runs at once."""
    max_active: int = 0
    """`jobs.maxActive`: workers beyond it could start nothing; 0: no limit."""
    target: Target = Target()
    scale_up: Behavior = Behavior()
    scale_down: Behavior = Behavior(stabilization_s=60.0)
    idle_after_s: float = 120.0
    """So long nothing may have been there to do before the last worker goes."""
    schedule: tuple[Window, ...] = ()
    on_unknown_at_least: int = 0
    """`onUnknown: {atLeast: n}`; 0 is `{hold: true}`."""
    pause: Pause = Pause.NONE


@dataclass(frozen=True, slots=True)
class Seen:
    """What is there at one moment: the queue by its store, its workers by whoever runs them."""

    queue: str
    now_ms: int
    sample: QueueSample | None
    """`None`: the store could not be asked. Unknown is not zero."""
    replicas: int
    """Workers wanted, as last written."""
    starting: int = 0
    """Of these, not yet heard of by the store."""
    cold_start_s: float = 0.0
    """How long the latest start took until the worker claimed; 0: not known."""
    crash_looping: bool = False
    """New workers die before they work."""
    trouble: str = ""
    """A sentence on what is wrong with the workers."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule did to the number."""

    rule: str
    before: int
    after: int
    why: str
    """A clause for people, with the figures it rests on."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The figures that a decision rests on; -1 in a count and `None` elsewhere mean unknown."""

    replicas: int
    starting: int
    waiting: int = -1
    due: int = -1
    active: int = -1
    delayed: int = -1
    oldest_age_s: float = 0.0
    arrival_per_s: float | None = None
    service_s: float | None = None
    cold_start_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """How many workers a queue shall have, and every step of the way there."""

    at_ms: int
    queue: str
    before: int
    """Workers wanted until now."""
    replicas: int
    steps: tuple[Step, ...]
    memory: Memory
    inputs: Inputs
    writes: bool = True
    """False in the modes Recommend and Frozen: nobody may act on it."""
    next_change_ms: int = 0
    """When the number will move if nothing else happens; 0: not foreseen."""
    next_change_to: int = 0
    moved: Step | None = field(init=False, compare=False, default=None)
    """The last step that moved the number, `None` when none did."""

    def __post_init__(self) -> None:
        """Find the step that explains the number; what somebody ordered explains it always."""
        moving = (step for step in reversed(self.steps) if step.before != step.after)
        ordered = next((step for step in self.steps if step.rule == "manual"), None)
        last = ordered if ordered and ordered.after == self.replicas else next(moving, None)
        object.__setattr__(self, "moved", last)

    @property
    def rule(self) -> str:
        """The rule that had the last word on the number."""
        step = self.moved or (self.steps[0] if self.steps else None)
        return step.rule if step else ""

    @property
    def reason(self) -> str:
        """Why it is this number, for people; status, event, log and dashboard say the same."""
        step = self.moved or (self.steps[0] if self.steps else None)
        return step.why if step else ""

    @property
    def line(self) -> str:
        """The decision in one line.

        Reads `attendance 3→12: 4,812 waiting …` or `attendance stays 3: …`.
        """
        return f"{self.queue} {change(self.before, self.replicas)}: {self.reason}"

    def has(self, rule: str) -> bool:
        """Return whether this rule had something to say."""
        return any(step.rule == rule for step in self.steps)

    def to_json(self) -> str:
        """Return it as JSON for the store, the status and the API, without the memory."""
        foreseen = {"at_ms": self.next_change_ms, "to": self.next_change_to}
        return msgspec.json.encode(
            {
                "at_ms": self.at_ms,
                "queue": self.queue,
                "from": self.before,
                "to": self.replicas,
                "rule": self.rule,
                "reason": self.reason,
                "writes": self.writes,
                "inputs": self.inputs,
                "steps": self.steps,
                "next_change": foreseen if self.next_change_ms else None,
            }
        ).decode()


def change(before: int, after: int) -> str:
    """Say a move of the number.

    >>> change(3, 12), change(4, 4)
    ('3→12', 'stays 4')
    """
    return f"stays {after}" if before == after else f"{before}→{after}"
