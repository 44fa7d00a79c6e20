"""AES-256-GCM under named keys, of which the first seals and all open.

Sealed bytes are `version · length of the key's name · name · nonce · ciphertext and tag`. Each is
made under a key of its own, derived from the named key and from what the bytes are about: what is
moved to another place does not open there, and a named key never wears out, however many jobs it
seals (AES-GCM with random nonces must not seal more than 2³² times under one key).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from headpond.errors import ConfigInvalid, FieldError, KeyMissing, SealBroken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
VERSION: Final = 1

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_HOW = "Write id:key, the key as 32 bytes in base64, as `openssl rand -base64 32` prints them."


class Keyring:
    """Keys by name, the sealing one first; empty where nothing is sealed. Shows no key."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[str, bytes] | None = None) -> None:
        """Keep the keys in their order."""
        self._keys = dict(keys or {})

    @classmethod
    def parse(cls, text: str, source: str) -> Keyring:
        """Read `id:key,…`, or a line each, `#` before remarks; raise `ConfigInvalid`.

        What it raises names the variable or file, the place in the list and the id: never a key.
        """
        lines = [line.partition("#")[0] for line in text.splitlines()]
        entries = [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]
        keys: dict[str, bytes] = {}
        faults: list[FieldError] = []
        for number, entry in enumerate(entries, 1):
            try:
                name, key = _entry(entry, number)
            except ValueError as error:
                faults.append(FieldError("", str(error)))
                continue
            if name in keys:
                faults.append(FieldError("", f"Key {number}: the id {name!r} is there twice."))
            keys[name] = key
        if faults:
            raise ConfigInvalid(faults, source)
        return cls(keys)

    def __bool__(self) -> bool:
        """Whether there is a key."""
        return bool(self._keys)

    @override
    def __repr__(self) -> str:
        """Name the keys."""
        return f"Keyring({', '.join(self._keys)})"

    def seal(self, plain: bytes, about: bytes) -> bytes:
        """Return `plain` sealed with the first key; it opens for the same `about` only."""
        if not self._keys:
            raise KeyMissing("", "There is no key to seal with.")
        name, key = next(iter(self._keys.items()))
        head = bytes((VERSION, len(name))) + name.encode()
        nonce = os.urandom(NONCE_BYTES)
        return head + nonce + _cipher(key, about).encrypt(nonce, plain, head + about)

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """Return what was sealed; raise `KeyMissing`, or `SealBroken` when it isn't what it was."""
        name, body = _split(sealed)
        key = self._keys.get(name)
        if key is None:
            have = ", ".join(map(repr, self._keys)) or "none"
            raise KeyMissing(
                name,
                f"It is sealed with the key {name!r}, which is not known here (known: {have});"
                " add that key to HEADPOND_ENCRYPTION_KEYS or HEADPOND_ENCRYPTION_KEYS_FILE.",
            )
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 (only where jobs are sealed)

        head = sealed[: len(sealed) - len(body)]
        nonce, rest = body[:NONCE_BYTES], body[NONCE_BYTES:]
        try:
            return _cipher(key, about).decrypt(nonce, rest, head + about)
        except InvalidTag:
            raise SealBroken(name) from None


def _split(sealed: bytes) -> tuple[str, bytes]:
    """Return the key's name and what follows it."""
    if len(sealed) < 2 or sealed[0] != VERSION:  # noqa: PLR2004 (version and length)
        raise SealBroken
    end = 2 + sealed[1]
    name, body = sealed[2:end], sealed[end:]
    if len(body) < NONCE_BYTES + TAG_BYTES or not _NAME.fullmatch(name.decode("latin-1")):
        raise SealBroken
    return name.decode(), body


def _cipher(key: bytes, about: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 (as above)

    return AESGCM(hmac.digest(key, about, "sha256"))


def _entry(entry: str, number: int) -> tuple[str, bytes]:
    """Return id and key; raise `ValueError` with a sentence that shows nothing of the key."""
    name, colon, coded = entry.partition(":")
    if not colon:
        message = f"Key {number} has no id. {_HOW}"
        raise ValueError(message)
    name = name.strip()
    if not _NAME.fullmatch(name):  # not shown: whoever swaps id and key would see the key
        message = (
            f"The id of key {number} is no name: 1 to 32 letters, digits or any of . _ -,"
            " beginning with a letter or a digit."
        )
        raise ValueError(message)
    try:
        key = base64.b64decode(coded.strip().translate(_PLAIN), validate=True)
    except (binascii.Error, ValueError):
        message = f"Key {number} ({name!r}) is no base64. {_HOW}"
        raise ValueError(message) from None
    if len(key) != KEY_BYTES:
        message = f"Key {number} ({name!r}) has {len(key)} bytes instead of {KEY_BYTES}. {_HOW}"
        raise ValueError(message)
    return name, key


_PLAIN: Final = str.maketrans("-_", "+/")
"""URL-safe base64 is understood as well."""
