"""Headpond as a taskiq broker: the peer's very code, middleware included, over our queue."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from typing_extensions import override

from harness import handlers
from harness.handlers import TEXT, Watching
from harness.ours import Ours
from harness.side import NAP, NOOP, QUEUE, REDIS
from headpond.broker import HeadpondBroker
from headpond.redis import RedisQueueStore

store = RedisQueueStore(os.environ[REDIS])
broker = HeadpondBroker(store, QUEUE)
broker.add_middlewares(Watching())
noop = broker.task(NOOP)(handlers.noop)
nap = broker.task(NAP)(handlers.nap)
stamp = broker.task("stamp")(handlers.stamp)


TASKS: Final = {NOOP: noop, NAP: nap}


class OursByTaskiq(Ours):
    """The way of taskiq's documentation."""

    @override
    async def open(self) -> None:
        await broker.startup()

    @override
    async def close(self) -> None:
        await broker.shutdown()

    @override
    async def one(self, number: int) -> None:
        await noop.kiq(number, TEXT)

    @override
    async def many(self, first: int, count: int, job_type: str = NOOP) -> None:
        """As taskiq has no bulk, kick them all at once: what leaves in one tick is one call."""
        kick = TASKS[job_type].kiq
        await asyncio.gather(*(kick(number, TEXT) for number in range(first, first + count)))

    @override
    async def stamp(self, sent_ns: int) -> None:
        await stamp.kiq(sent_ns, TEXT)


SIDE = OursByTaskiq(store)
