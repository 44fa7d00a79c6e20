"""The batches of a queue, exact by membership: a job is counted out once, however it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from headpond.batches import BatchState
from headpond.jobs import JobState

if TYPE_CHECKING:
    from headpond.batches import Batch
    from headpond.jobs import JobId, NewJob
    from headpond.memory.rows import Row


@dataclass(slots=True, eq=False)
class Tally:
    """One batch as it is counted."""

    batch: Batch
    opened_ms: int
    locked_until_ms: int
    members: set[JobId] = field(default_factory=set)
    """Those that have not ended."""
    counted: set[JobId] = field(default_factory=set)
    """Added or skipped by this opening: a call that is repeated counts nothing twice."""
    added: int = 0
    skipped: int = 0
    ended: dict[JobState, int] = field(default_factory=dict)
    completed_ms: int = 0

    def is_over(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.added + self.skipped >= self.batch.total and not self.members

    def is_forgotten(self, now_ms: int) -> bool:
        """Whether nobody needs to know of it any more."""
        return max(self.completed_ms, self.locked_until_ms) + self.batch.keep_ms <= now_ms

    def enlist(self, job_id: JobId) -> None:
        """Count a new member in."""
        self.members.add(job_id)
        self.counted.add(job_id)
        self.added += 1

    def skip(self, job_id: JobId) -> None:
        """Count one that was not added, unless it is here already."""
        self.skipped += job_id not in self.counted
        self.counted.add(job_id)

    def count_out(self, job_id: JobId, state: JobState) -> None:
        """Count a member out, by the way in which it ended."""
        self.members.discard(job_id)
        self.ended[state] = self.ended.get(state, 0) + 1

    def complete(self, now_ms: int) -> NewJob | None:
        """Close it, and return the job to enqueue now."""
        self.completed_ms, self.locked_until_ms = now_ms, 0
        return self.batch.callback

    def seen(self) -> BatchState:
        """Return it as the port shows it."""
        return BatchState(
            id=self.batch.id,
            total=self.batch.total,
            added=self.added,
            skipped=self.skipped,
            remaining=len(self.members),
            completed=self.ended.get(JobState.COMPLETED, 0),
            failed=self.ended.get(JobState.FAILED, 0),
            cancelled=self.ended.get(JobState.CANCELLED, 0),
            opened_ms=self.opened_ms,
            locked_until_ms=self.locked_until_ms,
            completed_ms=self.completed_ms,
        )


class Batches:
    """The batches of one queue by name."""

    def __init__(self) -> None:
        """Begin with none."""
        self._tallies: dict[str, Tally] = {}

    def known(self, batch_id: str, now_ms: int) -> Tally | None:
        """Return a batch that isn't forgotten."""
        tally = self._tallies.get(batch_id)
        return None if tally is None or tally.is_forgotten(now_ms) else tally

    def counting(self, batch_id: str, now_ms: int) -> Tally | None:
        """Return a batch that still takes members and counts them out."""
        tally = self.known(batch_id, now_ms)
        return None if tally is None or tally.completed_ms else tally

    def of(self, row: Row, now_ms: int) -> str:
        """Return the batch that waits for this job's end, `""` for none."""
        tally = self.counting(row.batch, now_ms)
        return row.batch if tally and row.id in tally.members else ""

    def open(self, batch: Batch, now_ms: int) -> Tally | None:
        """Open a batch, `None` while it is locked; those who were in it and have not ended stay."""
        old = self.counting(batch.id, now_ms)
        if old and old.locked_until_ms > now_ms:
            return None
        tally = Tally(batch, now_ms, now_ms + batch.lock_ms)
        if old:
            tally.members = old.members
        self._tallies[batch.id] = tally
        return tally

    def forget(self, now_ms: int) -> None:
        """Drop those that nobody needs to know of."""
        for batch_id, tally in tuple(self._tallies.items()):
            if tally.is_forgotten(now_ms):
                del self._tallies[batch_id]
