"""`QueueStore` in dicts: one lock, the clock it is given, nothing that outlives the process."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import uuid
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from headpond.errors import Invalid
from headpond.jobs import check_new_job, parse_priority
from headpond.memory import care, handwork, life, looking, turns, upkeep
from headpond.memory.leases import MemoryLeaseKeeper
from headpond.memory.listeners import Listeners
from headpond.memory.queue import Queue
from headpond.ports import Exchange, Page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from headpond.batches import Batch, BatchState
    from headpond.jobs import (
        Cancellation,
        Ended,
        JobId,
        JobState,
        NewJob,
        Placed,
        StoredJob,
    )
    from headpond.ports import Clock, LeaseKeeper, QueueEvent, ScheduleEntry
    from headpond.queues import Hold, HoldSource, QueueSample, QueueSettings

MOST_JOBS: Final = 1000
"""Jobs in one call, so that one step of a store stays short."""


class MemoryQueueStore:
    """Every queue of one process; safe to use from several threads and event loops."""

    def __init__(self, clock: Clock) -> None:
        """Begin empty, at the time of `clock`."""
        self._clock = clock
        self._queues: dict[str, Queue] = {}
        self._changed = threading.Condition(threading.RLock())
        self._waiting = Listeners[str, None]()
        self._governors = Listeners[None, str]()

    async def start(self) -> None:
        """There is nothing to connect to."""

    async def close(self) -> None:
        """There is no connection."""

    async def ping(self) -> None:
        """Memory always answers."""

    @contextlib.contextmanager
    def _step(self, name: str) -> Iterator[tuple[Queue, int]]:
        """Hold the lock for one atomic step at one moment; then tell who waits."""
        with self._changed:
            queue = self._queues.get(name)
            if queue is None:
                queue = self._queues[name] = Queue(name, epoch=uuid.uuid4().hex)
            now_ms, words, added = self._clock.now_ms(), queue.words, queue.totals.added
            due_ms = looking.first_due_ms(queue)
            yield queue, now_ms
            queue.events.close_step(now_ms)
            if queue.words != words:
                self._changed.notify_all()
            if queue.totals.added > added and 0 < queue.wake_at <= queue.backlog(now_ms):
                queue.wake_at = 0
                self._governors.tell(None, name)
            # An idle worker must learn that it has to be back earlier than it thought.
            is_nearer = 0 < looking.first_due_ms(queue) < (due_ms or math.inf)
            if is_nearer or queue.is_ready(now_ms):
                self._waiting.tell(name, None)

    # ── the life of a job ──

    async def enqueue(self, queue: str, jobs: Sequence[NewJob]) -> list[Placed]:
        """Add the jobs, or none when there are too many for one call."""
        _check_jobs(jobs)
        with self._step(queue) as (q, now_ms):
            return life.enqueue(q, jobs, now_ms)

    async def exchange(
        self, queue: str, worker: str, ended: Sequence[Ended], want: int
    ) -> Exchange:
        """Apply the reports, reap, promote, then claim."""
        with self._step(queue) as (q, now_ms):
            stale = tuple(e.id for e in ended if not turns.report(q, e, now_ms))
            upkeep.refresh(q, now_ms)
            held, draining = bool(q.held(now_ms)), worker in q.draining
            claims = () if held or draining else turns.claim(q, worker, want, now_ms)
            return Exchange(
                claims=claims,
                stale=stale,
                next_due_ms=looking.next_ms(q, now_ms),
                held=held,
                draining=draining,
                now_ms=now_ms,
                schedules_due=0 < q.schedules.next_ms() <= now_ms,
            )

    async def wait(self, queue: str, timeout_s: float) -> None:
        """Return at once when a job is there already, so that none is slept through."""
        with self._step(queue):
            # The step ends by telling all who wait, this one too, when the queue is ready.
            listener = self._waiting.add(queue)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await listener.hear()
        finally:
            with self._changed:
                self._waiting.remove(queue, listener)

    def leases(self, queue: str, worker: str) -> LeaseKeeper:
        """Return the blocking side for one worker's thread."""
        with self._step(queue) as (q, _):
            return MemoryLeaseKeeper(q, worker, partial(self._step, queue), self._changed)

    # ── what people do to jobs ──

    async def cancel(
        self, queue: str, ids: Sequence[JobId], *, fail: bool = False
    ) -> list[Cancellation]:
        """Cancel jobs, or none when there are too many for one call."""
        _check_count(ids)
        with self._step(queue) as (q, now_ms):
            return handwork.cancel(q, ids, now_ms, fail=fail)

    async def retry(self, queue: str, ids: Sequence[JobId]) -> list[JobState | None]:
        """Put failed and cancelled jobs back, or none when there are too many for one call."""
        _check_count(ids)
        with self._step(queue) as (q, now_ms):
            return handwork.retry(q, ids, now_ms)

    async def amend(
        self,
        queue: str,
        job_id: JobId,
        *,
        priority: int | None = None,
        due_ms: int | None = None,
    ) -> JobState | None:
        """Change a waiting or delayed job."""
        level = None if priority is None else parse_priority(priority)
        with self._step(queue) as (q, now_ms):
            return handwork.amend(q, job_id, level, due_ms, now_ms)

    # ── batches ──

    async def open_batch(self, queue: str, batch: Batch) -> bool:
        """Open a batch, unless it is locked."""
        with self._step(queue) as (q, now_ms):
            tally = q.batches.open(batch, now_ms)
            if tally:
                life.complete(q, tally, now_ms)
            return tally is not None

    async def batch(self, queue: str, batch_id: str) -> BatchState | None:
        """Return a batch."""
        with self._step(queue) as (q, now_ms):
            tally = q.batches.known(batch_id, now_ms)
            return tally.seen() if tally else None

    # ── schedules ──

    async def put_schedule(self, queue: str, entry: ScheduleEntry) -> None:
        """Keep a schedule."""
        with self._step(queue) as (q, _):
            q.schedules.put(entry)

    async def remove_schedule(self, queue: str, name: str) -> bool:
        """Forget a schedule."""
        with self._step(queue) as (q, _):
            return q.schedules.remove(name)

    async def schedules(self, queue: str) -> list[ScheduleEntry]:
        """Return the schedules by name."""
        with self._step(queue) as (q, _):
            return q.schedules.all()

    async def fire(
        self, queue: str, entry: ScheduleEntry, jobs: Sequence[NewJob], next_ms: int
    ) -> bool:
        """Enqueue the occurrences of a schedule that is still as it was read."""
        _check_jobs(jobs)
        with self._step(queue) as (q, now_ms):
            if not q.schedules.has(entry):
                return False
            life.enqueue(q, jobs, now_ms)
            q.schedules.put(replace(entry, next_ms=next_ms))
            return True

    # ── looking ──

    async def events(self, queue: str, after: str = "", limit: int = 100) -> list[QueueEvent]:
        """Return what happened after an event."""
        if limit < 1:
            raise Invalid(f"{limit} events can't be asked for: ask for 1 or more.")
        with self._step(queue) as (q, _):
            return q.events.after(after, limit)

    async def read(self, queue: str, ids: Sequence[JobId]) -> list[StoredJob | None]:
        """Return the jobs in the order asked."""
        with self._step(queue) as (q, now_ms):
            rows = [q.places.get(job_id) for job_id in ids]
            return [looking.stored(q, row, now_ms) if row else None for row in rows]

    async def find(self, job_id: JobId) -> list[StoredJob]:
        """Return the jobs of this id in all queues, by queue."""
        found = [await self.read(queue, [job_id]) for queue in await self.queues()]
        return [job for (job,) in found if job is not None]

    async def page(self, queue: str, state: JobState, cursor: str, limit: int) -> Page:
        """List jobs of one state in its order."""
        with self._step(queue) as (q, now_ms):
            rows, behind = q.places.slice(state, cursor, limit)
            return Page(tuple(looking.stored(q, row, now_ms) for row in rows), behind)

    async def sample(self, queues: Sequence[str]) -> dict[str, QueueSample]:
        """Sample those that are configured."""
        return {name: self._sample(name) for name in queues if self._is_known(name)}

    async def queues(self) -> list[str]:
        """Return the names of all configured queues, sorted."""
        with self._changed:
            return sorted(name for name, queue in self._queues.items() if queue.listed)

    # ── care ──

    async def tick(self, queues: Sequence[str]) -> dict[str, QueueSample]:
        """Refresh and sample those that are configured."""
        return {name: self._tick(name) for name in queues if self._is_known(name)}

    async def configure(self, queue: str, settings: QueueSettings) -> int:
        """Put the settings into force."""
        with self._step(queue) as (q, _):
            return care.configure(q, settings)

    async def settings(self, queue: str) -> QueueSettings | None:
        """Return the settings in force."""
        with self._step(queue) as (q, _):
            return q.settings if q.settings.version else None

    async def forget(self, queue: str) -> None:
        """Take the queue off the list."""
        with self._step(queue) as (q, _):
            q.listed = False

    async def hold(self, queue: str, hold: Hold) -> None:
        """Start no more jobs, for this source."""
        with self._step(queue) as (q, _):
            care.hold(q, hold)

    async def resume(self, queue: str, source: HoldSource) -> bool:
        """Lift the hold of this source."""
        with self._step(queue) as (q, now_ms):
            return care.resume(q, source, now_ms)

    async def clear(self, queue: str, states: Sequence[JobState]) -> int:
        """Remove the jobs of these states, never active ones."""
        with self._step(queue) as (q, now_ms):
            return care.clear(q, states, now_ms)

    async def drain(self, queue: str, workers: Sequence[str]) -> None:
        """Give these workers nothing more, and tell them."""
        with self._step(queue) as (q, _):
            care.drain(q, workers)

    async def undrain(self, queue: str, workers: Sequence[str]) -> None:
        """Let these workers claim again, and tell them."""
        with self._step(queue) as (q, _):
            care.undrain(q, workers)

    # ── the governor's memory and waking ──

    async def set_wake(self, queue: str, backlog: int) -> None:
        """Leave the mark at which the next enqueue tells the governors."""
        with self._step(queue) as (q, _):
            q.wake_at = backlog

    async def wakes(self) -> AsyncIterator[str]:
        """Yield the name of each queue whose mark was crossed since the first step."""
        with self._changed:
            listener = self._governors.add(None)
        try:
            while True:
                yield await listener.hear()
        finally:
            with self._changed:
                self._governors.remove(None, listener)

    async def record(self, queue: str, decision: str) -> None:
        """Keep a scaling decision."""
        with self._step(queue) as (q, _):
            q.decisions.appendleft(decision)

    async def decisions(self, queue: str, limit: int) -> list[str]:
        """Return the newest decisions."""
        with self._step(queue) as (q, _):
            return list(q.decisions)[:limit]

    def _is_known(self, name: str) -> bool:
        with self._changed:
            return name in self._queues and self._queues[name].settings.version > 0

    def _sample(self, name: str) -> QueueSample:
        with self._step(name) as (q, now_ms):
            return looking.sample(q, now_ms)

    def _tick(self, name: str) -> QueueSample:
        with self._step(name) as (q, now_ms):
            upkeep.refresh(q, now_ms)
            return looking.sample(q, now_ms)


def _check_jobs(jobs: Sequence[NewJob]) -> None:
    _check_count(jobs)
    for job in jobs:
        check_new_job(job)


def _check_count(jobs: Sequence[object]) -> None:
    if len(jobs) > MOST_JOBS:
        message = f"{len(jobs):,} jobs at once; one call takes {MOST_JOBS:,}: split them."
        raise ValueError(message)
