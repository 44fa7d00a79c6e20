"""What authors of jobs touch: an app, its queues, its job types, and the job at hand."""

from headpond.app.app import App
from headpond.app.context import Job
from headpond.app.job_type import Enqueued, JobType
from headpond.app.queue import Queue, QueueDefaults
from headpond.app.sensitive import Sensitive
from headpond.app.signals import Fail, Retry, Snooze
from headpond.app.status import JobStatus

__all__ = [
    "App",
    "Enqueued",
    "Fail",
    "Job",
    "JobStatus",
    "JobType",
    "Queue",
    "QueueDefaults",
    "Retry",
    "Sensitive",
    "Snooze",
]
