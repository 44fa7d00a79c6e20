"""One job as it changes on its way through a queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from headpond.jobs import HIGHEST_PRIORITY, JobState, StoredJob

if TYPE_CHECKING:
    from headpond.jobs import FailReason, JobId

Rank = tuple[float | str, ...]
"""Where a job stands among those of its state; ends with its id, so no two are equal."""

NOT_STARTED: Final = frozenset({JobState.WAITING, JobState.DELAYED})


@dataclass(slots=True, eq=False)
class Row:
    """One job. The times of `StoredJob`; 0 for 'not yet'."""

    id: JobId
    body: bytes
    priority: int
    tenant: str
    created_ms: int
    since_ms: int
    state: JobState = JobState.WAITING
    tag: float = 0.0
    """Place among its level's tenants (`FairTags`); kept until it ends or becomes due again."""
    is_aside: bool = False
    """It waits, and when its turn came its tenant was at a limit."""
    attempts: int = 0
    crashes: int = 0
    due_ms: int = 0
    claimed_ms: int = 0
    finished_ms: int = 0
    end: int = 0
    """Counts up with each ended job: the order of those that end in the same millisecond."""
    worker: str = ""
    fence: str = ""
    lease_end_ms: int = 0
    wish: Literal[JobState.CANCELLED, JobState.FAILED] | None = None
    """It runs, and somebody wants it to end like this."""
    parked: str = ""
    reason: FailReason | None = None
    outcome: bytes | None = None
    progress: bytes | None = None
    batch: str = ""
    """The batch that it joined."""

    def rank(self) -> Rank:
        """Return its place in its state's order."""
        match self.state:
            case JobState.WAITING:
                return (HIGHEST_PRIORITY - self.priority, self.tag, self.id)
            case JobState.DELAYED:
                return (self.due_ms, self.id)
            case JobState.ACTIVE:
                return (self.claimed_ms, self.id)
            case JobState.COMPLETED | JobState.FAILED | JobState.CANCELLED:
                return (-self.finished_ms, -self.end, self.id)

    def stored(self, queue: str, batch: str = "") -> StoredJob:
        """Return it as the port shows it; `batch` waits for its end."""
        return StoredJob(
            id=self.id,
            queue=queue,
            state=self.state,
            body=self.body,
            priority=self.priority,
            tenant=self.tenant,
            attempts=self.attempts,
            crashes=self.crashes,
            created_ms=self.created_ms,
            due_ms=self.due_ms,
            claimed_ms=self.claimed_ms,
            finished_ms=self.finished_ms,
            worker=self.worker,
            parked=bool(self.parked),
            reason=self.reason,
            outcome=self.outcome,
            progress=self.progress,
            batch=batch,
            is_cancelling=self.wish is not None,
        )
