"""What the routes answer, in the camelCase of the system that they replace."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from headpond import JobStatus


class Answer(BaseModel):
    """Common to all of them."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        use_attribute_docstrings=True,
    )


class MarkAccepted(Answer):
    """A mark is in the queue."""

    job_id: str
    """The same for every mark of this tenant, student, session and date."""
    queue: str
    """Where it is."""
    duplicate: bool
    """True: such a mark was accepted before. That one counts, and this one changes nothing."""
    status_url: str
    """Where to ask how the job stands."""


class JobError(Answer):
    """What the handler raised."""

    type: str
    """The exception's class."""
    message: str
    """Its own words."""


class MarkJob(Answer):
    """The job that records a mark."""

    job_id: str
    """As it was answered when the mark was sent."""
    queue: str
    """Where it is."""
    type: str
    """The job type."""
    state: str
    """waiting, delayed, active, completed, failed or cancelled."""
    attempts: int
    """How often it ran and ended."""
    result: Any
    """Once completed: `recorded`, whether this run wrote the row, and the `status` that it has."""
    error: JobError | None
    """Of the last run that ended badly."""
    reason: str | None
    """Why it failed for good."""
    created_at: datetime
    """When the mark was accepted."""
    started_at: datetime | None
    """When the latest run began."""
    finished_at: datetime | None
    """When it was over for good."""


def mark_job(status: JobStatus, *, queue: str, with_payload: bool) -> MarkJob:
    """Return the answer; without the right to see payloads neither result nor error is in it."""
    error = JobError(type=status.error, message=status.message) if status.error else None
    return MarkJob(
        job_id=status.id,
        queue=queue,
        type=status.type,
        state=status.state,
        attempts=status.attempts,
        result=status.result if with_payload else None,
        error=error if with_payload else None,
        reason=status.reason,
        created_at=status.created_at,
        started_at=status.started_at,
        finished_at=status.finished_at,
    )
