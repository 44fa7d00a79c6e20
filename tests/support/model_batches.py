"""Batches, by the contract's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from headpond.batches import Batch, BatchState
from headpond.jobs import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headpond.jobs import JobId, NewJob
    from model_job import ModelJob


@dataclass(slots=True)
class ModelBatch:
    """One batch, from its opening until it is forgotten."""

    spec: Batch
    opened_ms: int
    locked_until_ms: int
    members: list[ModelJob] = field(default_factory=list)
    counted: set[JobId] = field(default_factory=set)
    """Ids that this opening has added or skipped: who repeats a call is not counted again."""
    added: int = 0
    skipped: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    completed_ms: int = 0

    @property
    def forgotten_ms(self) -> int:
        """Return from when on nobody knows it."""
        return (self.completed_ms or self.locked_until_ms) + self.spec.keep_ms

    @property
    def room(self) -> int:
        """Return how many announced jobs have not come yet."""
        return self.spec.total - self.added - self.skipped

    def state(self) -> BatchState:
        """Return it as a store shows it."""
        return BatchState(
            id=self.spec.id,
            total=self.spec.total,
            added=self.added,
            skipped=self.skipped,
            remaining=len(self.members),
            completed=self.completed,
            failed=self.failed,
            cancelled=self.cancelled,
            opened_ms=self.opened_ms,
            locked_until_ms=self.locked_until_ms,
            completed_ms=self.completed_ms,
        )


class Batches:
    """The batches of one queue. What completes one returns the callback to be enqueued."""

    def __init__(self) -> None:
        """Begin with none."""
        self._batches: dict[str, ModelBatch] = {}

    def get(self, name: str, now_ms: int) -> ModelBatch | None:
        """Return the batch; one whose time is over is forgotten, and its members are nobody's."""
        batch = self._batches.get(name)
        if batch is not None and now_ms >= batch.forgotten_ms:
            for job in batch.members:
                job.batch = ""
            del self._batches[name]
            return None
        return batch

    def states(self, names: Iterable[str], now_ms: int) -> list[BatchState | None]:
        """Return these batches as a store shows them."""
        found = [self.get(name, now_ms) for name in names]
        return [batch.state() if batch is not None else None for batch in found]

    def ends(self) -> list[int]:
        """Return the moments at which a lock or a memory ends."""
        batches = self._batches.values()
        return [at for each in batches for at in (each.locked_until_ms, each.forgotten_ms) if at]

    def open(self, spec: Batch, now_ms: int) -> tuple[bool, NewJob | None]:
        """Open a batch, unless it is locked."""
        old = self.get(spec.id, now_ms)
        if old is not None and not old.completed_ms and old.locked_until_ms > now_ms:
            return False, None
        members = old.members if old is not None else []
        batch = ModelBatch(spec, now_ms, now_ms + spec.lock_ms, members)
        self._batches[spec.id] = batch
        return True, self._complete(batch, now_ms)

    def join(self, name: str, job: ModelJob, now_ms: int) -> None:
        """Make an added job a member, if the batch is open."""
        batch = self._open(name, now_ms)
        if batch is not None:
            batch.added += 1
            batch.members.append(job)
            batch.counted.add(job.id)
            job.batch = name

    def skip(self, new: NewJob, now_ms: int) -> NewJob | None:
        """Count a job that was not added, once."""
        batch = self._open(new.batch, now_ms)
        if batch is None or new.id in batch.counted:
            return None
        batch.skipped += 1
        batch.counted.add(new.id)
        return self._complete(batch, now_ms)

    def settle(self, job: ModelJob, state: JobState, now_ms: int) -> NewJob | None:
        """Count the end of a job, once."""
        batch = self.get(job.batch, now_ms)
        job.batch = ""
        if batch is None:
            return None
        batch.members.remove(job)
        batch.completed += state is JobState.COMPLETED
        batch.failed += state is JobState.FAILED
        batch.cancelled += state is JobState.CANCELLED
        return self._complete(batch, now_ms)

    def _open(self, name: str, now_ms: int) -> ModelBatch | None:
        batch = self.get(name, now_ms)
        return None if batch is None or batch.completed_ms else batch

    @staticmethod
    def _complete(batch: ModelBatch, now_ms: int) -> NewJob | None:
        if batch.members or batch.room > 0 or batch.completed_ms:
            return None
        batch.completed_ms, batch.locked_until_ms = now_ms, 0
        return batch.spec.callback
