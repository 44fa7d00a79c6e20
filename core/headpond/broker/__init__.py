"""taskiq on a Headpond queue: the only room of the core that knows taskiq (and its word *task*)."""

from headpond.broker.broker import HeadpondBroker, Running, running_job
from headpond.broker.results import JobFailed, StoreResultBackend

__all__ = ["HeadpondBroker", "JobFailed", "Running", "StoreResultBackend", "running_job"]
