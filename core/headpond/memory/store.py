"""`QueueStore` in dicts: one lock, the clock it is given, nothing that outlives the process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import uuid
from typing import TYPE_CHECKING, Final

from headpond.memory import care, life, looking
from headpond.memory.leases import MemoryLeaseKeeper
from headpond.memory.listeners import Listeners
from headpond.memory.queue import Queue
from headpond.ports import Exchange, Page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from headpond.jobs import Ended, JobId, JobState, NewJob, StoredJob
    from headpond.ports import Clock, LeaseKeeper
    from headpond.queues import Hold, HoldSource, QueueSample, QueueSettings

ENQUEUE_LIMIT: Final = 1000
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
            words = queue.words
            yield queue, self._clock.now_ms()
            if queue.words != words:
                self._changed.notify_all()
            if queue.is_ready(self._clock.now_ms()):
                self._waiting.tell(name, None)

    # ── the life of a job ──

    async def enqueue(self, queue: str, jobs: Sequence[NewJob]) -> list[bool]:
        """Add the jobs, or none when there are too many for one call."""
        if len(jobs) > ENQUEUE_LIMIT:
            message = f"{len(jobs):,} jobs at once; one call takes {ENQUEUE_LIMIT:,}: split them."
            raise ValueError(message)
        with self._step(queue) as (q, now_ms):
            due_ms = looking.next_due_ms(q)
            added = life.enqueue(q, jobs, now_ms)
            if looking.next_due_ms(q) != due_ms:
                # An idle worker must learn that it has to be back earlier than it thought.
                self._waiting.tell(queue, None)
            if any(added) and 0 < q.wake_at <= q.backlog(now_ms):
                q.wake_at = 0
                self._governors.tell(None, queue)
            return added

    async def exchange(
        self, queue: str, worker: str, ended: Sequence[Ended], want: int
    ) -> Exchange:
        """Apply the reports, reap, promote, then claim."""
        with self._step(queue) as (q, now_ms):
            stale = tuple(e.id for e in ended if not life.report(q, e, now_ms))
            life.refresh(q, now_ms)
            held, draining = bool(q.held(now_ms)), worker in q.draining
            claims = () if held or draining else life.claim(q, worker, want, now_ms)
            return Exchange(claims, stale, looking.next_due_ms(q), held, draining, now_ms)

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
            return MemoryLeaseKeeper(q, worker, self._clock, self._changed)

    # ── looking ──

    async def read(self, queue: str, ids: Sequence[JobId]) -> list[StoredJob | None]:
        """Return the jobs in the order asked."""
        with self._step(queue) as (q, _):
            rows = [q.places.get(job_id) for job_id in ids]
            return [row.stored(queue) if row else None for row in rows]

    async def find(self, job_id: JobId) -> list[StoredJob]:
        """Return the jobs of this id in all queues, by queue."""
        found = [await self.read(queue, [job_id]) for queue in await self.queues()]
        return [job for (job,) in found if job is not None]

    async def page(self, queue: str, state: JobState, cursor: str, limit: int) -> Page:
        """List jobs of one state in its order."""
        with self._step(queue) as (q, _):
            rows, behind = q.places.slice(state, cursor, limit)
            return Page(tuple(row.stored(queue) for row in rows), behind)

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
            q.holds[hold.source] = hold

    async def resume(self, queue: str, source: HoldSource) -> bool:
        """Lift the hold of this source."""
        with self._step(queue) as (q, now_ms):
            return care.resume(q, source, now_ms)

    async def clear(self, queue: str, states: Sequence[JobState]) -> int:
        """Remove the jobs of these states, never active ones."""
        with self._step(queue) as (q, _):
            return care.clear(q, states)

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
            life.refresh(q, now_ms)
            return looking.sample(q, now_ms)
