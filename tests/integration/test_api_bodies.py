"""Bodies that must not get in: not JSON, not said to be JSON, too large, or meant to hurt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from api_bench import JOBS, QUEUE, a_mark, api_bench
from bad_json import BAD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

JSON = {"Content-Type": "application/json"}


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
