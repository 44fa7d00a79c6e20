"""Credentials of a request → the caller. One key for now; more kinds will stand beside it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from headpond_api.auth.caller import Caller
from headpond_api.auth.permissions import ROLES
from headpond_api.faults import Unauthenticated


class Keys:
    """The API keys that are good here: at most one. Without one, nobody gets in."""

    def __init__(self, api_key: str) -> None:
        """Keep the key's digest only."""
        self._digest = _digest(api_key.encode()) if api_key else None
        self.owner = Caller("api-key", ROLES["admin"])
        """Who the holder of the key is."""

    def caller(self, headers: Mapping[bytes, bytes]) -> Caller:
        """Return who sent these headers, or raise `Unauthenticated`."""
        given = _given(headers)
        if self._digest is None or not given:
            raise Unauthenticated
        # Digests have one length, so the time of the comparison says nothing about the key.
        if not hmac.compare_digest(_digest(given), self._digest):
            raise Unauthenticated
        return self.owner


def _given(headers: Mapping[bytes, bytes]) -> bytes:
    authorization = headers.get(b"authorization")
    if authorization is None:
        return headers.get(b"x-api-key", b"")
    scheme, _, value = authorization.partition(b" ")
    return value.strip() if scheme.lower() == b"bearer" else b""


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
