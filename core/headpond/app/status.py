"""How a job stands, as whoever enqueued it sees it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from headpond.envelope import unpack_envelope, unpack_outcome, unpack_progress
from headpond.errors import KeyMissing, SealBroken
from headpond.sealing import Keyring, Place, open_outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from headpond.envelope import Outcome, Progress
    from headpond.jobs import FailReason, JobId, JobState, StoredJob


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job at one moment."""

    id: JobId
    type: str
    """`""` when the envelope can't be read (the job is in `failed` as `integrity` then)."""
    tenant: str
    state: JobState
    attempts: int
    """How often the handler ran and ended."""
    result: Any
    """What the handler returned; `None` until it has."""
    error: str
    """Class name of what the handler raised the last time it ended, `""` when it ended well."""
    message: str
    """The error's own words."""
    sealed: bool
    """Result or message can't be read here: they are sealed, and this process lacks the key."""
    reason: FailReason | None
    """Why it is in `failed`."""
    created_at: datetime
    due_at: datetime | None
    """When a delayed job becomes due."""
    started_at: datetime | None
    """When its latest run began."""
    finished_at: datetime | None
    """When it was completed, failed or cancelled for good."""
    progress: Progress | None = None
    """As the handler last said, `None` when it said nothing."""
    batch: str = ""
    """The batch that waits for it."""
    cancelling: bool = False
    """It runs, and was asked to stop."""


def status_of(job: StoredJob, keys: Callable[[], Keyring] = Keyring) -> JobStatus:
    """Unpack what the store has; `keys` is asked where it is sealed."""
    outcome = unpack_outcome(job.outcome) if job.outcome is not None else None
    job_type = type_of(job)
    if outcome is not None and outcome.sealed:
        outcome = _opened(job, job_type, outcome, keys())
    return JobStatus(
        id=job.id,
        type=job_type,
        tenant=job.tenant,
        state=job.state,
        attempts=job.attempts,
        result=outcome.result if outcome else None,
        error=outcome.error if outcome else "",
        message=outcome.message if outcome else "",
        sealed=bool(outcome and outcome.sealed),
        reason=job.reason,
        created_at=_moment(job.created_ms),
        due_at=_known(job.due_ms),
        started_at=_known(job.claimed_ms or (outcome.started_ms if outcome else 0)),
        finished_at=_known(job.finished_ms),
        progress=unpack_progress(job.progress) if job.progress is not None else None,
        batch=job.batch,
        cancelling=job.is_cancelling,
    )


def _opened(job: StoredJob, job_type: str, outcome: Outcome, keys: Keyring) -> Outcome:
    """Return the outcome, opened if it can be."""
    try:
        return open_outcome(keys, Place(job.queue, job.id, job_type, job.tenant), outcome)
    except (KeyMissing, SealBroken):
        return outcome


def type_of(job: StoredJob) -> str:
    """Return a job's type, `""` when its envelope can't be read."""
    try:
        return unpack_envelope(job.body).job_type
    except msgspec.MsgspecError:
        return ""


def _known(moment_ms: int) -> datetime | None:
    return _moment(moment_ms) if moment_ms else None


def _moment(moment_ms: int) -> datetime:
    return datetime.fromtimestamp(moment_ms / 1000, UTC)
