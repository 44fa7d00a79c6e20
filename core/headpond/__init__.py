"""Headpond: job queues on Kubernetes that raise their own workers. The public names."""

from headpond.app import (
    App,
    Enqueued,
    Fail,
    Job,
    JobStatus,
    JobType,
    Queue,
    Retry,
    Sensitive,
    Snooze,
)
from headpond.errors import HeadpondError

__all__ = [
    "App",
    "Enqueued",
    "Fail",
    "HeadpondError",
    "Job",
    "JobStatus",
    "JobType",
    "Queue",
    "Retry",
    "Sensitive",
    "Snooze",
]
