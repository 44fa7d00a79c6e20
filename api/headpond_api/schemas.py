"""What requests and answers look like. These become domain values at once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SkipValidation,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from headpond.jobs import FailReason, JobState
from headpond.queues import HoldSource
from headpond_api.fields import (
    CorrelationText,
    DelayField,
    JobIdText,
    MomentField,
    PriorityField,
    TenantText,
    example,
)

MOST_IN_BULK: Final = 1000
"""Jobs in one bulk; more than that and one caller makes all others wait."""

Reason = Annotated[str, StringConstraints(max_length=500)]
ClearableState = Literal["waiting", "delayed", "completed", "failed", "cancelled"]

_MARK: Final[dict[str, Any]] = {
    "type": "mark-attendance",
    "payload": {"studentId": "s-17", "date": "2026-11-23", "status": "present"},
    "tenant": "greenfield",
    "job_id": "student-17-session-2-date-23112026",
    "on_duplicate": "return",
}


class Request(BaseModel):
    """A request's body: strict, and no field that is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Answer(BaseModel):
    """An answer's body."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class JobSubmission(Request):
    """One job to be enqueued."""

    model_config = ConfigDict(json_schema_extra=example(_MARK))

    type: Annotated[str, StringConstraints(min_length=1, max_length=100, strict=True)]
    """The job type, as an app that is loaded has it."""
    payload: Any = None
    """What the handler gets; checked by the job type's model."""
    job_id: JobIdText | None = None
    """An id of your own: at most one job of it is ever in the queue. Absent: one is made."""
    tenant: TenantText = ""
    """Whose job it is."""
    priority: PriorityField | None = None
    """0 to 9, 9 first, or low, normal, high, critical. Absent: as the queue has it."""
    delay: DelayField | None = None
    """Run it this much later: seconds, or a text such as 90s, 5m, 24h."""
    run_at: MomentField | None = None
    """Or: run it at this moment, not before."""
    correlation_id: CorrelationText = ""
    """Follows the job to its handler. Absent: the header X-Correlation-ID, else the request id."""
    on_duplicate: Literal["reject", "return"] = "reject"
    """What to answer when the queue has this job_id already: 409, or 200 with that job."""

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if self.delay is not None and self.run_at is not None:
            why = "Give delay or run_at, not both"
            raise PydanticCustomError("contradiction", "{why}", {"why": why})
        return self


class BulkSubmission(Request):
    """Up to 1,000 jobs for one queue."""

    model_config = ConfigDict(
        json_schema_extra=example({"mode": "each", "jobs": [_MARK]}),
    )

    jobs: Annotated[
        list[SkipValidation[JobSubmission]], Field(min_length=1, max_length=MOST_IN_BULK)
    ]
    """Each as in `POST /queues/{queue}/jobs`; checked one by one, so that each is reported on."""
    mode: Literal["all", "each"] = "all"
    """`all`: one bad item, and nothing is enqueued. `each`: the good ones are; see the report."""


class PauseRequest(Request):
    """Why, and until when."""

    model_config = ConfigDict(
        json_schema_extra=example({"reason": "exam week", "until": "2026-12-01T06:00:00Z"})
    )

    reason: Reason = ""
    """A sentence for whoever wonders later."""
    until: MomentField | None = None
    """The pause ends by itself at this moment; absent: when somebody resumes the queue."""


class ClearRequest(Request):
    """Which jobs to remove."""

    model_config = ConfigDict(json_schema_extra=example({"states": ["failed"]}))

    states: Annotated[list[ClearableState], Field(min_length=1)] = ["waiting", "delayed"]
    """Active jobs can't be cleared."""


class JobReceipt(Answer):
    """A job that the store has."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "id": "student-17-session-2-date-23112026",
                "queue": "attendance",
                "type": "mark-attendance",
                "state": "waiting",
                "tenant": "greenfield",
                "priority": 7,
                "created": True,
            }
        )
    )

    id: str
    queue: str
    type: str
    state: JobState
    tenant: str
    priority: int
    correlation_id: str = ""
    created: bool
    """False: the queue had a job of this id already, and this is how that one stands."""


class BulkItem(Answer):
    """What became of one item."""

    index: int
    """Its place in the request, from 0."""
    id: str | None
    status: Literal["created", "duplicate", "rejected"]
    problem: dict[str, Any] | None = None
    """Why it was rejected: code, detail, errors with pointers into this request."""


class BulkReport(Answer):
    """What became of a bulk."""

    queue: str
    mode: Literal["all", "each"]
    created: int
    duplicates: int
    """Items whose id the queue had already; nothing was changed for them."""
    rejected: int
    jobs: list[BulkItem]


class JobError(Answer):
    """How a handler's last run ended badly."""

    type: str
    message: str
    trace: str = ""


class JobView(Answer):
    """A job as it stands."""

    id: str
    queue: str
    type: str
    state: JobState
    tenant: str
    priority: int
    attempts: int
    """Runs of the handler that ended."""
    crashes: int
    """Runs that were lost with their worker."""
    parked: bool
    """No worker that saw it knows its type; it waits for one that does."""
    reason: FailReason | None
    """Why it is in `failed`."""
    worker: str
    """Who runs it."""
    correlation_id: str
    created_at: datetime
    due_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


class JobDetails(JobView):
    """A job with what it carries; `null` where the caller may not see it, or there is none yet."""

    payload: Any = None
    result: Any = None
    error: JobError | None = None


class JobList(Answer):
    """A page of jobs. It may be short, even empty, while `next_cursor` says that there is more."""

    items: list[JobView]
    next_cursor: str | None


class QueueStats(Answer):
    """How many jobs are where. Exact, and of one moment."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "waiting": 12,
                "active": 50,
                "completed": 1000,
                "failed": 3,
                "delayed": 7,
                "paused": 0,
                "is_paused": False,
            }
        )
    )

    waiting: int
    active: int
    completed: int
    failed: int
    delayed: int
    paused: int
    """The waiting jobs while the queue is held, else 0."""
    is_paused: bool


class HoldView(Answer):
    """Why no job of a queue starts."""

    source: HoldSource
    """`spec`: its QueueConfig; `runtime`: somebody, here."""
    by: str
    reason: str
    since: datetime
    until: datetime | None


class QueueView(Answer):
    """A queue."""

    name: str
    stats: QueueStats
    holds: list[HoldView]
    oldest_age_seconds: float
    """How long the oldest waiting job has waited."""
    workers: int
    """Heard of within a lease."""
    job_types: list[str]
    """Those that can be submitted here."""


class QueueList(Answer):
    """A page of queues, by name."""

    items: list[QueueView]
    next_cursor: str | None


class PauseState(Answer):
    """Whether a queue is held, and by whom."""

    queue: str
    is_paused: bool
    holds: list[HoldView]
    detail: str
    """A sentence on what was done."""


class Cleared(Answer):
    """What a clear has removed."""

    queue: str
    states: list[ClearableState]
    removed: int


class Health(Answer):
    """How one part is doing."""

    status: Literal["healthy", "degraded", "unhealthy"]
    reasons: list[str] = []
    """A sentence each."""


class SystemHealth(Answer):
    """How all is doing: the worst of its parts."""

    status: Literal["healthy", "degraded", "unhealthy"]
    queues: dict[str, Health]
    events: Health


class DecisionList(Answer):
    """What the governor decided, newest first."""

    queue: str
    items: list[dict[str, Any]]


class FieldFault(BaseModel):
    """One fault of a request."""

    pointer: str
    """JSON pointer (RFC 6901) into the body, empty for the whole of it or for a parameter."""
    detail: str


class ProblemDocument(BaseModel):
    """RFC 9457, as application/problem+json; docs/reference/problems.md explains each code."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FieldFault] = []
