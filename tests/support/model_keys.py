"""Who holds which key of uniqueness, by the contract's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headpond.jobs import JobId, NewJob, Unique
    from model_job import ModelJob


@dataclass(frozen=True, slots=True)
class Taken:
    """A key, and the job that took it."""

    job: ModelJob
    unique: Unique
    at_ms: int


class Keys:
    """The keys of one queue, by tenant and name."""

    def __init__(self) -> None:
        """Begin with all keys free."""
        self._taken: dict[tuple[str, str], Taken] = {}

    def holder(self, new: NewJob, jobs: Mapping[JobId, ModelJob], now_ms: int) -> ModelJob | None:
        """Return the job for which the new one's key is taken; it need not be there any more."""
        if new.unique is None:
            return None
        taken = self._taken.get((new.tenant, new.unique.key))
        if taken is None:
            return None
        if 0 < taken.unique.for_ms <= now_ms - taken.at_ms:
            return None
        if taken.unique.until and jobs.get(taken.job.id) is not taken.job:
            return None
        return taken.job

    def take(self, job: ModelJob) -> None:
        """Note that this new job holds its key from now on."""
        if job.unique is not None:
            taken = Taken(job, job.unique, job.created_ms)
            self._taken[job.tenant, job.unique.key] = taken

    def started(self, job: ModelJob) -> None:
        """Free the key that was taken until the job's start."""
        if job.unique is not None and job.unique.until == "start":
            self._free(job)

    def ended(self, job: ModelJob) -> None:
        """Free the key, unless it is taken by time alone."""
        if job.unique is not None and job.unique.until:
            self._free(job)

    def _free(self, job: ModelJob) -> None:
        assert job.unique is not None
        key = (job.tenant, job.unique.key)
        if key in self._taken and self._taken[key].job is job:
            del self._taken[key]
