"""Which of a broker's messages are sealed before they reach the store, and with what."""

from __future__ import annotations

import logging
import typing
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from headpond.app.following import Follower
from headpond.app.sensitive import secrecy_of
from headpond.envelope import pack, unpack_envelope
from headpond.errors import KeyMissing
from headpond.sealing import Keyring, Place, seal_envelope

if TYPE_CHECKING:
    from headpond.broker.broker import HeadpondBroker
    from headpond.terms import QueueTerms


class Seals:
    """Follows the queue's settings, and knows the tasks whose arguments are sensitive."""

    def __init__(self, broker: HeadpondBroker, keys: Keyring | None, *, always: bool) -> None:
        """Take the environment's keys if none are given; `always` seals whatever the queue says."""
        self._broker = broker
        self._keys = keys
        self._always = always
        self._encrypts = False
        self._follower = Follower(broker.queue, self._follow)
        self._sensitive: dict[str, bool] = {}
        logging.getLogger("taskiq").addFilter(_leave_out_arguments)

    def keys(self) -> Keyring:
        """Return the keys, perhaps none; raise `ConfigInvalid` for those that can't be read."""
        if self._keys is None:
            from headpond.settings import KeySettings  # noqa: PLC0415 (most queues seal nothing)

            self._keys = KeySettings().keyring()
        return self._keys

    async def refresh(self) -> None:
        """Return once the settings that are followed are at most a second old."""
        await self._follower.refresh(self._broker.store)

    def body(self, body: bytes, job_id: str, name: str, *, is_sealed: bool = False) -> bytes:
        """Return a packed envelope, sealed if it has to be; raise `KeyMissing`.

        A task's arguments are all sealed: taskiq makes plain data of models before they come here,
        so their sensitive fields can't be told from the others.
        """
        if not (is_sealed or self._always or self._encrypts or self.is_sensitive(name)):
            return body
        keys = self.keys()
        if not keys:
            message = (
                f"Job {job_id!r} of task {name!r} must be encrypted, and this process has no key"
                " for that: set HEADPOND_ENCRYPTION_KEYS or HEADPOND_ENCRYPTION_KEYS_FILE. Nothing"
                " was enqueued."
            )
            raise KeyMissing("", message)
        envelope = unpack_envelope(body)
        place = Place(self._broker.queue, job_id, name, envelope.tenant)
        return pack(seal_envelope(keys, place, envelope))

    def _follow(self, terms: QueueTerms) -> None:
        self._encrypts = bool(terms.encrypt_payload)

    def is_sensitive(self, name: str) -> bool:
        """Whether jobs of this name are sealed whatever the queue says."""
        known = self._sensitive.get(name)
        if known is None:
            known = self._sensitive[name] = self._look(name)
        return known

    def _look(self, name: str) -> bool:
        job_type = self._broker.job_types.get(name)
        if job_type is not None:
            return job_type.is_sensitive
        task = self._broker.find_task(name)
        if task is None:  # kicked by its name alone
            return False
        hints = typing.get_type_hints(task.original_func, include_extras=True)
        return any(_is_sensitive(hint) for hint in hints.values())


def _leave_out_arguments(record: logging.LogRecord) -> bool:
    """Shorten what taskiq's kicker logs at debug level: it would show what is to be sealed."""
    is_kick = isinstance(record.msg, str) and record.msg.startswith("Kicking %s with args")
    if is_kick and isinstance(record.args, tuple):
        record.msg, record.args = "Kicking %s.", record.args[:1]
    return True


def _is_sensitive(hint: Any) -> bool:
    try:
        return secrecy_of(TypeAdapter(hint).core_schema).is_sensitive
    except Exception:  # noqa: BLE001 (pydantic knows no such type, so it is none of ours)
        return False
