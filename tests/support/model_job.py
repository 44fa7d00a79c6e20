"""A job as the model of a store has it, and how it is compared with what a store says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headpond.envelope import unpack_outcome
from headpond.jobs import JobState

if TYPE_CHECKING:
    from headpond.jobs import FailReason, JobId, StoredJob, Unique

Place = tuple[int, int, int]
"""Where a job stands in its lane: the step in which it came, how, and in which order.

Jobs of equal places may start in either order: the contract doesn't say.
"""
Lane = tuple[int, str]
"""A level and a tenant: the jobs of one lane start first in, first out."""

ENDED = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)
IDLE = (JobState.WAITING, JobState.DELAYED)


@dataclass(slots=True, eq=False)
class ModelJob:
    """What the contract says of one job."""

    id: JobId
    body: bytes
    priority: int
    tenant: str
    created_ms: int
    since_ms: int
    unique: Unique | None = None
    batch: str = ""
    """The batch that waits for its end."""
    state: JobState = JobState.WAITING
    place: Place = (0, 0, 0)
    is_back: bool = False
    """It stands in a place from before, so that the turns since then are no measure."""
    due_ms: int = 0
    attempts: int = 0
    crashes: int = 0
    worker: str = ""
    fence: str = ""
    claimed_ms: int = 0
    lease_end_ms: int = 0
    finished_ms: int = 0
    ended_in: int = 0
    """The step that ended it last."""
    parked: bool = False
    reason: FailReason | None = None
    outcome: bytes | tuple[str, str] | None = None
    """As it was reported; or the error and the message that the store itself has written."""
    progress: bytes | None = None
    asked: str = ""
    """`cancel` or `fail` once somebody wants it stopped while it runs."""

    @property
    def lane(self) -> Lane:
        """Return whom it waits behind."""
        return self.priority, self.tenant

    def rest(self, state: JobState) -> None:
        """Leave the worker, and be in this state."""
        self.state = state
        self.worker, self.fence, self.claimed_ms, self.lease_end_ms = "", "", 0, 0
        self.due_ms, self.asked = 0, ""

    def facts(self) -> dict[str, Any]:
        """Return what a store must say of it."""
        return {
            "state": self.state,
            "body": self.body,
            "priority": self.priority,
            "tenant": self.tenant,
            "attempts": self.attempts,
            "crashes": self.crashes,
            "created_ms": self.created_ms,
            "due_ms": self.due_ms,
            "claimed_ms": self.claimed_ms,
            "finished_ms": self.finished_ms,
            "worker": self.worker,
            "parked": self.parked,
            "reason": self.reason,
            "outcome": self.outcome,
            "progress": self.progress,
            "batch": self.batch,
            "is_cancelling": bool(self.asked),
        }


def differences(job: ModelJob, stored: StoredJob) -> dict[str, tuple[Any, Any]]:
    """Return the fields in which the store's job is not as it should be: (wanted, found)."""
    found = {name: getattr(stored, name) for name in job.facts()}
    if isinstance(job.outcome, tuple) and stored.outcome is not None:
        outcome = unpack_outcome(stored.outcome)
        found["outcome"] = (outcome.error, outcome.message if job.outcome[1] else "")
    return {
        name: (wanted, found[name]) for name, wanted in job.facts().items() if found[name] != wanted
    }
