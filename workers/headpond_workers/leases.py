"""The thread that keeps this worker's leases, whatever its event loop is doing.

It has its own connection. Each third of a lease it renews what the worker holds and beats; in
between it listens for a word (drain, new settings). What it hears goes to the loop by
`call_soon_threadsafe`.

A handler may block the loop. Then this thread gives back what the loop can't start, keeps what runs
until its time is up, and when nothing is left to keep it ends the process: its supervisor starts
another.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from headpond.jobs import JobId
    from headpond.ports import LeaseKeeper, Renewal, WorkerBeat
    from headpond.queues import WorkerState

logger = logging.getLogger(__name__)

RENEWALS: Final = 3
"""In the time of one lease: two may fail before a job is given to another worker."""
STILL_S: Final = 1.0
"""A loop that has not turned for this long is blocked."""
LOST_S: Final = 30.0
"""A loop that is blocked for this long, all time limits over, will not come back."""
LONGEST_STEP_S: Final = 0.5
"""Counted at most between two looks: a process that was stopped and continued was not blocked."""
LISTEN_S: Final = 0.1
"""How long one listen lasts: what the loop wants said (a drain acknowledged) is said this soon."""
AGAIN_S: Final = 0.5
"""After a word it asks at once, and once more: a job that somebody cancels may just be claimed."""


class Worker(Protocol):
    """What the thread asks of the worker. All of it is called in the thread."""

    def beat(self) -> WorkerBeat:
        """Say what the worker is."""
        ...

    def held(self) -> list[tuple[JobId, str]]:
        """Return the jobs whose leases are to be kept."""
        ...

    def heard(self, renewal: Renewal, asked: dict[JobId, str]) -> None:
        """Take what a renewal said."""
        ...

    def turns(self) -> int:
        """Return a number that changes whenever the loop turns."""
        ...

    def give_back(self) -> list[tuple[JobId, str]]:
        """Take the jobs that have not started away from the loop."""
        ...

    def lost(self) -> None:
        """End the process, if that is for the worker to do."""
        ...


class LeaseThread:
    """Renews, beats and listens until it is stopped."""

    def __init__(self, keeper: LeaseKeeper, worker: Worker) -> None:
        """Keep the leases of `worker` by `keeper`."""
        self._keeper = keeper
        self._worker = worker
        self._turns = -1
        self._looked = 0.0
        self._still_s = 0.0
        self.every_s = 5.0
        """Between two renewals; `follow` sets it."""
        self._stopped = threading.Event()
        self._said: tuple[WorkerState, int] | None = None
        self._thread = threading.Thread(target=self._keep, name="headpond-leases", daemon=True)

    def follow(self, lease_ms: int) -> None:
        """Renew as often as leases of this length need it."""
        self.every_s = lease_ms / 1000 / RENEWALS

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Leave the registry and end; returns when the thread has ended."""
        self.stop_soon()
        self._thread.join(timeout=5.0)

    def stop_soon(self) -> None:
        """Leave the registry and end, soon."""
        self._stopped.set()

    def _keep(self) -> None:
        renewed, again_at = float("-inf"), float("inf")
        while not self._stopped.is_set():
            beat = self._worker.beat()
            now = time.monotonic()
            is_due = now >= min(renewed + self.every_s, again_at)
            if is_due or (beat.state, beat.slots) != self._said:
                if self._renew(beat):
                    renewed = time.monotonic()
                    again_at = again_at if again_at > now else float("inf")
                else:
                    self._stopped.wait(0.5)
                    continue
            self._relieve()
            try:
                if self._keeper.hear(LISTEN_S):
                    renewed, again_at = float("-inf"), time.monotonic() + AGAIN_S
            except Exception as error:  # noqa: BLE001 (this thread must not end)
                logger.debug("nothing is heard: %s", error, extra={"event": "nothing-heard"})
                self._stopped.wait(0.5)
        self._leave()

    def _relieve(self) -> None:
        """Do for a blocked loop what it can't do itself."""
        now, turns = time.monotonic(), self._worker.turns()
        step = min(now - self._looked, LONGEST_STEP_S)
        self._still_s = self._still_s + step if turns == self._turns else 0.0
        self._turns, self._looked = turns, now
        if self._still_s < STILL_S:
            return
        waiting = self._worker.give_back()
        if waiting:
            logger.warning(
                "the event loop is blocked: %d jobs go back",
                len(waiting),
                extra={"event": "loop-blocked", "jobs": len(waiting)},
            )
            try:
                self._keeper.release(waiting)
            except Exception as error:  # noqa: BLE001 (this thread must not end)
                logger.warning(
                    "they were not handed back, so their leases run out: %s",
                    error,
                    extra={"event": "jobs-not-handed-back"},
                )
        if self._still_s > LOST_S and not self._worker.held():
            logger.critical("the event loop is blocked for good", extra={"event": "loop-lost"})
            self._leave()
            self._worker.lost()

    def _renew(self, beat: WorkerBeat) -> bool:
        held = self._worker.held()
        try:
            renewal = self._keeper.renew(beat, held)
            self._worker.heard(renewal, dict(held))
        except Exception as error:  # noqa: BLE001 (this thread must not end)
            logger.warning(
                "leases were not renewed: %s", error, extra={"event": "leases-not-renewed"}
            )
            return False
        self._said = (beat.state, beat.slots)
        return True

    def _leave(self) -> None:
        try:
            self._keeper.leave()
        except Exception as error:  # noqa: BLE001 (the connection is to be closed all the same)
            logger.info(
                "the store will notice that this worker has left: %s",
                error,
                extra={"event": "leaving-unsaid"},
            )
        self._keeper.close()
