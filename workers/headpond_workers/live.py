"""The settings in force in a worker: code's defaults under the QueueConfig, followed live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from headpond.config import QueueConfigSpec, default_config
from headpond.config.durations import parse_duration
from headpond.retries import Backoff, RetryPolicy, parse_backoff
from headpond.terms import QueueTerms

if TYPE_CHECKING:
    from headpond.app import JobType, Queue

NOTHING: Final = "{}"
"""The document of a queue that nobody has configured."""
ONE_RUN: Final = RetryPolicy(0, Backoff("fixed", 0.0))
"""What a plain taskiq task gets: taskiq's own middlewares decide about retries."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How jobs of one type are run."""

    timeout_s: float
    """0: no limit."""
    retry: RetryPolicy


class LiveSettings:
    """What the queue's document says, and what a job type says of itself."""

    def __init__(self, queue: Queue | None) -> None:
        """Begin with the defaults of code."""
        self._queue = queue
        self._declared = (
            QueueConfigSpec() if queue is None else default_config(queue.name, queue.defaults).spec
        )
        self._spec = self._declared
        self._terms: dict[str, Terms] = {}
        self.encrypts = self._spec.jobs.encrypt_payload
        """What jobs of this queue leave is sealed, however they came."""

    def follow(self, document: str) -> None:
        """Take a document (JSON of a QueueConfig's spec) into force; `{}` leaves all to code."""
        is_given = document != NOTHING
        self._spec = QueueConfigSpec.model_validate_json(document) if is_given else self._declared
        self._terms.clear()
        self.encrypts = self._spec.jobs.encrypt_payload
        if self._queue is not None:
            jobs = self._spec.jobs
            self._queue.follow(QueueTerms(jobs.priority, jobs.encrypt_payload))

    @property
    def slots(self) -> int:
        """Jobs that this worker runs at once."""
        return self._spec.jobs.concurrency

    def terms(self, name: str, job_type: JobType | None, labels: dict[str, Any]) -> Terms:
        """Return how jobs of this name are run."""
        known = self._terms.get(name)
        if known is None:
            known = self._terms[name] = (
                self._task_terms(labels) if job_type is None else self._job_terms(job_type)
            )
        return known

    def _task_terms(self, labels: dict[str, Any]) -> Terms:
        timeout = labels.get("timeout")
        limit = self._spec.jobs.timeout.total_seconds()
        return Terms(limit if timeout is None else float(timeout), ONE_RUN)

    def _job_terms(self, job_type: JobType) -> Terms:
        """Let the QueueConfig win over a queue's code, and a job type's own word over both."""
        own, jobs = job_type.options, self._spec.jobs
        limit = jobs.timeout if own.timeout is None else parse_duration(own.timeout)
        queue_policy = self._spec.retry_policy()
        retries = queue_policy.retries if own.retries is None else own.retries
        backoff = queue_policy.backoff if own.backoff is None else parse_backoff(own.backoff)
        return Terms(limit.total_seconds(), RetryPolicy(retries, backoff))
