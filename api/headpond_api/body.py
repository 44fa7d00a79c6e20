"""Request bodies: read up to a limit, and decoded so that nobody can read them differently.

Stricter than the standard library on purpose: NaN and Infinity, lone surrogates, repeated keys,
integers beyond 64 bits and nesting beyond `MAX_DEPTH` are all 400, before any route sees them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.types import Message, Receive

from headpond.errors import TooLarge
from headpond_api.faults import MalformedJson, MediaTypeUnsupported

MAX_DEPTH: Final = 64
"""No payload that people write nests deeper; some parsers further down give up at about 1,000."""

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**64 - 1
"""What msgpack, JSON libraries of other languages and databases can hold."""

_JSON = re.compile(r"application/([a-z0-9.+-]+\+)?json", re.IGNORECASE)
_KEY_END = re.compile(rb'"\s*:')
_UTF_8 = re.compile(r"""charset\s*=\s*"?utf-?8"?""", re.IGNORECASE)


class ClientGone(Exception):  # noqa: N818 (nobody is left to be told of an error)
    """The client went away in the middle of its body."""


def check_media_type(headers: Mapping[bytes, bytes]) -> None:
    """Raise `MediaTypeUnsupported` unless the headers announce JSON in UTF-8, not compressed."""
    encoding = headers.get(b"content-encoding", b"identity").decode("latin-1")
    if encoding.strip().lower() not in {"", "identity"}:
        raise MediaTypeUnsupported(f"The body is encoded as {encoding!r}; send it plain.")
    given = headers.get(b"content-type", b"")
    if given == b"application/json":
        return
    kind, _, parameters = given.decode("latin-1").partition(";")
    if not _JSON.fullmatch(kind.strip()):
        shown = repr(kind.strip()) if kind.strip() else "of no stated type"
        raise MediaTypeUnsupported(f"The body is {shown}; send Content-Type: application/json.")
    if "charset" in parameters.lower() and not _UTF_8.search(parameters):
        raise MediaTypeUnsupported(f"The body is in {parameters.strip()}; JSON is UTF-8.")


def declared_length(headers: Mapping[bytes, bytes]) -> int | None:
    """Return what Content-Length says, `None` when the body comes in chunks."""
    given = headers.get(b"content-length", b"")
    if given.isdigit():
        return int(given)
    return None if b"transfer-encoding" in headers else 0


async def read(receive: Receive, limit: int) -> bytes:
    """Read the body; raise `TooLarge` as soon as it is over `limit`, keeping no more of it."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLarge("The body", size, limit)
        if not message.get("more_body", False):
            return chunk if not chunks else b"".join([*chunks, chunk])
        chunks.append(chunk)


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives `body` once more, then goes on with the real one."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return pending.pop() if pending else await receive()

    return again


def decode(body: bytes) -> Any:
    """Return the JSON value, or raise `MalformedJson`.

    >>> decode(b'{"type": "mark"}')
    {'type': 'mark'}
    """
    try:
        value = msgspec.json.decode(body)
    except UnicodeDecodeError as error:
        raise MalformedJson(f"it is not UTF-8 ({error.reason}).") from error
    except RecursionError:
        raise MalformedJson(_TOO_DEEP) from None
    except msgspec.MsgspecError as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        raise MalformedJson(f"{reason}.{_hint(body, reason)}") from error
    keys = _survey(value)
    # Each key in the text brings a colon after a quote. Where that many keys have arrived, none was
    # repeated; where fewer have, a text holds such a colon too, or a key stands twice: look close.
    if keys < body.count(b":") and keys < len(_KEY_END.findall(body)):
        _refuse_repeated_keys(body)
    return value


_TOO_DEEP = f"it nests deeper than {MAX_DEPTH} levels."


def _survey(root: Any) -> int:
    """Count the keys; raise `MalformedJson` for depth and for integers beyond 64 bits."""
    level, keys, depth = [root], 0, 0
    while level:
        if depth > MAX_DEPTH:
            raise MalformedJson(_TOO_DEEP)
        depth += 1
        below: list[Any] = []
        for node in level:
            kind = type(node)
            if kind is dict:
                keys += len(node)
                below.extend(node.values())
            elif kind is list:
                below.extend(node)
            elif kind is int and not INT_MIN <= node <= INT_MAX:
                raise MalformedJson(
                    "an integer lies beyond 64 bits; send it as text.", _where(root)
                )
        level = below
    return keys


def _where(node: Any, pointer: str = "") -> str:
    """Return the JSON pointer of the first integer beyond 64 bits."""
    if isinstance(node, dict):
        children = [(key.replace("~", "~0").replace("/", "~1"), node[key]) for key in node]
    elif isinstance(node, list):
        children = [(str(index), child) for index, child in enumerate(node)]
    else:
        return pointer if isinstance(node, int) and not INT_MIN <= node <= INT_MAX else ""
    return next(
        (found for key, child in children if (found := _where(child, f"{pointer}/{key}"))), ""
    )


def _refuse_repeated_keys(body: bytes) -> None:
    def unique(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise MalformedJson(f"the key {key!r} stands twice in one object.")
            seen.add(key)

    json.loads(body, object_pairs_hook=unique)


def _hint(body: bytes, reason: str) -> str:
    """Name the usual mistake, where the parser only names a byte."""
    if not body.strip():
        return " The body is empty."
    at = re.search(r"\(byte (\d+)\)", reason)
    word = body[int(at[1]) :].lstrip(b"-")[:3] if at else b""
    if word in {b"NaN", b"Inf"}:
        return " NaN and Infinity are not JSON; send null or text."
    return ""
