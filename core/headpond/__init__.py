"""Headpond: job queues on Kubernetes that raise their own workers. The public names."""

from headpond.app import (
    App,
    Call,
    Enqueued,
    Fail,
    Job,
    JobStatus,
    JobType,
    OpenBatch,
    Queue,
    Retry,
    ScheduleStatus,
    Sensitive,
    Snooze,
)
from headpond.batches import BatchState
from headpond.errors import HeadpondError
from headpond.jobs import Cancellation, Unique

__all__ = [
    "App",
    "BatchState",
    "Call",
    "Cancellation",
    "Enqueued",
    "Fail",
    "HeadpondError",
    "Job",
    "JobStatus",
    "JobType",
    "OpenBatch",
    "Queue",
    "Retry",
    "ScheduleStatus",
    "Sensitive",
    "Snooze",
    "Unique",
]
