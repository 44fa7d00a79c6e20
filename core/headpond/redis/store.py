"""`QueueStore` on Redis, standalone, put together from its facets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from headpond.redis import gate
from headpond.redis.care import Care
from headpond.redis.client import Client
from headpond.redis.keys import wake_channel
from headpond.redis.leases import RedisLeaseKeeper
from headpond.redis.life import Life
from headpond.redis.looking import Looking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from headpond.ports import Clock, LeaseKeeper


class RedisQueueStore:
    """Where jobs live in production. See `headpond.ports.QueueStore` for the contract."""

    def __init__(
        self, url: str, namespace: str = "headpond", *, clock: Clock | None = None
    ) -> None:
        """Connect lazily; `clock` replaces Redis' own time and is for tests only."""
        self.client = Client(url, namespace, clock)
        life, looking, care = Life(self.client), Looking(self.client), Care(self.client)
        self._life = life
        self.enqueue, self.exchange, self.wait = life.enqueue, life.exchange, life.wait
        self.read, self.find, self.page = looking.read, looking.find, looking.page
        self.sample, self.tick, self.queues = looking.sample, looking.tick, looking.queues
        self.configure, self.settings, self.forget = care.configure, care.settings, care.forget
        self.hold, self.resume, self.clear = care.hold, care.resume, care.clear
        self.drain, self.undrain = care.drain, care.undrain
        self.set_wake, self.record, self.decisions = care.set_wake, care.record, care.decisions

    async def start(self) -> None:
        """Connect and pass the gate."""
        await gate.check(self.client)

    async def close(self) -> None:
        """Close every connection of the loop; lease keepers are closed by their owners."""
        await self._life.close()
        self.client.wire.close()

    async def ping(self) -> None:
        """Ask Redis for a word."""
        await self.client.command(("PING",))

    def leases(self, queue: str, worker: str) -> LeaseKeeper:
        """Return the blocking side."""
        return RedisLeaseKeeper(self.client, queue, worker)

    async def wakes(self) -> AsyncIterator[str]:
        """Yield queues whose mark was crossed; the tick makes up for a word that was lost."""
        listener = redis.asyncio.Redis.from_url(
            self.client.url, retry=Retry(NoBackoff(), 0), socket_timeout=None
        )
        try:
            while True:
                try:
                    async with listener.pubsub(ignore_subscribe_messages=True) as channel:
                        await channel.subscribe(wake_channel(self.client.namespace))
                        async for message in channel.listen():
                            yield message["data"].decode()
                except (redis.RedisError, OSError):
                    await asyncio.sleep(0.5)
        finally:
            await listener.aclose()
