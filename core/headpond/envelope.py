"""The wire format: what a job carries through the store, and what its end leaves there.

Both are msgpack arrays, so that a field costs no name on the wire; new fields go to the end.
Nothing executable is ever on the wire: no pickle, no class names that would be imported.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Envelope(msgspec.Struct, array_like=True, gc=False, frozen=True, omit_defaults=True):
    """A job as its caller sent it."""

    job_type: str
    args: list[Any]
    kwargs: dict[str, Any] = {}
    labels: dict[str, str] = {}
    """taskiq's labels; set by code that runs here, never by an API client."""
    label_types: dict[str, int] = {}
    tenant: str = ""
    correlation_id: str = ""
    trace: str = ""
    """W3C `traceparent` of whoever enqueued."""
    sealed: bytes | None = None
    """What is not to be read here (`headpond.sealing`): all of the arguments, or parts of them."""


class Outcome(msgspec.Struct, array_like=True, gc=False, frozen=True, omit_defaults=True):
    """How a job's handler ended, the last time it did."""

    started_ms: int
    run_us: int
    result: Any = None
    error: str = ""
    """The exception's class name, `""` when it ended well."""
    message: str = ""
    trace: str = ""
    """The traceback, bounded."""
    worker: str = ""
    sealed: bytes | None = None
    """Result, message and traceback of a job whose payload was sealed."""


class Progress(msgspec.Struct, array_like=True, gc=False, frozen=True, omit_defaults=True):
    """How far a handler says it is."""

    done: float
    total: float = 0
    """0: it doesn't know."""
    message: str = ""


def plain(value: object) -> object:
    """Return a pydantic model as data; raise `TypeError` for what isn't data."""
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json")
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    message = f"{name} can't be sent: make it JSON (a model, dict, list, text or number)"
    raise TypeError(message)


pack = msgspec.msgpack.Encoder(enc_hook=plain).encode
"""Pack an envelope, an outcome or any plain value. Raises `TypeError` for what isn't data."""

unpack_envelope = msgspec.msgpack.Decoder(Envelope).decode
unpack_outcome = msgspec.msgpack.Decoder(Outcome).decode
unpack_progress = msgspec.msgpack.Decoder(Progress).decode
