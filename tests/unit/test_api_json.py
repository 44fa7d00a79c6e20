"""Reading JSON strictly: what is refused, what is read, and what is said about it."""

from __future__ import annotations

import json

import pytest

from bad_json import BAD
from headpond_api.body import MAX_DEPTH, decode
from headpond_api.faults import MalformedJson


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """Each kind has a sentence."""
    with pytest.raises(MalformedJson) as caught:
        decode(body)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
        b'{"a": 18446744073709551615, "b": -9223372036854775808}',
        rb'{"a": "\ud83d\ude00 is a pair"}',
        b'{"time": "10:00:00", "note": "he said \\"x\\": y", "b": {"time": 1}}',
        b' {"a" : 1 , "b" :\n2 } ',
    ],
)
def test_what_is_json_is_read(body: bytes) -> None:
    """Strict is not narrow: the values are those that the standard library reads."""
    assert decode(body) == json.loads(body)


def test_a_number_beyond_64_bits_is_pointed_at() -> None:
    """The pointer is escaped as RFC 6901 has it."""
    with pytest.raises(MalformedJson) as caught:
        decode(BAD["integer over 64 bits"])
    assert [each.pointer for each in caught.value.errors] == ["/a/b~1c/1"]


def test_nan_is_named() -> None:
    """The usual mistake of Python's and JavaScript's writers gets its own sentence."""
    with pytest.raises(MalformedJson, match="NaN and Infinity are not JSON"):
        decode(BAD["minus Infinity"])
