"""Names for jobs whose callers gave them none: 128 bits of chance in 23 characters.

Every character is written, sent, kept and logged many times in a job's life, so they are fewer than
a UUID's 32; and they are made many at a time, since asking the system for chance is the larger part
of the work.
"""

from __future__ import annotations

import os
from binascii import b2a_base64
from typing import Final

from headpond.jobs import JobId

BITS: Final = 128
_AT_ONCE: Final = 256
_BYTES: Final = BITS // 8
_ALLOWED: Final = bytes.maketrans(b"/", b"_")
_made: list[JobId] = []


def new_job_id() -> JobId:
    """Return an id that no other job has; safe to call from threads and after a fork."""
    try:
        return _made.pop()
    except IndexError:
        _made.extend(_names())
        return new_job_id()


def _names() -> list[JobId]:
    chance = os.urandom(_AT_ONCE * _BYTES)
    parts = (chance[at : at + _BYTES] for at in range(0, len(chance), _BYTES))
    return [JobId("j" + b2a_base64(part)[:22].translate(_ALLOWED).decode()) for part in parts]


os.register_at_fork(after_in_child=_made.clear)  # else parent and child would name jobs alike
