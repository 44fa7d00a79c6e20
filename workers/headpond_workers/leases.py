"""The thread that keeps this worker's leases, whatever its event loop is doing.

It has its own connection. Each third of a lease it renews what the worker holds and beats; in
between it listens for a word (drain, new settings). What it hears goes to the loop by
`call_soon_threadsafe`.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from headpond.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from headpond.jobs import JobId
    from headpond.ports import LeaseKeeper, Renewal, WorkerBeat
    from headpond.queues import WorkerState

logger = logging.getLogger(__name__)

RENEWALS: Final = 3
"""In the time of one lease: two may fail before a job is given to another worker."""
LISTEN_S: Final = 0.1
"""How long one listen lasts: what the loop wants said (a drain acknowledged) is said this soon."""


class LeaseThread:
    """Renews, beats and listens until it is stopped."""

    def __init__(
        self,
        keeper: LeaseKeeper,
        beat: Callable[[], WorkerBeat],
        held: Callable[[], list[tuple[JobId, str]]],
        heard: Callable[[Renewal, dict[JobId, str]], None],
    ) -> None:
        """`beat` and `held` are called in the thread, so they must only read; `heard` as well."""
        self._keeper = keeper
        self._beat = beat
        self._held = held
        self._heard = heard
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
        self._stopped.set()
        self._thread.join(timeout=5.0)

    def _keep(self) -> None:
        renewed = 0.0
        while not self._stopped.is_set():
            beat = self._beat()
            due = time.monotonic() - renewed >= self.every_s
            if due or (beat.state, beat.slots) != self._said:
                if self._renew(beat):
                    renewed = time.monotonic()
                else:
                    self._stopped.wait(0.5)
                    continue
            try:
                if self._keeper.hear(LISTEN_S):
                    renewed = 0.0  # ask at once what there is to know
            except Exception as error:  # noqa: BLE001 (this thread must not end)
                logger.debug("nothing is heard: %s", error)
                self._stopped.wait(0.5)
        self._leave()

    def _renew(self, beat: WorkerBeat) -> bool:
        held = self._held()
        try:
            renewal = self._keeper.renew(beat, held)
            self._heard(renewal, dict(held))
        except Exception as error:  # noqa: BLE001 (this thread must not end)
            logger.warning("leases were not renewed: %s", error)
            return False
        self._said = (beat.state, beat.slots)
        return True

    def _leave(self) -> None:
        try:
            self._keeper.leave()
        except StoreUnavailable:
            logger.info("the store is away; it will notice that this worker has left")
        self._keeper.close()
