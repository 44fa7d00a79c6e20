"""`QueueStore` on Redis, put together from its facets."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from headpond.errors import StoreUnavailable
from headpond.redis import gate
from headpond.redis.care import Care
from headpond.redis.client import Client
from headpond.redis.ear import Ear
from headpond.redis.entry import Entry
from headpond.redis.keys import wake_channel
from headpond.redis.leases import RedisLeaseKeeper
from headpond.redis.life import Life
from headpond.redis.looking import Looking
from headpond.redis.verbs import Verbs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from headpond.ports import Clock, LeaseKeeper
    from headpond.queues import QueueSample

DEAF_S: Final = 0.5
"""After a connection for wake-ups is lost, and before the next."""


class RedisQueueStore:
    """Where jobs live in production. See `headpond.ports.QueueStore` for the contract."""

    def __init__(
        self, url: str, namespace: str = "headpond", *, clock: Clock | None = None
    ) -> None:
        """Connect lazily; `clock` replaces Redis' own time and is for tests only."""
        self.client = Client(url, namespace, clock)
        life, looking, care = Life(self.client), Looking(self.client), Care(self.client)
        entry, verbs = Entry(self.client), Verbs(self.client)
        self._entry = entry
        self.enqueue, self.exchange, self.wait = entry.enqueue, life.exchange, life.wait
        self.cancel, self.retry, self.amend = verbs.cancel, verbs.retry, verbs.amend
        self.open_batch, self.batch = verbs.open_batch, verbs.batch
        self.put_schedule, self.remove_schedule = verbs.put_schedule, verbs.remove_schedule
        self.schedules, self.fire = verbs.schedules, verbs.fire
        self.read, self.find, self.page = looking.read, looking.find, looking.page
        self.events = looking.events
        self.queues = looking.queues
        self.sample = partial(self._apart, looking.sample)
        self._ticked = partial(self._apart, looking.tick)
        self._policy = gate.PolicyWatch(self.client)
        self.configure, self.settings, self.forget = care.configure, care.settings, care.forget
        self.hold, self.resume, self.clear = care.hold, care.resume, care.clear
        self.drain, self.undrain = care.drain, care.undrain
        self.set_wake, self.record, self.decisions = care.set_wake, care.record, care.decisions

    async def start(self) -> None:
        """Connect and pass the gate."""
        await gate.check(self.client)

    async def close(self) -> None:
        """Close every connection of the loop; lease keepers are closed by their owners."""
        await self._entry.close()
        self.client.close()

    async def tick(self, queues: Sequence[str]) -> dict[str, QueueSample]:
        """Reap, promote and trim, then sample; now and then look whether jobs are safe at all."""
        await self._policy.look()
        return await self._ticked(queues)

    async def ping(self) -> None:
        """Ask Redis for a word."""
        await self.client.command(("PING",))

    def leases(self, queue: str, worker: str) -> LeaseKeeper:
        """Return the blocking side."""
        return RedisLeaseKeeper(self.client, queue, worker)

    async def wakes(self) -> AsyncIterator[str]:
        """Yield queues whose mark was crossed; the tick makes up for a word that was lost."""
        client = self.client
        ear = Ear(client.address, client.anywhere(), wake_channel(client.namespace))
        try:
            while True:
                try:
                    yield (await ear.word()).decode()
                except StoreUnavailable:
                    await asyncio.sleep(DEAF_S)
        finally:
            ear.close()

    async def _apart(
        self,
        look: Callable[[Sequence[str]], Awaitable[dict[str, QueueSample]]],
        queues: Sequence[str],
    ) -> dict[str, QueueSample]:
        """Look at queues so that a node of a cluster that is away hides its own alone."""
        keys = [self.client.key(queue, "meta") for queue in queues]
        return await self.client.apart(look, queues, keys)
