"""A batch: a named set of jobs of one queue that somebody waits for as a whole. Pure.

A batch is opened with the number of jobs that it is going to have, then its jobs are enqueued with
its name. Membership is exact: a job leaves the batch once, when it has ended for good, however
often it was delivered. The batch is complete when every job that was announced was added or
skipped, and no member is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headpond.errors import ANY_JOB, FieldError, PayloadInvalid
from headpond.jobs import check_job_id, check_new_job

if TYPE_CHECKING:
    from headpond.jobs import NewJob

LOCK_MS: Final = 3_600_000
"""A batch that is not complete after an hour may be opened again: who began it may be gone."""
KEEP_MS: Final = 86_400_000
"""A complete batch can be asked for a day."""
MOST_JOBS: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch to be opened. Raises `PayloadInvalid` for what makes no sense."""

    id: str
    """Named like a job."""
    total: int
    """Distinct ids that will be enqueued for it, those included that the queue has already: a call
    that is repeated after a lost answer must not count twice, so an id counts once."""
    lock_ms: int = LOCK_MS
    """So long nobody else can open it, unless it is complete before."""
    keep_ms: int = KEEP_MS
    """So long its record stays once it is complete or its lock has run out."""
    callback: NewJob | None = None
    """Enqueued, in the same step, when the batch is complete."""

    def __post_init__(self) -> None:
        """Refuse names and spans that can't be kept."""
        check_job_id(self.id)
        if self.callback is not None:
            check_new_job(self.callback)
        if self.callback is not None and self.callback.unique is not None:
            detail = "A callback has no key of uniqueness: its id says enough."
            raise PayloadInvalid(ANY_JOB, [FieldError("/batch/callback/unique", detail)])
        for name, value, most in (
            ("total", self.total, MOST_JOBS),
            ("lock_ms", self.lock_ms, 366 * KEEP_MS),
            ("keep_ms", self.keep_ms, 366 * KEEP_MS),
        ):
            if not 0 <= value <= most:
                detail = f"{value} can't be the {name}: it is 0 to {most:,}."
                raise PayloadInvalid(ANY_JOB, [FieldError(f"/batch/{name}", detail)])


@dataclass(frozen=True, slots=True)
class BatchState:
    """A batch as the store has it at one moment; times are Unix milliseconds, 0 for 'not yet'."""

    id: str
    total: int
    added: int
    skipped: int
    """Of the total, those whose id was taken."""
    remaining: int
    """Members that have not ended."""
    completed: int
    failed: int
    cancelled: int
    opened_ms: int
    locked_until_ms: int
    """Nobody else can open it before; 0 once it is complete."""
    completed_ms: int
    """When the last member ended."""

    @property
    def is_completed(self) -> bool:
        """Whether every job has ended."""
        return self.completed_ms > 0

    def is_locked(self, now_ms: int) -> bool:
        """Whether it is being worked on."""
        return self.locked_until_ms > now_ms
