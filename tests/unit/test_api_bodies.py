"""Bodies that must not get in: not JSON, not said to be JSON, too large, or meant to hurt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from api_bench import JOBS, QUEUE, a_mark, api_bench
from headpond_api.body import MAX_DEPTH, decode
from headpond_api.faults import MalformedJson

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

JSON = {"Content-Type": "application/json"}

BAD = {
    "empty": b"",
    "blank": b"  ",
    "cut": b'{"type": "mark-attendance"',
    "two values": b"{} {}",
    "single quotes": b"{'type': 1}",
    "trailing comma": b'{"a": 1,}',
    "comment": b'{"a": 1} // one',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": [Infinity]}',
    "minus Infinity": b'{"a": -Infinity}',
    "infinite number": b'{"a": 1e999}',
    "lone high surrogate": rb'{"a": "\ud800"}',
    "lone low surrogate": rb'{"a": "\udc00 and more text"}',
    "surrogate as a key": rb'{"\ud800 and more text": 1}',
    "surrogate in UTF-8": b'{"a": "\xed\xa0\x80"}',
    "not UTF-8": b'{"a": "\xff"}',
    "byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "control character": b'{"a": "\x00"}',
    "integer over 64 bits": b'{"a": {"b/c": [0, 18446744073709551616]}}',
    "integer under 64 bits": b'{"a": -9223372036854775809}',
    "integer of 5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "key twice": b'{"type": "a", "type": "b"}',
    "key twice, further down": b'{"a": ["x:y", {"b": 1, "b": 1}]}',
    "key twice, once escaped": rb'{"ab": 1, "\u0061b": 2}',
    "deep arrays": b"[" * 100_000,
    "deep and closed": b"[" * 900 + b"]" * 900,
    "deep objects": b'{"a":' * 500 + b"1" + b"}" * 500,
    "a little too deep": b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2),
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
async def test_what_is_no_json_is_400(body: bytes) -> None:
    """The problem is a sentence, nothing is enqueued, and the process serves the next request."""
    async with api_bench() as bench:
        answer = await bench.client.post(JOBS, content=body, headers=JSON)
        assert answer.status_code == 400, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "malformed-json"
        assert answer.json()["detail"].endswith(".")
        assert (await bench.submit()).status_code == 202


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


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "application/json; charset=latin-1"},
        {**JSON, "Content-Encoding": "gzip"},
    ],
)
async def test_another_media_type_is_415(headers: dict[str, str]) -> None:
    """A body must say that it is JSON, in UTF-8, as it stands."""
    async with api_bench() as bench:
        answer = await bench.client.post(JOBS, content=json.dumps(a_mark()), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "media-type-unsupported")


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON; charset=UTF-8",
        'application/json;charset="utf-8"',
        "application/vnd.school.mark+json",
    ],
)
async def test_every_way_to_say_json_is_understood(kind: str) -> None:
    """Case, charset and structured suffixes make no difference."""
    async with api_bench() as bench:
        content = json.dumps(a_mark())
        answer = await bench.client.post(JOBS, content=content, headers={"Content-Type": kind})
        assert answer.status_code == 202


async def test_a_body_over_the_limit_is_413() -> None:
    """A length that is declared is believed: nothing of the body is read."""
    async with api_bench(max_body_bytes=2048) as bench:
        answer = await bench.submit(payload={"student_id": 1, "note": "x" * 3000})
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        assert "2,048" in answer.json()["detail"]
        assert answer.headers["Connection"] == "close"


async def test_a_body_without_a_length_is_413_at_the_limit() -> None:
    """Chunks are counted, and not kept beyond the limit."""
    given = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal given
        for _ in range(1000):
            given += 1024
            yield b"x" * 1024

    async with api_bench(max_body_bytes=4096) as bench:
        answer = await bench.client.post(JOBS, content=chunks(), headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


async def test_a_body_in_chunks_is_put_together() -> None:
    """A good submission may come without a length."""

    async def chunks() -> AsyncIterator[bytes]:
        for byte in json.dumps(a_mark()).encode():
            yield bytes([byte])

    async with api_bench() as bench:
        answer = await bench.client.post(JOBS, content=chunks(), headers=JSON)
        assert answer.status_code == 202


async def test_a_payload_over_its_limit_is_413() -> None:
    """The payload has a limit of its own, below that of the body."""
    async with api_bench(max_payload_bytes=1000) as bench:
        answer = await bench.submit(payload={"student_id": 1, "note": "x" * 1000})
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        assert (await bench.submit(payload={"student_id": 1, "note": "x" * 900})).status_code == 202


async def test_what_has_no_body_needs_no_media_type() -> None:
    """The verbs of a queue work without a body."""
    async with api_bench() as bench:
        for verb in ("pause", "resume", "clear"):
            assert (await bench.client.post(f"{QUEUE}/{verb}")).status_code == 200
