"""What people do to single jobs in Redis, and what they make of jobs: batches and schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from headpond.batches import BatchState
from headpond.envelope import Outcome, pack
from headpond.jobs import Cancellation, JobState, check_new_job, parse_priority
from headpond.ports import ScheduleEntry
from headpond.redis.entry import BATCH, joined
from headpond.redis.keys import control_channel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.batches import Batch
    from headpond.jobs import JobId, NewJob
    from headpond.redis.client import Client

_CANCELLATIONS: Final = (
    Cancellation.UNKNOWN,
    Cancellation.CANCELLED,
    Cancellation.ASKED,
    Cancellation.ENDED,
)
_CANCELLED: Final = pack(Outcome(0, 0, error="Cancelled", message="Cancelled before it started."))
_FAILED: Final = pack(Outcome(0, 0, error="Failed", message="Failed by hand before it started."))


class Verbs:
    """Cancel, retry, amend; batches; schedules."""

    def __init__(self, client: Client) -> None:
        """Keep the connection."""
        self._client = client

    # ── jobs ──

    async def cancel(
        self, queue: str, ids: Sequence[JobId], *, fail: bool = False
    ) -> list[Cancellation]:
        """Cancel jobs; those that run are marked, and their workers told."""
        _check_count(len(ids))
        if not ids:
            return []
        channel = control_channel(self._client.namespace, queue)
        into, outcome = ("manual", _FAILED) if fail else ("cancelled", _CANCELLED)
        answers = await self._client.run("cancel", queue, channel, into, outcome, *ids)
        return [_CANCELLATIONS[answer] for answer in answers]

    async def retry(self, queue: str, ids: Sequence[JobId]) -> list[JobState | None]:
        """Put ended jobs back."""
        _check_count(len(ids))
        if not ids:
            return []
        return [_state(answer) for answer in await self._client.run("retry", queue, *ids)]

    async def amend(
        self,
        queue: str,
        job_id: JobId,
        *,
        priority: int | None = None,
        due_ms: int | None = None,
    ) -> JobState | None:
        """Change a job that has not started."""
        level = "" if priority is None else parse_priority(priority)
        due = "" if due_ms is None else due_ms
        return _state(await self._client.run("amend", queue, job_id, level, due))

    # ── batches ──

    async def open_batch(self, queue: str, batch: Batch) -> bool:
        """Open a batch."""
        call = () if batch.callback is None else _call(batch.callback)
        opened = await self._client.run(
            "open_batch", queue, batch.id, batch.total, batch.lock_ms, batch.keep_ms, *call
        )
        return bool(opened)

    async def batch(self, queue: str, batch_id: str) -> BatchState | None:
        """Return a batch."""
        packed = await self._client.run("batch", queue, batch_id)
        if not packed:
            return None
        record = [int(each) for each in msgspec.msgpack.decode(packed, type=list[float])]
        total, added, skipped, remaining, completed, failed, cancelled, *times = record
        opened_ms, locked_until_ms, completed_ms = times[:3]
        return BatchState(
            id=batch_id,
            total=total,
            added=added,
            skipped=skipped,
            remaining=remaining,
            completed=completed,
            failed=failed,
            cancelled=cancelled,
            opened_ms=opened_ms,
            locked_until_ms=locked_until_ms,
            completed_ms=completed_ms,
        )

    # ── schedules ──

    async def put_schedule(self, queue: str, entry: ScheduleEntry) -> None:
        """Keep a schedule."""
        await self._client.run("schedule", queue, entry.name, entry.definition, entry.next_ms)

    async def remove_schedule(self, queue: str, name: str) -> bool:
        """Forget a schedule."""
        return bool(await self._client.run("schedule", queue, name, "", 0))

    async def schedules(self, queue: str) -> list[ScheduleEntry]:
        """Return the schedules, by name."""
        rows = await self._client.run("schedules", queue)
        entries = [ScheduleEntry(name.decode(), kept, int(float(at))) for name, kept, at in rows]
        return sorted(entries, key=lambda entry: entry.name)

    async def fire(
        self, queue: str, entry: ScheduleEntry, jobs: Sequence[NewJob], next_ms: int
    ) -> bool:
        """Enqueue occurrences, once."""
        _check_count(len(jobs))
        for job in jobs:
            check_new_job(job)
        head = (entry.name, entry.definition, entry.next_ms, next_ms, len(jobs))
        return bool(await self._client.run("fire", queue, *head, *joined(jobs)))


def _call(job: NewJob) -> tuple[str | bytes | int, ...]:
    return (job.id, job.body, job.priority, job.delay_ms, job.run_at_ms, job.tenant, job.batch)


def _state(answer: bytes) -> JobState | None:
    return JobState(answer.decode()) if answer else None


def _check_count(count: int) -> None:
    if count > BATCH:
        message = f"{count} jobs in one call; the limit is {BATCH}."
        raise ValueError(message)
