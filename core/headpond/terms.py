"""What a queue's settings say to those who make jobs, read from their document. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from headpond.errors import Unavailable


class QueueTerms(msgspec.Struct, frozen=True, rename="camel"):
    """The part of `spec.jobs` that matters when a job is made; `None` leaves it to the code."""

    priority: int | None = None
    encrypt_payload: bool | None = None


NO_TERMS: Final = QueueTerms()


class _Document(msgspec.Struct, frozen=True):
    jobs: QueueTerms = NO_TERMS


_read = msgspec.json.Decoder(_Document).decode


def read_terms(queue: str, document: str) -> QueueTerms:
    """Return what the document says; raise `Unavailable` for one that a newer version wrote.

    Such a queue may be encrypted, so no job can be made for it here.
    """
    try:
        return _read(document).jobs
    except (msgspec.DecodeError, UnicodeError) as error:
        message = (
            f"The settings of queue {queue!r} can't be read here ({error}), so nobody knows whether"
            " its payloads are to be encrypted: bring this process to the version of Headpond that"
            " wrote them."
        )
        raise Unavailable(message) from error
