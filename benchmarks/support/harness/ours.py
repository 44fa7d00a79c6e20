"""Headpond as an application uses it: an app with job types, `.enqueue()`, `headpond worker`."""

from __future__ import annotations

import os
from typing import Final

from pydantic import BaseModel

from harness import handlers
from harness.handlers import TEXT
from harness.side import NAP, NOOP, QUEUE, REDIS, SLOTS
from headpond import App
from headpond.config import default_config
from headpond.redis import RedisQueueStore

URL = os.environ[REDIS]
app = App("bench")
bench = app.queue(QUEUE, concurrency=SLOTS)


class Work(BaseModel):
    """What a no-op job carries."""

    number: int
    text: str


class Sent(BaseModel):
    """What a job that is timed carries."""

    sent_ns: int
    text: str


@bench.job(NOOP)
async def noop(payload: Work) -> None:
    """Do nothing, and count."""
    await handlers.noop(payload.number, payload.text)


@bench.job(NAP)
async def nap(payload: Work) -> None:
    """Take a millisecond, and count."""
    await handlers.nap(payload.number, payload.text)


@bench.job("stamp")
async def stamp(payload: Sent) -> None:
    """Note when it arrives."""
    await handlers.stamp(payload.sent_ns, payload.text)


JOB_TYPES: Final = {NOOP: noop, NAP: nap}


class Ours:
    """The way of `docs/tutorial`."""

    def __init__(self, store: RedisQueueStore) -> None:
        """Enqueue to this store."""
        self.store = store

    async def open(self) -> None:
        """Connect, and put the queue's settings into force."""
        await self.store.start()
        app.bind(self.store)
        config = default_config(QUEUE, bench.defaults)
        await self.store.configure(QUEUE, config.spec.to_settings())

    async def close(self) -> None:
        """Close every connection."""
        await self.store.close()

    async def one(self, number: int) -> None:
        """Enqueue one."""
        await noop.enqueue(Work(number=number, text=TEXT))

    async def many(self, first: int, count: int, job_type: str = NOOP) -> None:
        """Enqueue them in one call."""
        payloads = [Work(number=n, text=TEXT) for n in range(first, first + count)]
        await JOB_TYPES[job_type].enqueue_many(payloads)

    async def stamp(self, sent_ns: int) -> None:
        """Enqueue one that is timed."""
        await stamp.enqueue(Sent(sent_ns=sent_ns, text=TEXT))

    async def ping(self) -> None:
        """Ask the store for a word."""
        await self.store.ping()

    async def left(self) -> int:
        """Ask for one exact sample."""
        sample = (await self.store.sample([QUEUE]))[QUEUE]
        return sample.waiting + sample.due + sample.delayed + sample.active + sample.failed


store = RedisQueueStore(URL)
SIDE = Ours(store)
