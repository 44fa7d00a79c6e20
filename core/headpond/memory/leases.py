"""The blocking side: a worker's thread keeps its leases and hears what is said to the workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headpond.jobs import Released
from headpond.memory.turns import holds, report
from headpond.ports import Renewal

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from headpond.jobs import JobId
    from headpond.memory.queue import Queue
    from headpond.ports import WorkerBeat

    Step = Callable[[], AbstractContextManager[tuple[Queue, int]]]


class MemoryLeaseKeeper:
    """One worker's leases in one queue."""

    def __init__(self, queue: Queue, worker: str, step: Step, changed: threading.Condition) -> None:
        """Share the store's atomic step, and its lock, which `changed` carries."""
        self._queue = queue
        self._worker = worker
        self._step = step
        self._changed = changed
        self._heard = queue.words

    def renew(self, beat: WorkerBeat, held: Sequence[tuple[JobId, str]]) -> Renewal:
        """Beat, and extend the leases that are still this worker's."""
        with self._step() as (_, now_ms):
            self._queue.beats[self._worker] = (beat, now_ms)
            rows = {job_id: holds(self._queue, job_id, fence) for job_id, fence in held}
            for row in rows.values():
                if row is not None:
                    row.lease_end_ms = now_ms + self._queue.settings.lease_ms
            return Renewal(
                lost=tuple(job_id for job_id, row in rows.items() if row is None),
                draining=self._worker in self._queue.draining,
                settings_version=self._queue.settings.version,
                now_ms=now_ms,
                cancelled=tuple(row.id for row in rows.values() if row and row.wish),
            )

    def release(self, held: Sequence[tuple[JobId, str]]) -> None:
        """Give jobs back to their places."""
        with self._step() as (queue, now_ms):
            for job_id, fence in held:
                report(queue, Released(job_id, fence), now_ms)

    def hear(self, timeout_s: float) -> bool:
        """Wait for a word that came since the last one heard."""
        with self._changed:
            came = self._changed.wait_for(lambda: self._queue.words != self._heard, timeout_s)
            self._heard = self._queue.words
            return came

    def leave(self) -> None:
        """Take this worker out of the registry; a request to drain dies with it."""
        with self._changed:
            self._queue.beats.pop(self._worker, None)
            self._queue.draining.discard(self._worker)

    def close(self) -> None:
        """There is no connection."""
