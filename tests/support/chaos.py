"""Workers under faults: what is done to them is told in a history, which is checked at the end."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from chaos_load import Load
from headpond.errors import HeadpondError, StoreUnavailable
from headpond.jobs import JobState
from history import Cut, Healed, Killed, Leaving, Left, Log, read
from history_checks import Ending, check
from mill import QUEUE, Mill, open_mill
from until import until

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Coroutine
    from pathlib import Path

    from headpond.jobs import StoredJob
    from headpond.queues import Durability
    from mill import Worker
    from nursery import Nursery
    from redis_server import RedisServer

TICK_S: Final = 0.5
"""The governor's, at the pace of short leases."""
KEPT: Final = {"retention": {"completed": {"count": 100_000}, "failed": {"count": 100_000}}}
"""The checker wants to see every job."""


@dataclass
class Chaos:
    """A mill, its Redis, and chance."""

    mill: Mill
    server: RedisServer
    chance: random.Random
    log: Log
    lease_ms: int = 1_500
    max_deliveries: int = 3
    frozen: list[Worker] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    """Workers of whom the history knows that they are dead."""
    is_forgetful: bool = False
    """A server was lost, with what it had not passed on."""
    beside: list[asyncio.Task[None]] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)
    batch_events: list[str] = field(default_factory=list)
    """The name of a batch for each completion that was announced."""
    _heard: str = ""
    _hearing: asyncio.Lock = field(default_factory=asyncio.Lock)
    strangers: set[str] = field(default_factory=set)
    """Jobs that the store makes by itself."""

    # ── workers ──

    @property
    def alive(self) -> list[Worker]:
        """Return the workers that run and are not frozen."""
        return [w for w in self.mill.workers if w.id not in self.gone and w not in self.frozen]

    async def staff(self, count: int, *words: str) -> list[Worker]:
        """Start workers until there are so many; wait until they work."""
        new = [self.mill.spawn(*words) for _ in range(count - len(self.alive))]
        for worker in new:
            await self.works(worker)
        return new

    async def works(self, worker: Worker) -> None:
        """Wait until the store has heard of a worker; the store may be away meanwhile."""

        async def heard() -> bool:
            assert worker.runs, worker.words()
            try:
                sample = await self.mill.sample()
            except StoreUnavailable:
                return False
            return worker.id in {seen.id for seen in sample.workers}

        await until(heard)

    def kill(self, worker: Worker) -> None:
        """SIGKILL."""
        self.gone.add(worker.id)
        worker.process.kill()
        worker.process.wait()
        self.log.tell(Killed(worker=worker.id))

    def freeze(self, worker: Worker) -> None:
        """SIGSTOP."""
        self.frozen.append(worker)
        worker.send(signal.SIGSTOP)
        self.log.tell(Cut(worker=worker.id))

    def thaw(self, worker: Worker) -> None:
        """SIGCONT."""
        self.frozen.remove(worker)
        self.log.tell(Healed(worker=worker.id))
        worker.send(signal.SIGCONT)

    async def dismiss(self, *workers: Worker, within_s: float = 10.0) -> None:
        """SIGTERM, and wait for their ends, which must be good ones."""
        for worker in workers:
            self.gone.add(worker.id)
            self.log.tell(Leaving(worker=worker.id))
            worker.send(signal.SIGTERM)
        for worker in workers:
            code = await worker.ended(within_s)
            self.log.tell(Left(worker=worker.id))
            assert code == 0, f"{worker.id} ended with {code}:\n{worker.words()}"

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Tell that no worker can reach the store."""
        self.log.tell(Cut())
        try:
            yield
        finally:
            self.log.tell(Healed())

    # ── load and time ──

    def begin(self, doing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside what the test does; it doesn't outlast the test."""
        task = asyncio.create_task(doing)
        self.beside.append(task)
        return task

    async def end(self) -> None:
        """End what was begun."""
        for task in self.beside:
            task.cancel()
        await asyncio.gather(*self.beside, return_exceptions=True)

    def load(self, prefix: str = "j") -> Load:
        """Return a producer in this process."""
        return Load(self.mill.store, self.log, self.chance, prefix)

    async def pause(self, shortest_s: float, longest_s: float) -> None:
        """Let some time pass, by chance."""
        await asyncio.sleep(self.chance.uniform(shortest_s, longest_s))

    async def ticking(self) -> None:
        """Tick as the governor does, whether the store is there or not, until cancelled."""
        while True:
            with suppress(HeadpondError):
                await self.mill.store.tick([QUEUE])
                await self._hear_events()
            await asyncio.sleep(TICK_S)

    async def _hear_events(self) -> None:
        """Take the events since the last look, before they are trimmed."""
        if not self.batches:
            return
        async with self._hearing:
            while events := await self.mill.store.events(QUEUE, self._heard, 1_000):
                self._heard = events[-1].id
                self.batch_events += [each.detail for each in events if each.name == "batch"]

    # ── the end ──

    async def settled(self, within_s: float = 15.0) -> None:
        """Wait until no job is outstanding."""

        async def is_quiet() -> bool:
            try:
                sample = await self.mill.sample()
            except StoreUnavailable:
                return False
            return not (sample.outstanding or sample.delayed)

        try:
            await until(is_quiet, within_s)
        except AssertionError as error:
            error.add_note(f"{await self.mill.sample()}")
            raise

    async def verdict(self, within_s: float = 15.0) -> Ending:
        """Let all that is outstanding end, dismiss the workers, and check the history."""
        await self.settled(within_s)
        await self.dismiss(*self.alive)
        ending = await self.ending()
        findings = check(read(self.log.path), ending)
        story = "\n".join(f"{each.rule}: {each.job} {each.words}" for each in findings[:20])
        assert not findings, f"{len(findings)} findings in {self.log.path}:\n{story}"
        return ending

    async def ending(self) -> Ending:
        """Read everything that the store has."""
        store = self.mill.store
        await self._hear_events()
        jobs = [job for state in JobState for job in await self._all(state)]
        kept = [await store.batch(QUEUE, batch) for batch in self.batches]
        return Ending(
            tuple(jobs),
            await self.mill.sample(),
            batches=tuple(batch for batch in kept if batch is not None),
            batch_events=tuple(self.batch_events),
            strangers=frozenset(self.strangers),
            lease_ms=self.lease_ms,
            max_deliveries=self.max_deliveries,
            is_forgetful=self.is_forgetful,
        )

    async def said(self) -> str:
        """Return what might explain a failure: the end of the story, and of what workers say."""
        try:
            sample = f"{await self.mill.sample()}"
        except (HeadpondError, KeyError) as error:
            sample = f"no sample: {error!r}"
        story = self.log.path.read_text("utf-8").splitlines()[-20:]
        words = [
            f"{w.id}: {line}" for w in self.mill.workers for line in w.words().splitlines()[-8:]
        ]
        return "\n".join([sample, f"{time.time():.3f}", *story, *words])

    async def _all(self, state: JobState) -> list[StoredJob]:
        found: list[StoredJob] = []
        cursor = ""
        while True:
            page = await self.mill.store.page(QUEUE, state, cursor, 500)
            found += page.jobs
            cursor = page.cursor
            if not cursor:
                return found


@dataclass(frozen=True)
class Terms:
    """What a test wants of its mill."""

    lease_ms: int = 1_500
    max_deliveries: int = 100
    """Workers are lost so often here that jobs without any fault look like poison."""
    concurrency: int = 10
    durability: Durability = "fast"
    worker_url: str = ""
    """Where workers and producers connect, when not to Redis itself."""


@dataclass
class World:
    """What each test gets to begin with."""

    server: RedisServer
    chance: random.Random
    folder: Path
    namespace: str
    nursery: Nursery

    @asynccontextmanager
    async def chaos(self, **terms: Any) -> AsyncIterator[Chaos]:
        """Open a mill with these terms; a governor ticks, and no process is left behind."""
        it = Terms(**terms)
        url = it.worker_url or self.server.url
        where = open_mill(url, self.namespace, self.folder, nursery=self.nursery)
        async with where as mill:
            await configure(mill, it)
            log = Log(self.folder / "story.jsonl")
            chaos = Chaos(mill, self.server, self.chance, log, it.lease_ms, it.max_deliveries)
            ticking = chaos.begin(chaos.ticking())
            try:
                yield chaos
                assert not ticking.done(), "the governor has stopped ticking"
            except BaseException:
                print(await chaos.said())  # noqa: T201 (shown when the test fails)
                raise
            finally:
                await chaos.end()
                log.close()
                for worker in chaos.frozen:
                    with suppress(ProcessLookupError):
                        os.kill(worker.process.pid, signal.SIGCONT)


async def configure(mill: Mill, terms: Terms) -> None:
    """Put a test's terms into force."""
    await mill.configure(
        lease_ms=terms.lease_ms,
        concurrency=terms.concurrency,
        max_deliveries=terms.max_deliveries,
        durability=terms.durability,
        **KEPT,
    )
