"""What people do to jobs that are in a queue already: one job of one type at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headpond.app import wishes
from headpond.app.scheduling import store_ms
from headpond.app.status import type_of
from headpond.errors import JobUnknown
from headpond.jobs import Cancellation, JobId, JobState, check_job_id

if TYPE_CHECKING:
    from datetime import datetime

    from headpond.app.queue import Queue
    from headpond.app.wishes import Delay
    from headpond.ports import QueueStore


class Handwork:
    """Cancel, retry, change, promote. A job of another type is as good as none."""

    queue_of: Queue
    name: str

    async def cancel(self, job_id: str, *, fail: bool = False) -> Cancellation:
        """Cancel a job; `fail` makes it failed as `manual` instead. Returns what came of it.

        The handler of a job that runs is interrupted within a second; one in a thread finds
        `job.cancelled` true.
        """
        if not await self._is_mine(job_id):
            return Cancellation.UNKNOWN
        (answer,) = await self._store.cancel(self.queue_of.name, [JobId(job_id)], fail=fail)
        return answer

    async def retry(self, job_id: str) -> bool:
        """Run a failed or cancelled job again, with all its retries before it.

        False when it is in another state. Raises `JobUnknown`.
        """
        await self._demand(job_id)
        (before,) = await self._store.retry(self.queue_of.name, [JobId(job_id)])
        return before in {JobState.FAILED, JobState.CANCELLED}

    async def change(
        self,
        job_id: str,
        *,
        priority: int | str | None = None,
        delay: Delay | None = None,
        run_at: datetime | None = None,
    ) -> bool:
        """Change when or how urgently a job starts; False when it has started already.

        Raises `PayloadInvalid` for what makes no sense, and `JobUnknown`.
        """
        level = None if priority is None else wishes.level(priority)
        delay_ms, due_ms = wishes.when(delay, run_at)
        if level is None and delay is None and run_at is None:
            raise wishes.refused("priority", "Say what is to change: priority, delay or run_at.")
        await self._demand(job_id)
        if delay is not None:
            due_ms = await store_ms(self._store, self.queue_of.name) + delay_ms
        before = await self._store.amend(
            self.queue_of.name, JobId(job_id), priority=level, due_ms=due_ms or None
        )
        return before in {JobState.WAITING, JobState.DELAYED}

    async def promote(self, job_id: str) -> bool:
        """Let a delayed job wait for its start at once; False when it has started already.

        Raises `JobUnknown`.
        """
        await self._demand(job_id)
        before = await self._store.amend(self.queue_of.name, JobId(job_id), due_ms=0)
        return before in {JobState.WAITING, JobState.DELAYED}

    @property
    def _store(self) -> QueueStore:
        return self.queue_of.app.store

    async def _demand(self, job_id: str) -> None:
        if not await self._is_mine(job_id):
            raise JobUnknown(job_id)

    async def _is_mine(self, job_id: str) -> bool:
        wishes.text("job_id", job_id, check_job_id)
        (stored,) = await self._store.read(self.queue_of.name, [JobId(job_id)])
        return stored is not None and type_of(stored) == self.name
