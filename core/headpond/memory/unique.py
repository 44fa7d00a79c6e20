"""Which keys of uniqueness are taken, by which job, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headpond.jobs import JobId, NewJob, Unique
    from headpond.memory.places import Places


@dataclass(frozen=True, slots=True)
class _Taken:
    by: JobId
    unique: Unique
    free_ms: int
    """When the time frees it; 0: never."""


class Keys:
    """The keys of one queue; each tenant has its own."""

    def __init__(self) -> None:
        """Begin with none taken."""
        self._taken: dict[tuple[str, str], _Taken] = {}
        self._keys: dict[JobId, tuple[str, str]] = {}
        """Of the jobs that took one and have not ended."""

    def holder(self, job: NewJob, places: Places, now_ms: int) -> JobId | None:
        """Return the job that holds the new job's key, `None` when it has none or a free one."""
        taken = self._taken.get((job.tenant, job.unique.key)) if job.unique else None
        if taken is None or 0 < taken.free_ms <= now_ms:
            return None
        is_left_behind = taken.unique.until and taken.by not in places
        return None if is_left_behind else taken.by

    def is_held_by(self, job: NewJob, holder: JobId) -> bool:
        """Whether this very job holds the key, and not one that has its id by now."""
        return job.unique is not None and self._keys.get(holder) == (job.tenant, job.unique.key)

    def take(self, job: NewJob, now_ms: int) -> None:
        """Give the new job its key, whoever held it."""
        if job.unique:
            free_ms = now_ms + job.unique.for_ms if job.unique.for_ms else 0
            key = self._keys[job.id] = (job.tenant, job.unique.key)
            self._taken[key] = _Taken(job.id, job.unique, free_ms)

    def started(self, job_id: JobId) -> None:
        """Free the key of a job that held it until its start."""
        self._free(job_id, {"start"})

    def ended(self, job_id: JobId) -> None:
        """Free the key of a job that held it until its start or its end."""
        self._free(job_id, {"start", "end"})
        self._keys.pop(job_id, None)

    def forget(self, now_ms: int) -> None:
        """Drop what time has freed."""
        self._taken = {
            key: taken for key, taken in self._taken.items() if not 0 < taken.free_ms <= now_ms
        }

    def _free(self, job_id: JobId, until: set[str]) -> None:
        key = self._keys.get(job_id)
        taken = self._taken.get(key) if key else None
        if key and taken and taken.by == job_id and taken.unique.until in until:
            del self._taken[key]
