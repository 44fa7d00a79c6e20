"""A producer that never gives up: it tells what it offers and what it was answered.

As a command it is a process that may be killed at any moment and started again with the same words:
it offers the same jobs under the same ids.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headpond.errors import NotDurable, StoreFull, StoreUnavailable
from headpond.redis import RedisQueueStore
from history import Accepted, Event, Log, Offered, Refused
from mill_app import mill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.jobs import NewJob
    from headpond.ports import QueueStore

QUEUE: Final = "mill"
AGAIN_S: Final = 0.05
"""Between two tries of what was not answered, or refused."""


class Load:
    """Makes jobs by chance, and enqueues them until the store has said that they are in."""

    def __init__(self, store: QueueStore, log: Log, chance: random.Random, prefix: str) -> None:
        """Take a prefix of the jobs' ids: a second process can offer the same ones."""
        self._store = store
        self._log = log
        self._chance = chance
        self._prefix = prefix
        self._made = 0
        self.is_durable = False
        """Each answer means that the job is on more than one server."""
        self.ids: list[str] = []

    def jobs(self, count: int, **more: Any) -> list[NewJob]:
        """Make jobs of all kinds; `more` is the same for all of them."""
        return [self._job(**more) for _ in range(count)]

    def _job(self, **more: Any) -> NewJob:
        chance = self._chance
        self._made += 1
        kind = "toil" if chance.random() < 0.8 else "toil-in-thread"
        fails = chance.choices([0, 1, 4], [85, 12, 3])[0]  # 4: one more than there are retries
        payload = {"seconds": min(0.4, chance.expovariate(20)), "fails": fails}
        fields = {
            "job_id": f"{self._prefix}{self._made}",
            "tenant": chance.choice(["", "", "", "ana", "ben"]),
            "priority": chance.choice([None, None, 2, 7]),
            "delay_ms": chance.choice([0, 0, 0, 0, chance.randrange(600)]),
        }
        return mill.job_types[kind].pack(payload, **{**fields, **more})

    async def enqueue(self, jobs: Sequence[NewJob]) -> None:
        """Enqueue jobs, again and again until there is an answer that they are in."""
        self.ids += [job.id for job in jobs]
        while True:
            if await self._tried(jobs):
                return
            await asyncio.sleep(AGAIN_S)

    async def _tried(self, jobs: Sequence[NewJob]) -> bool:
        self._log.tell(*[Offered(id=job.id, batch=job.batch) for job in jobs])
        try:
            answers = await self._store.enqueue(QUEUE, jobs)
        except StoreFull:
            self._log.tell(*[Refused(id=job.id) for job in jobs])
            return False
        except (StoreUnavailable, NotDurable):
            return False
        said: list[Event] = [
            Accepted(id=job.id, created=bool(answer), is_durable=self.is_durable)
            for job, answer in zip(jobs, answers, strict=True)
        ]
        self._log.tell(*said)
        return True

    async def run(self, seconds: float, per_s: float = 120.0) -> None:
        """Enqueue for so long, some jobs at a time; return when every one is accepted."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        async with asyncio.TaskGroup() as group:
            while loop.time() < ends:
                count = self._chance.randint(1, 9)
                group.create_task(self.enqueue(self.jobs(count)))
                await asyncio.sleep(self._chance.expovariate(per_s / 5))


def main() -> None:
    """Offer the jobs that the environment numbers, a few at a time, until all are accepted."""
    asyncio.run(_offer(int(os.environ["CHAOS_COUNT"])))


async def _offer(count: int) -> None:
    environ = os.environ
    store = RedisQueueStore(environ["HEADPOND_REDIS_URL"], environ["HEADPOND_NAMESPACE"])
    chance = random.Random(int(environ["CHAOS_SEED"]))
    log = Log(Path(environ["MILL_STORY"]))
    load = Load(store, log, chance, environ["CHAOS_PREFIX"])
    while load._made < count:  # noqa: SLF001 (a command of this very module)
        parts = [load.jobs(chance.randint(1, 9)) for _ in range(3)]
        await asyncio.gather(*map(load.enqueue, parts))
    await store.close()


if __name__ == "__main__":
    main()
