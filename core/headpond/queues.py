"""A queue's name, its settings and what it looks like at one moment. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, NewType

from headpond.errors import ConfigInvalid, FieldError
from headpond.jobs import check_tenant

QueueName = NewType("QueueName", str)
"""Lower case, as Kubernetes names: it becomes part of Deployments and of Redis keys."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

HoldSource = Literal["spec", "runtime"]
"""Who holds a queue: its declaration, or somebody by API, CLI or dashboard. The stricter wins."""

DAY_MS: Final = 86_400_000


SHORTEST_SPAN_MS: Final = 10
LONGEST_SPAN_MS: Final = DAY_MS
MOST_DELIVERIES: Final = 999
SHORTEST_LEASE_MS: Final = 100
HEAVIEST: Final = 1000
"""Weight of a tenant: beyond it two of its jobs would share a place."""


def check_worker_id(value: str) -> str:
    """Return `value` if it may name a worker, else raise `ConfigInvalid`.

    >>> check_worker_id("mail-7f9c")
    'mail-7f9c'
    """
    if not value or not value.isprintable() or set(value) & set(" |"):
        detail = (
            f"{value!r} can't name a worker: write something without spaces, control characters"
            " and '|', such as the pod's name."
        )
        raise ConfigInvalid([FieldError("/worker_id", detail)])
    return value


def check_queue_name(value: str) -> QueueName:
    """Return `value` as a queue's name, or raise `ConfigInvalid`.

    >>> check_queue_name("attendance")
    'attendance'
    """
    given: object = value  # callers without a type checker pass anything
    if not isinstance(given, str) or not _NAME.fullmatch(given):
        detail = (
            f"{value!r} is no queue name: 1 to 63 of a-z, 0-9 and '-',"
            " beginning and ending with a letter or a digit."
        )
        raise ConfigInvalid([FieldError("/queue", detail)])
    return QueueName(value)


def _refused(field: str, value: float, bounds: str) -> ConfigInvalid:
    return ConfigInvalid([FieldError(f"/{field}", f"{value} is not {bounds}.")])


@dataclass(frozen=True, slots=True)
class Retention:
    """How long ended jobs are kept; whichever is reached first trims."""

    age_ms: int
    count: int
    """0 keeps none: the job is gone, and its id free again, the moment it ends."""


Durability = Literal["fast", "replicated", "fsync"]
"""What must have happened before an enqueue is answered: in Redis' memory and on its way to the
log; in a replica's too (WAIT); on a disk (WAITAOF)."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `max` jobs claimed in any span of `per_ms`; no limit when `max` is 0."""

    max: int = 0
    per_ms: int = 1000

    def __post_init__(self) -> None:
        """Refuse what limits nothing or everything, by name."""
        if self.max < 0:
            raise _refused("rate/max", self.max, "0 (no limit) or more")
        if not SHORTEST_SPAN_MS <= self.per_ms <= LONGEST_SPAN_MS:
            raise _refused("rate/per_ms", self.per_ms, "10 ms to a day")


@dataclass(frozen=True, slots=True)
class TenantRule:
    """One tenant's share of a queue."""

    weight: int = 1
    """1 to 1,000: jobs started per round, relative to the other tenants."""
    max_active: int = 0
    """Its jobs active at once; 0 means no limit."""
    rate: Rate = Rate()

    def __post_init__(self) -> None:
        """Refuse shares that are none, by name."""
        if not 1 <= self.weight <= HEAVIEST:
            raise _refused("tenant/weight", self.weight, f"1 to {HEAVIEST:,}")
        if self.max_active < 0:
            raise _refused("tenant/max_active", self.max_active, "0 (no limit) or more")

    @property
    def is_limit(self) -> bool:
        """Whether jobs of the tenant may have to wait for others of the same tenant."""
        return bool(self.max_active or self.rate.max)


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """What the store itself must know of a queue; all processes follow a change within a second."""

    max_active: int = 0
    """Jobs active at once over all workers; 0 means no limit."""
    max_deliveries: int = 3
    """A job whose lease runs out this often is poison and fails as `crashed`."""
    lease_ms: int = 14_500
    """How long a claim holds without a renewal; renewed at a third of it. What a killed worker held
    runs elsewhere within 15 s: this is half a second less, for the wake-up."""
    completed: Retention = Retention(DAY_MS, 1000)
    failed: Retention = Retention(7 * DAY_MS, 500)
    """Of cancelled jobs too."""
    rate: Rate = Rate()
    tenant: TenantRule = TenantRule()
    """Of each tenant that `tenants` does not name."""
    tenants: tuple[tuple[str, TenantRule], ...] = ()
    """By tenant, sorted."""
    durability: Durability = "fast"
    document: str = "{}"
    """The whole effective QueueConfig spec as JSON, for those who want more than the above."""
    version: int = 0
    """Counts up with each change; given by the store."""

    def __post_init__(self) -> None:
        """Refuse what no store could go by, by name."""
        if self.max_active < 0:
            raise _refused("max_active", self.max_active, "0 (no limit) or more")
        if not 1 <= self.max_deliveries <= MOST_DELIVERIES:
            raise _refused("max_deliveries", self.max_deliveries, f"1 to {MOST_DELIVERIES}")
        if not SHORTEST_LEASE_MS <= self.lease_ms <= DAY_MS:
            raise _refused("lease_ms", self.lease_ms, "100 ms to a day")
        names = [check_tenant(tenant) for tenant, _ in self.tenants]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ConfigInvalid([FieldError("/tenants", f"{twice!r} is given twice.")])


@dataclass(frozen=True, slots=True)
class Hold:
    """Why no job of a queue is started."""

    source: HoldSource
    by: str
    reason: str
    since_ms: int
    until_ms: int = 0
    """0 means until it is lifted."""


class WorkerState(StrEnum):
    """What a worker says of itself."""

    STARTING = "starting"
    WORKING = "working"
    DRAINING = "draining"
    """Told to stop claiming; jobs are still running."""
    DRAINED = "drained"
    """Acknowledged: claims nothing more, runs nothing; may be stopped."""
    STOPPING = "stopping"
    """Got SIGTERM."""


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """One worker of a queue as the store last heard of it."""

    id: str
    state: WorkerState
    slots: int
    active: int
    """Jobs it holds, exact by the store's own count."""
    started_ms: int
    seen_ms: int
    host: str = ""
    pid: int = 0


@dataclass(frozen=True, slots=True)
class QueueSample:
    """A queue at one moment of the store's clock. Counts are exact.

    A store that can't be asked gives no sample (`None` where one is expected): unknown is not zero.
    """

    queue: str
    at_ms: int
    epoch: str
    """Made when the queue first exists; another one means that the store lost its data."""
    waiting: int
    due: int
    """Delayed jobs whose time has come; the next claim takes them."""
    delayed: int
    """Delayed jobs whose time has not come."""
    active: int
    completed: int
    failed: int
    cancelled: int
    parked: int
    """Jobs that the workers which saw them do not know; they wait (and count there)."""
    held: tuple[Hold, ...]
    """Empty when jobs may start."""
    oldest_ms: int
    """Since when the oldest waiting job waits, to the second and never too early; 0: none waits."""
    next_due_ms: int
    """When the next delayed job becomes due; 0: none."""
    added_total: int
    """Jobs ever accepted; only differences mean something."""
    ended_total: int
    """Handler runs ever ended, well or badly."""
    run_us_total: int
    """Microseconds that those took together."""
    stale_total: int
    """Reports that came with a stale fence and changed nothing."""
    aside: int = 0
    """Of the waiting, those that only wait for others of their own tenant."""
    next_schedule_ms: int = 0
    """When the next schedule is to fire, past when it is due; 0: none."""
    workers: tuple[WorkerSeen, ...] = ()
    """Those heard of within a lease."""

    @property
    def outstanding(self) -> int:
        """Jobs that want a worker: waiting, due or active."""
        return self.waiting + self.due + self.active

    @property
    def backlog(self) -> int:
        """Jobs that more workers would start: waiting or due, but not those that stand aside."""
        return self.waiting + self.due - self.aside

    @property
    def is_held(self) -> bool:
        """Whether no job may start."""
        return bool(self.held)

    @property
    def oldest_age_s(self) -> float:
        """Seconds that the oldest waiting job has waited, 0 when none waits."""
        return max(0, self.at_ms - self.oldest_ms) / 1000 if self.oldest_ms else 0.0
