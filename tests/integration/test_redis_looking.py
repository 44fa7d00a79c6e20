"""Samples of many queues in one Redis, where one of them is broken."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from headpond.errors import StoreUnavailable
from headpond.queues import QueueSettings
from headpond.redis import RedisQueueStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis_server import RedisServer

QUEUES = ["good", "bad", "fine"]


@pytest_asyncio.fixture
async def store(redis_url: str, namespace: str) -> AsyncIterator[RedisQueueStore]:
    """Give a store with three queues."""
    store = RedisQueueStore(redis_url, namespace)
    for queue in QUEUES:
        await store.configure(queue, QueueSettings())
    yield store
    await store.close()


@pytest.mark.parametrize("column", ["waiting", "meta", "draining"])
async def test_a_broken_queue_is_unknown_and_no_other(
    store: RedisQueueStore,
    redis_server: RedisServer,
    caplog: pytest.LogCaptureFixture,
    column: str,
) -> None:
    """It is left out of the round, and the log says so once."""
    key = store.client.key("bad", column)
    with redis_server.client() as client:
        client.delete(key)
        client.set(key, "another type")
    for _ in range(3):
        assert (await store.tick(QUEUES)).keys() == {"good", "fine"}
    (sentence,) = caplog.messages
    assert sentence.startswith("queue bad can't be looked at: Redis answered with an error: ")


async def test_what_nobody_can_read_is_unknown_too(
    store: RedisQueueStore, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A hold that somebody wrote by hand, say; once mended it is sampled again."""
    with redis_server.client() as client:
        client.hset(store.client.key("bad", "meta"), "held_spec", "no JSON")
        assert (await store.sample(QUEUES)).keys() == {"good", "fine"}
        client.hdel(store.client.key("bad", "meta"), "held_spec")
        assert (await store.sample(QUEUES)).keys() == set(QUEUES)
        client.hset(store.client.key("bad", "meta"), "held_spec", "no JSON")
        assert (await store.sample(QUEUES)).keys() == {"good", "fine"}
    assert len(caplog.messages) == 2


async def test_a_store_that_is_away_is_away_for_every_queue(
    store: RedisQueueStore, redis_server: RedisServer
) -> None:
    """Nobody may take that for queues without jobs."""
    await asyncio.to_thread(redis_server.stop)
    with pytest.raises(StoreUnavailable):
        await store.tick(QUEUES)
