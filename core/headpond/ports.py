"""What Headpond needs of the world, as Protocols. Adapters live in rooms of their own.

A port is proven by behaviour: `tests/conformance` runs against every store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from headpond.errors import ConfigInvalid, FieldError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from headpond.batches import Batch, BatchState
    from headpond.jobs import (
        Cancellation,
        Claim,
        Ended,
        JobId,
        JobState,
        NewJob,
        Placed,
        StoredJob,
    )
    from headpond.queues import Hold, HoldSource, QueueSample, QueueSettings, WorkerState


class Clock(Protocol):
    """The time, injected."""

    def now_ms(self) -> int:
        """Return Unix time in milliseconds."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerBeat:
    """What a worker says of itself with each heartbeat."""

    id: str
    state: WorkerState
    slots: int
    started_ms: int
    host: str = ""
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Exchange:
    """The answer to one exchange of a worker with its queue."""

    claims: tuple[Claim, ...]
    stale: tuple[JobId, ...]
    """Reported jobs that this worker no longer held: nothing was changed for them."""
    next_due_ms: int
    """When a delayed job or a schedule becomes due, a lease ends, or a limit lets one more job
    start; of a held queue when its hold ends. 0 for none. An idle worker wakes then."""
    held: bool
    """Nothing was claimed because the queue is held."""
    draining: bool
    """Nothing was claimed because this worker is marked as draining."""
    now_ms: int
    """The store's clock."""
    schedules_due: bool = False
    """A schedule is to fire: see `headpond.timetable`."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """The answer to a heartbeat."""

    lost: tuple[JobId, ...]
    """Jobs whose lease this worker had lost already."""
    draining: bool
    """This worker has been asked to drain."""
    settings_version: int
    now_ms: int
    cancelled: tuple[JobId, ...] = ()
    """Jobs of this worker that somebody wants stopped."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs of one queue and state, and where to go on."""

    jobs: tuple[StoredJob, ...]
    cursor: str
    """Opaque; `""` when this was the last page."""


@dataclass(frozen=True, slots=True)
class ScheduleEntry:
    """A schedule as it is kept: the store never looks into its definition."""

    name: str
    definition: bytes
    next_ms: int
    """When it is to fire next; 0: never again."""

    def __post_init__(self) -> None:
        """Refuse what could not be found again."""
        if not (self.name and self.name.isprintable() and self.definition and self.next_ms >= 0):
            detail = (
                f"{self.name!r} with {len(self.definition)} bytes, next at {self.next_ms}, is no"
                " schedule: it needs a printable name, a definition, and a time from 1970 on."
            )
            raise ConfigInvalid([FieldError("/schedule", detail)])


@dataclass(frozen=True, slots=True)
class QueueEvent:
    """Something that happened to jobs of a queue, in the order in which it did."""

    id: str
    """Begins with the store's time in ms; give the last one seen to read on."""
    name: str
    """`added`, `started`, `completed`, `retrying`, `failed`, `released`, `parked`, `lost`,
    `cancelling`, `cancelled`, `changed`, `progress`, `held`, `resumed`, `batch`."""
    jobs: tuple[JobId, ...]
    detail: str = ""
    """The reason of a failure, the name of a batch, the source of a hold."""


class LeaseKeeper(Protocol):
    """The blocking side of a store: one worker's leases, kept by a thread of its own."""

    def renew(self, beat: WorkerBeat, held: Sequence[tuple[JobId, str]]) -> Renewal:
        """Beat, and extend the leases of `held` (id and fence). Raises `StoreUnavailable`."""
        ...

    def release(self, held: Sequence[tuple[JobId, str]]) -> None:
        """Give jobs that have not started back to their places; stale fences change nothing."""
        ...

    def hear(self, timeout_s: float) -> bool:
        """Wait for a word to this queue's workers (drain, settings); True when one came."""
        ...

    def leave(self) -> None:
        """Take this worker out of the registry."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class QueueStore(Protocol):
    """Where jobs live. Every method is one atomic step; times are the store's own.

    All raise `StoreUnavailable` when the store does not answer; then the step may or may not have
    happened. A queue exists from its first `configure`.
    """

    async def start(self) -> None:
        """Connect, and pass the start-up gate or raise `StoreUnfit` with a sentence."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...

    async def ping(self) -> None:
        """Return when the store answers, else raise `StoreUnavailable`."""
        ...

    # ── the life of a job ──

    async def enqueue(self, queue: str, jobs: Sequence[NewJob]) -> list[Placed]:
        """Add the jobs, at most 1,000, all in one step; false for each that is there already.

        A second job of the same id in one call is a duplicate of the first. When this returns, the
        queue's `durability` is reached. Raises `StoreFull`, or `NotDurable`: the jobs are in, and
        a crash of the store could still lose them; the same call again is safe.
        """
        ...

    async def exchange(
        self, queue: str, worker: str, ended: Sequence[Ended], want: int
    ) -> Exchange:
        """Report the jobs that ended, then claim up to `want` more: one round trip.

        Reports are applied one by one; a stale fence changes nothing and is counted. Then expired
        leases are reaped and due jobs promoted (a bounded number): a late report that nobody
        overtook still counts. A held queue and a draining worker claim nothing.
        """
        ...

    async def wait(self, queue: str, timeout_s: float) -> None:
        """Return when a job may be there for the taking, or after `timeout_s`."""
        ...

    def leases(self, queue: str, worker: str) -> LeaseKeeper:
        """Return the blocking side for one worker's thread."""
        ...

    # ── what people do to jobs ──

    async def cancel(
        self, queue: str, ids: Sequence[JobId], *, fail: bool = False
    ) -> list[Cancellation]:
        """Cancel jobs, at most 1,000; `fail` makes them failed as `manual` instead.

        A job that has not started ends at once. The handler of an active one is told within a
        second; should it fail, be released or lose its worker first, it isn't run again.
        """
        ...

    async def retry(self, queue: str, ids: Sequence[JobId]) -> list[JobState | None]:
        """Put failed and cancelled jobs back to waiting, with all their retries before them.

        Returns the state that each was in; others are left as they are.
        """
        ...

    async def amend(
        self,
        queue: str,
        job_id: JobId,
        *,
        priority: int | None = None,
        due_ms: int | None = None,
    ) -> JobState | None:
        """Change a waiting or delayed job; `due_ms` in the past (0) makes it wait at once.

        Returns the state that it was in; a job in another state is left as it is.
        """
        ...

    # ── batches ──

    async def open_batch(self, queue: str, batch: Batch) -> bool:
        """Open a batch; False while somebody else's of this name is locked and not complete."""
        ...

    async def batch(self, queue: str, batch_id: str) -> BatchState | None:
        """Return a batch, `None` when there is none (any more)."""
        ...

    # ── schedules ──

    async def put_schedule(self, queue: str, entry: ScheduleEntry) -> None:
        """Keep a schedule; one of the same name is replaced."""
        ...

    async def remove_schedule(self, queue: str, name: str) -> bool:
        """Forget a schedule; False when there was none. Its jobs stay."""
        ...

    async def schedules(self, queue: str) -> list[ScheduleEntry]:
        """Return the schedules, by name."""
        ...

    async def fire(
        self, queue: str, entry: ScheduleEntry, jobs: Sequence[NewJob], next_ms: int
    ) -> bool:
        """Enqueue the occurrences of a schedule and set its next time, in one step.

        `entry` is the schedule as it was read. False, and nothing is done, when it isn't so any
        more: another process has fired it, or somebody changed it. The jobs' ids follow from the
        schedule's name and their time, so that none can run twice.
        """
        ...

    # ── looking ──

    async def events(self, queue: str, after: str = "", limit: int = 100) -> list[QueueEvent]:
        """Return what happened after the event `after` (`""`: as long as anything is kept)."""
        ...

    async def read(self, queue: str, ids: Sequence[JobId]) -> list[StoredJob | None]:
        """Return the jobs in the order asked; `None` for each that there is not."""
        ...

    async def find(self, job_id: JobId) -> list[StoredJob]:
        """Return the jobs of this id in all queues."""
        ...

    async def page(self, queue: str, state: JobState, cursor: str, limit: int) -> Page:
        """List jobs of one state: waiting in the order they will start, ended newest first."""
        ...

    async def sample(self, queues: Sequence[str]) -> dict[str, QueueSample]:
        """Sample the queues in one round trip; a queue that was never configured is left out."""
        ...

    async def queues(self) -> list[str]:
        """Return the names of all configured queues, sorted."""
        ...

    # ── care ──

    async def tick(self, queues: Sequence[str]) -> dict[str, QueueSample]:
        """Reap, promote and trim a bounded number in each queue, then sample: one round trip."""
        ...

    async def configure(self, queue: str, settings: QueueSettings) -> int:
        """Put the settings into force, make the queue exist, tell its workers; return the version.

        Equal settings keep the version.
        """
        ...

    async def settings(self, queue: str) -> QueueSettings | None:
        """Return the settings in force, `None` when the queue was never configured."""
        ...

    async def forget(self, queue: str) -> None:
        """Take the queue off the list of queues; its jobs stay until it is configured again."""
        ...

    async def hold(self, queue: str, hold: Hold) -> None:
        """Start no more jobs, for this source. Enqueue goes on, running jobs finish."""
        ...

    async def resume(self, queue: str, source: HoldSource) -> bool:
        """Lift the hold of this source; False when there was none."""
        ...

    async def clear(self, queue: str, states: Sequence[JobState]) -> int:
        """Remove jobs of these states (never active ones), in bounded steps; return how many."""
        ...

    async def drain(self, queue: str, workers: Sequence[str]) -> None:
        """Ask these workers to stop claiming; from now on the store gives them nothing.

        Each acknowledges by beating as `drained` once it runs nothing.
        """
        ...

    async def undrain(self, queue: str, workers: Sequence[str]) -> None:
        """Take the request back; the workers claim again."""
        ...

    # ── the governor's memory and waking ──

    async def set_wake(self, queue: str, backlog: int) -> None:
        """Publish once when an enqueue brings the backlog to `backlog` or more; 0: never."""
        ...

    def wakes(self) -> AsyncIterator[str]:
        """Yield the name of each queue whose mark was crossed; reconnects by itself."""
        ...

    async def record(self, queue: str, decision: str) -> None:
        """Keep a scaling decision (JSON), newest first, the last 100."""
        ...

    async def decisions(self, queue: str, limit: int) -> list[str]:
        """Return the newest decisions."""
        ...


@dataclass(frozen=True, slots=True)
class FleetView:
    """A queue's workers as whoever runs them sees it."""

    replicas: int
    """Wanted, as last written."""
    starting: int
    """Of these, not yet heard of by the store."""
    cold_start_s: float = 0.0
    """How long the latest start took until the worker claimed; 0: not known."""
    crash_looping: bool = False
    """New workers die before they work."""
    trouble: str = ""
    """A sentence on what is wrong, for people."""


class Fleet(Protocol):
    """Who starts and stops the workers of queues."""

    async def observe(self, queues: Sequence[str]) -> Mapping[str, FleetView]:
        """Say how many workers each queue has."""
        ...

    async def scale(self, queue: str, replicas: int, victims: Sequence[str] = ()) -> None:
        """Make it `replicas`; on the way down stop exactly `victims` (drained workers) first."""
        ...
