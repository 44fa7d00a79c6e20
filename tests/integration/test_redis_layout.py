"""A queue that another version has laid out is refused in a sentence, and nothing is done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headpond.errors import StoreUnfit
from headpond.queues import QueueSettings
from headpond.redis import RedisQueueStore

if TYPE_CHECKING:
    from redis_server import RedisServer


@pytest.mark.parametrize("layout", [None, "3"])
async def test_another_layout_is_refused(
    redis_server: RedisServer, redis_url: str, namespace: str, layout: str | None
) -> None:
    """By whoever asks for the settings, and by whoever would put new ones into force."""
    store = RedisQueueStore(redis_url, namespace)
    await store.configure("q", QueueSettings())
    meta = store.client.key("q", "meta")
    with redis_server.client() as client:
        client.hdel(meta, "layout")
        if layout:
            client.hset(meta, "layout", layout)
        before = client.hgetall(meta)
        with pytest.raises(StoreUnfit, match="can't read its jobs"):
            await store.settings("q")
        with pytest.raises(StoreUnfit, match="can't read its jobs"):
            await store.configure("q", QueueSettings(max_active=3))
        assert client.hgetall(meta) == before
    await store.close()
