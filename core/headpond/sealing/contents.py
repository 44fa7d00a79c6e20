"""What of a job is sealed: all that its caller gave, or single values; and all that its end left.

What the queue needs to place, count and show a job stays readable: id, type, tenant, correlation
id, times, and of an error its class's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import structs

from headpond.envelope import pack
from headpond.errors import SealBroken

if TYPE_CHECKING:
    from headpond.envelope import Envelope, Outcome
    from headpond.sealing.keys import Keyring

    Path = list[str | int]

SHOWN: Final = {"sealed": True}
"""Stands where a sealed value was."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job belongs; what was sealed for it opens nowhere else."""

    queue: str
    job_id: str
    job_type: str
    tenant: str = ""

    def about(self, use: str) -> bytes:
        """Return the place as bytes, each part behind its length, so that none runs into another.

        >>> Place("q", "1", "send").about("payload") == Place("q1", "", "send").about("payload")
        False
        """
        words = (use, self.tenant, self.queue, self.job_id, self.job_type)
        parts = [word.encode() for word in words]
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


class _Contents(msgspec.Struct, array_like=True, frozen=True):
    """What is sealed of an envelope: either all that it carries, or values with their paths."""

    args: list[Any] | None
    kwargs: dict[str, Any] = {}
    labels: dict[str, str] = {}
    label_types: dict[str, int] = {}
    values: list[tuple[list[str | int], Any]] = []


class _End(msgspec.Struct, array_like=True, frozen=True):
    """What is sealed of an outcome."""

    result: Any
    message: str
    trace: str


_unpack_contents = msgspec.msgpack.Decoder(_Contents).decode
_unpack_end = msgspec.msgpack.Decoder(_End).decode


def seal_envelope(keys: Keyring, place: Place, envelope: Envelope) -> Envelope:
    """Return the envelope with all that it carries sealed."""
    all_of_it = _Contents(envelope.args, envelope.kwargs, envelope.labels, envelope.label_types)
    sealed = keys.seal(pack(all_of_it), place.about("payload"))
    return structs.replace(envelope, args=[], kwargs={}, labels={}, label_types={}, sealed=sealed)


def seal_values(
    keys: Keyring, place: Place, envelope: Envelope, values: list[tuple[Path, Any]]
) -> Envelope:
    """Return the envelope with these values sealed, which were taken out of its arguments.

    They are sealed together with their paths: none can be swapped for another.
    """
    contents = _Contents(None, values=values)
    return structs.replace(envelope, sealed=keys.seal(pack(contents), place.about("payload")))


def open_envelope(keys: Keyring, place: Place, envelope: Envelope) -> Envelope:
    """Return the envelope as its caller gave it; `sealed` is kept, and says that it was.

    Raises `KeyMissing` or `SealBroken`. An envelope that isn't sealed is returned as it is.
    """
    if not envelope.sealed:
        return envelope
    try:
        contents = _unpack_contents(keys.open(envelope.sealed, place.about("payload")))
        if contents.args is None:
            for path, value in contents.values:
                _put(envelope.args, path, value)
            return envelope
    except (msgspec.MsgspecError, LookupError, TypeError) as error:
        raise SealBroken from error  # sealed by a newer version, or its readable part was changed
    return structs.replace(
        envelope,
        args=contents.args,
        kwargs=contents.kwargs,
        labels=contents.labels,
        label_types=contents.label_types,
    )


def seal_outcome(keys: Keyring, place: Place, outcome: Outcome) -> Outcome:
    """Return the outcome with result, message and traceback sealed."""
    end = pack(_End(outcome.result, outcome.message, outcome.trace))
    sealed = keys.seal(end, place.about("outcome"))
    return structs.replace(outcome, result=None, message="", trace="", sealed=sealed)


def open_outcome(keys: Keyring, place: Place, outcome: Outcome) -> Outcome:
    """Return the outcome as the handler left it; raise `KeyMissing` or `SealBroken`."""
    if not outcome.sealed:
        return outcome
    try:
        end = _unpack_end(keys.open(outcome.sealed, place.about("outcome")))
    except msgspec.MsgspecError as error:
        raise SealBroken from error
    return structs.replace(
        outcome, result=end.result, message=end.message, trace=end.trace, sealed=None
    )


def _put(args: list[Any], path: Path, value: Any) -> None:
    """Put a value back where its placeholder is."""
    at: Any = args
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
