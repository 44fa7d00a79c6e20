"""The peer: stock taskiq-redis, a stream broker with the result backend that belongs to it."""

from __future__ import annotations

import asyncio
import os
from typing import Final

import redis.asyncio
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from harness import handlers
from harness.handlers import TEXT
from harness.side import NAP, NOOP, REDIS

URL = os.environ[REDIS]
KEEP_S: Final = 86_400
"""Results are kept as long as ours."""
AT_ONCE: Final = 50
"""Coroutines that enqueue at the same time, where nothing else is said."""

broker = RedisStreamBroker(URL).with_result_backend(
    RedisAsyncResultBackend(URL, result_ex_time=KEEP_S)
)
noop = broker.task(NOOP)(handlers.noop)
nap = broker.task(NAP)(handlers.nap)
stamp = broker.task("stamp")(handlers.stamp)


TASKS: Final = {NOOP: noop, NAP: nap}


class Stock:
    """The way of taskiq-redis' documentation."""

    async def open(self) -> None:
        """Connect; this makes the stream and its group."""
        await broker.startup()
        self._redis = redis.asyncio.Redis.from_url(URL)

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()
        await broker.shutdown()

    async def one(self, number: int) -> None:
        """Kick one."""
        await noop.kiq(number, TEXT)

    async def many(self, first: int, count: int, job_type: str = NOOP) -> None:
        """Kick them by some coroutines at a time: there is no bulk."""
        numbers = iter(range(first, first + count))
        kick = TASKS[job_type].kiq

        async def some() -> None:
            for number in numbers:
                await kick(number, TEXT)

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))

    async def stamp(self, sent_ns: int) -> None:
        """Kick one that is timed."""
        await stamp.kiq(sent_ns, TEXT)

    async def ping(self) -> None:
        """Ask Redis for a word."""
        await self._redis.ping()

    async def left(self) -> int:
        """Count what is not delivered and what is not acknowledged."""
        (group,) = await self._redis.xinfo_groups(broker.queue_name)
        return int(group["lag"] or 0) + int(group["pending"])


SIDE = Stock()
