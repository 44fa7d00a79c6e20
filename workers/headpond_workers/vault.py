"""Sealed jobs in a worker: opened just before they run; what they leave is sealed again."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from msgspec import structs

from headpond.envelope import pack, unpack_outcome
from headpond.errors import ConfigInvalid, KeyMissing, SealBroken
from headpond.jobs import Done, Failed, Released, Stopped
from headpond.sealing import Place, open_envelope, seal_outcome
from headpond_workers import reports

if TYPE_CHECKING:
    from headpond.broker import HeadpondBroker
    from headpond.envelope import Envelope
    from headpond.jobs import Ended
    from headpond.sealing import Keyring
    from headpond_workers.held import Held

logger = logging.getLogger(__name__)

PARKED_MS: Final = 5_000
"""A job whose key is not here is offered again after this long; another worker may have it."""
SAID_EVERY_S: Final = 60.0
"""A key that is missing is said this often, however many jobs need it."""


class Shut(Exception):  # noqa: N818 (what a job is, and no fault of its handler)
    """A job that can't be opened here, and what is to be reported of it."""

    def __init__(self, report: Ended) -> None:
        """Keep the report."""
        self.report = report
        super().__init__(report.id)


class Vault:
    """Has the keys of one worker."""

    def __init__(self, broker: HeadpondBroker, worker: str) -> None:
        """Read no key before a job needs one."""
        self._queue = broker.queue
        self._keys = broker.seals.keys
        self._worker = worker
        self._said: dict[str, float] = {}

    def open(self, held: Held, envelope: Envelope) -> Envelope:
        """Return the envelope as it was sent; from here on what the job leaves is sealed.

        Raises `Shut`: without the key the job goes back and no attempt is counted; if it was
        changed or moved, it fails as `integrity`.
        """
        claim = held.claim
        place = Place(self._queue, claim.id, envelope.job_type, envelope.tenant)
        try:
            opened = open_envelope(self._keys_for(envelope), place, envelope)
        except SealBroken as error:
            now_ms = time.time_ns() // 1_000_000
            raise Shut(reports.unreadable(claim, self._worker, now_ms, error)) from None
        except (KeyMissing, ConfigInvalid) as error:
            key = f"key {getattr(error, 'key_id', '')}".strip()
            self._say(key, error)
            report = Released(claim.id, claim.fence, delay_ms=PARKED_MS, parked=key)
            raise Shut(report) from None
        held.place = place
        return opened

    def _keys_for(self, envelope: Envelope) -> Keyring:
        keys = self._keys()
        if not keys and not envelope.sealed:
            message = (
                "What jobs of this queue leave is to be sealed; set HEADPOND_ENCRYPTION_KEYS or"
                " HEADPOND_ENCRYPTION_KEYS_FILE."
            )
            raise KeyMissing("", message)
        return keys

    def seal(self, place: Place, report: Ended) -> Ended:
        """Return the report with its outcome sealed, if it has one."""
        if isinstance(report, Done):
            return structs.replace(report, outcome=self._sealed(place, report.outcome))
        if isinstance(report, Failed | Stopped):
            return replace(report, outcome=self._sealed(place, report.outcome))
        return report

    def _sealed(self, place: Place, outcome: bytes) -> bytes:
        return pack(seal_outcome(self._keys(), place, unpack_outcome(outcome)))

    def _say(self, key: str, error: Exception) -> None:
        now = time.monotonic()
        if now - self._said.get(key, float("-inf")) < SAID_EVERY_S:
            return
        self._said[key] = now
        logger.warning(
            "jobs of queue %s wait for another worker, no attempt is counted, because this one"
            " lacks the %s: %s",
            self._queue,
            key,
            error,
            extra={"event": "key-missing", "queue": self._queue, "key": key},
        )
