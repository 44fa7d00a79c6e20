"""What authors of jobs touch: an app, its queues, its job types, and the job at hand."""

from headpond.app.app import App
from headpond.app.batching import OpenBatch
from headpond.app.calls import Call, Enqueued
from headpond.app.context import Job
from headpond.app.job_type import JobType
from headpond.app.queue import Queue, QueueDefaults
from headpond.app.scheduling import ScheduleStatus
from headpond.app.sensitive import Sensitive
from headpond.app.signals import Fail, Retry, Snooze
from headpond.app.status import JobStatus

__all__ = [
    "App",
    "Call",
    "Enqueued",
    "Fail",
    "Job",
    "JobStatus",
    "JobType",
    "OpenBatch",
    "Queue",
    "QueueDefaults",
    "Retry",
    "ScheduleStatus",
    "Sensitive",
    "Snooze",
]
