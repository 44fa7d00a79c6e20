"""What `headpond import taskiq-redis` refuses, before anything is moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stock_brokers import STOCK, broker, kick
from stock_place import Place, a_place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis_server import RedisServer


@pytest.fixture
async def place(
    redis_server: RedisServer, redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    """Give a place with the queue `mail`."""
    async with a_place(redis_server, namespace, monkeypatch) as made:
        yield made


@pytest.mark.parametrize(
    ("kind", "words", "said"),
    [
        ("list", (), "is a stream, not a list; use --broker stream."),
        ("stream", ("--group", "nobody"), "has no consumer group 'nobody'; it has 'taskiq'"),
        ("list", ("--keep",), "leave --keep out"),
        ("stream", ("--to", "male"), "There is no queue 'male'. Did you mean 'mail'?"),
        ("stream", ("--from", "redis://127.0.0.1:1/0"), "127.0.0.1:1 can't be reached"),
        ("stream", ("--from", "http://:hush@x/0"), "/--from: This is no address of a Redis"),
        ("stream", ("--from", "redis+cluster://x"), "give that node's own address"),
    ],
)
async def test_what_can_not_be_done_is_refused_in_one_sentence(
    place: Place, kind: str, words: tuple[str, ...], said: str
) -> None:
    """With exit code 2, and before anything is moved."""
    async with broker("stream", place.url):
        await kick("stream", place.url, 1)
    code, out, err = await place.run(kind, *words)
    assert (code, out) == (2, "")
    assert said in err.splitlines()[-1]
    assert "hush" not in err
    assert place.lies("stream") == 1


async def test_nothing_there_is_nothing_wrong(place: Place) -> None:
    """Redis has no empty lists; the sentence names key and place, should they be mistaken."""
    code, out, err = await place.run("list")
    assert (code, out) == (0, "0 read, 0 imported, 0 already there, 0 unreadable, 0 left.\n")
    assert f"There is no key '{STOCK}' at 127.0.0.1:" in err
