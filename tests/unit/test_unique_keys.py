"""Keys of uniqueness as values: what can be kept, and what would never be free again."""

from __future__ import annotations

from typing import Any

import pytest

from headpond.errors import PayloadInvalid
from headpond.jobs import LONGEST_KEY, LONGEST_UNIQUE_MS, Placed, Unique, check_job_id


def test_a_key_is_taken_until_the_end_unless_told_otherwise() -> None:
    """And a second job of it is skipped."""
    assert Unique("k") == Unique("k", for_ms=0, until="end", mode="skip")


@pytest.mark.parametrize(
    "fields",
    [
        {"key": "x" * LONGEST_KEY},
        {"key": "{braces} | and ü"},
        {"for_ms": LONGEST_UNIQUE_MS},
        {"until": "", "for_ms": 1},
        {"until": "start", "mode": "replace"},
    ],
)
def test_good_keys_are_accepted(fields: dict[str, Any]) -> None:
    """Everything printable, for up to ten years."""
    assert Unique(**{"key": "k", **fields}).key


@pytest.mark.parametrize(
    ("fields", "pointer", "part"),
    [
        ({"key": ""}, "/unique/key", "'' is no key"),
        ({"key": "a\nb"}, "/unique/key", r"'a\nb' is no key"),
        ({"key": "a\x00"}, "/unique/key", r"'a\x00' is no key"),
        ({"key": "\x1b[31m"}, "/unique/key", "is no key"),
        ({"key": "x" * (LONGEST_KEY + 1)}, "/unique/key", "1 to 200 printable characters"),
        ({"for_ms": -1}, "/unique/for", "-1 is not a whole number"),
        ({"for_ms": LONGEST_UNIQUE_MS + 1}, "/unique/for", "ten years"),
        ({"until": ""}, "/unique/for", "how long the key is taken"),
        ({"key": 5}, "/unique/key", "5 is no key"),
        ({"for_ms": 1.5}, "/unique/for", "1.5 is not a whole number"),
        ({"for_ms": "1s"}, "/unique/for", "'1s' is not a whole number"),
        ({"for_ms": True}, "/unique/for", "True is not a whole number"),
        ({"mode": "zap"}, "/unique/mode", "'zap' is none of"),
        ({"until": "never"}, "/unique/until", "'never' is neither"),
    ],
)
def test_bad_keys_are_refused_by_name(fields: dict[str, Any], pointer: str, part: str) -> None:
    """The field, the value and what to write instead."""
    with pytest.raises(PayloadInvalid) as caught:
        Unique(**{"key": "k", **fields})
    (fault,) = caught.value.errors
    assert (fault.pointer, part in fault.detail) == (pointer, True), fault.detail
    assert fault.detail.endswith(".")
    assert not fault.detail.endswith("..")


def test_a_placed_job_is_true_when_it_was_added() -> None:
    """So that who only wants to know that need not know more."""
    job_id = check_job_id("a")
    assert Placed(job_id)
    assert Placed(job_id, replaced=check_job_id("b"))
    assert not Placed(job_id, created=False)
