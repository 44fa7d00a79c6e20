"""Keys: read from text, told apart by name, and never shown."""

from __future__ import annotations

import base64
import subprocess
import sys
from typing import Final

import pytest

from headpond.errors import ConfigInvalid, KeyMissing, SealBroken
from headpond.sealing import Keyring

OLD: Final = base64.b64encode(bytes(range(32))).decode()
NEW: Final = base64.b64encode(bytes(range(100, 132))).decode()


def ring(text: str) -> Keyring:
    """Read keys as from the environment."""
    return Keyring.parse(text, "HEADPOND_ENCRYPTION_KEYS")


def test_encryption_first_key_seals_and_all_open() -> None:
    """A rotation puts the new key first; what the old one sealed opens still."""
    before, after = ring(f"old:{OLD}"), ring(f"new:{NEW},old:{OLD}")
    assert after.open(before.seal(b"x", b"here"), b"here") == b"x"
    sealed = after.seal(b"x", b"here")
    with pytest.raises(KeyMissing, match=r"'new'.*known: 'old'") as caught:
        before.open(sealed, b"here")
    assert caught.value.key_id == "new"


def test_encryption_same_text_is_never_sealed_alike() -> None:
    """Two sealings of one payload can't be recognised as such."""
    keys = ring(f"k:{OLD}")
    assert keys.seal(b"x", b"here") != keys.seal(b"x", b"here")


@pytest.mark.parametrize(
    "text",
    [f" a:{OLD} , b:{NEW} ", f"# the new one\na:{OLD}\n\nb:{NEW} # old", f"a:{OLD},b:{NEW},"],
)
def test_encryption_keys_are_read_from_a_list_or_from_lines(text: str) -> None:
    """A variable holds a comma list, a file lines with remarks."""
    assert repr(ring(text)) == "Keyring(a, b)"


def test_encryption_keys_may_be_written_for_urls() -> None:
    """Both alphabets of base64 mean the same key."""
    key = bytes([255] * 32)
    plain, for_urls = base64.b64encode(key), base64.urlsafe_b64encode(key)
    assert plain != for_urls
    sealed = ring(f"k:{plain.decode()}").seal(b"x", b"")
    assert ring(f"k:{for_urls.decode()}").open(sealed, b"") == b"x"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OLD, "Key 1 has no id."),
        (f"k:{OLD[:-8]}", "Key 1 ('k') has "),
        (f"k:{OLD[:-1]}!", "Key 1 ('k') is no base64."),
        (f"a:{OLD},k:", "Key 2 ('k') has 0 bytes instead of 32."),
        (f"{OLD}:k", "The id of key 1 is no name"),
        (f"a b:{OLD}", "The id of key 1 is no name"),
        (f"k:{OLD},k:{NEW}", "Key 2: the id 'k' is there twice."),
    ],
)
def test_encryption_bad_key_is_refused_without_being_shown(text: str, said: str) -> None:
    """The refusal says where and what, and not a piece of any key."""
    with pytest.raises(ConfigInvalid) as caught:
        ring(text)
    words = str(caught.value)
    assert words.startswith(f"HEADPOND_ENCRYPTION_KEYS: /: {said}")
    assert not any(key[at : at + 6] in words for key in (OLD, NEW) for at in range(38))


def test_encryption_without_keys_seals_nothing() -> None:
    """No key is no keyring, and what is to be sealed is refused."""
    assert not Keyring()
    assert not ring(" ,\n# nothing\n")
    with pytest.raises(KeyMissing, match="no key to seal with"):
        Keyring().seal(b"x", b"")


def test_encryption_another_key_of_the_same_id_does_not_open() -> None:
    """An id that is given to another key is told from a key that is missing."""
    sealed = ring(f"k:{OLD}").seal(b"x", b"here")
    with pytest.raises(SealBroken, match="'k'"):
        ring(f"k:{NEW}").open(sealed, b"here")


@pytest.mark.parametrize(
    "sealed", [b"", b"\x01", b"\x02\x01k" + bytes(40), b"\x01\x05k", bytes(60)]
)
def test_encryption_what_is_no_seal_is_broken(sealed: bytes) -> None:
    """Bytes of another make are refused as such, whatever they are."""
    with pytest.raises(SealBroken):
        ring(f"k:{OLD}").open(sealed, b"here")


def test_encryption_library_is_not_loaded_before_it_is_needed() -> None:
    """A process that seals nothing does not pay for it in memory."""
    code = (
        "import sys, headpond, headpond.broker, headpond_workers.runtime, headpond_api.app;"
        "from headpond.sealing import Keyring;"
        f"keys = Keyring.parse('k:{OLD}', 'x');"
        "loaded = lambda: 'cryptography.hazmat.primitives' in sys.modules;"
        "assert not loaded(); keys.seal(b'x', b''); assert loaded()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
