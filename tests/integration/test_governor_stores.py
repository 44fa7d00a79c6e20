"""The governor with real stores: marks wake it, drains go through them, decisions stay in them."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING

import pytest

from headpond.clock import SystemClock
from headpond.events import Decided, Event, RoundDone, Scaled, StoreBack, StoreLost
from headpond.governor import Governor, Pace
from headpond.jobs import JobId, NewJob
from headpond.memory import MemoryQueueStore
from headpond.ports import FleetView, WorkerBeat
from headpond.queues import QueueSettings, WorkerState
from headpond.redis import RedisQueueStore
from headpond.scaling import Behavior, Mode, Policy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from headpond.ports import QueueStore
    from redis_server import RedisServer

ON_WAKE = Pace(round_s=30.0)
"""Rounds so rare that only a wake-up can explain a quick one."""


class Fleet:
    """A fleet that does as it is told, and tells the test."""

    def __init__(self) -> None:
        """Begin without workers."""
        self.replicas = 0
        self.calls: list[tuple[int, tuple[str, ...]]] = []

    async def observe(self, queues: Sequence[str]) -> Mapping[str, FleetView]:
        """Say what was last asked for."""
        return dict.fromkeys(queues, FleetView(self.replicas, 0))

    async def scale(self, queue: str, replicas: int, victims: Sequence[str] = ()) -> None:
        """Take the number."""
        assert queue == "q"
        self.replicas = replicas
        self.calls.append((replicas, tuple(victims)))


class Notes:
    """A sink that keeps what it hears, and lets a test wait for it."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self.events: list[Event] = []
        self._heard = asyncio.Event()

    def receive(self, event: Event) -> None:
        """Keep the event."""
        self.events.append(event)
        self._heard.set()

    def forget(self, kind: type[Event]) -> None:
        """Drop what was heard of this class."""
        self.events = [event for event in self.events if not isinstance(event, kind)]

    async def until(self, kind: type[Event], rule: str = "", seconds: float = 10.0) -> None:
        """Wait for an event of this class, and of this rule if it is a decision."""
        async with asyncio.timeout(seconds):
            while not any(
                isinstance(event, kind) and rule in ("", getattr(event, "rule", ""))
                for event in self.events
            ):
                self._heard.clear()
                await self._heard.wait()


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest, namespace: str) -> AsyncIterator[QueueStore]:
    """Give each store with one queue in it."""
    opened: QueueStore
    if request.param == "memory":
        opened = MemoryQueueStore(SystemClock())
    else:
        opened = RedisQueueStore(request.getfixturevalue("redis_url"), namespace)
    await opened.start()
    await opened.configure("q", QueueSettings())
    yield opened
    await opened.close()


async def hears(store: QueueStore, notes: Notes) -> None:
    """Return when the governor has subscribed: a wake-up of another queue makes it look."""
    await store.configure("probe", QueueSettings())
    await notes.until(RoundDone)
    async with asyncio.timeout(10):
        for number in count():
            notes.forget(RoundDone)
            await store.set_wake("probe", 1)
            await store.enqueue("probe", new_jobs(1, f"probe{number}-"))
            with suppress(TimeoutError):
                await notes.until(RoundDone, seconds=0.2)
                return


@asynccontextmanager
async def governed(governor: Governor) -> AsyncIterator[None]:
    """Run the governor meanwhile."""
    stop = asyncio.Event()
    running = asyncio.create_task(governor.run(stop))
    yield
    stop.set()
    async with asyncio.timeout(5):
        await running


def new_jobs(count: int, name: str = "j") -> list[NewJob]:
    """Make jobs."""
    return [NewJob(JobId(f"{name}{index}"), b"x") for index in range(count)]


async def test_an_enqueue_wakes_the_governor(store: QueueStore) -> None:
    """From zero the first job wakes it, long before the next round is due."""
    fleet, notes = Fleet(), Notes()
    policy = Policy(slots=10)
    governor = Governor(store, fleet, lambda: {"q": policy}, (notes,), SystemClock(), pace=ON_WAKE)
    async with governed(governor):
        await hears(store, notes)
        notes.forget(RoundDone)
        await store.enqueue("q", new_jobs(45))
        await notes.until(Scaled)
        await notes.until(RoundDone)
    assert fleet.calls == [(5, ())]
    record = json.loads((await store.decisions("q", 1))[0])
    assert (record["from"], record["to"], record["rule"]) == (0, 5, "demand")


async def test_a_second_burst_wakes_it_again(store: QueueStore) -> None:
    """A mark is used up by one wake-up; the governor leaves another."""
    fleet, notes = Fleet(), Notes()
    policy = Policy(slots=10)
    governor = Governor(store, fleet, lambda: {"q": policy}, (notes,), SystemClock(), pace=ON_WAKE)
    async with governed(governor):
        await hears(store, notes)
        for size in (10, 100):
            notes.forget(Scaled)
            notes.forget(RoundDone)
            await store.enqueue("q", new_jobs(size, f"burst{size}-"))
            await notes.until(Scaled)
            await notes.until(RoundDone)
    assert [replicas for replicas, _ in fleet.calls] == [1, 11]


async def test_drains_are_acknowledged_through_the_store(store: QueueStore) -> None:
    """Two workers, one busy: the idle one is asked, acknowledges, and is the only victim."""
    fleet = Fleet()
    fleet.replicas = 2
    policy = Policy(mode=Mode.MANUAL, replicas=1)
    governor = Governor(store, fleet, lambda: {"q": policy}, (), SystemClock())
    beats = {name: WorkerBeat(name, WorkerState.WORKING, 10, 1, "h", 1) for name in ("a", "b")}
    keepers = {name: store.leases("q", name) for name in beats}
    for name, beat in beats.items():
        await asyncio.to_thread(keepers[name].renew, beat, ())
    await store.enqueue("q", new_jobs(1))
    claims = (await store.exchange("q", "a", (), 1)).claims
    await governor.turn()
    assert fleet.calls == []
    answer = await store.exchange("q", "b", (), 5)
    assert answer.draining
    await governor.turn()
    assert fleet.calls == []
    drained = WorkerBeat("b", WorkerState.DRAINED, 10, 1, "h", 1)
    assert (await asyncio.to_thread(keepers["b"].renew, drained, ())).draining
    await governor.turn()
    assert fleet.calls == [(1, ("b",))]
    assert len(claims) == 1
    for keeper in keepers.values():
        await asyncio.to_thread(keeper.leave)
        keeper.close()


async def test_redis_that_dies_and_comes_back(
    redis_server: RedisServer, redis_url: str, namespace: str
) -> None:
    """Replicas stay, it says so within seconds, and it goes on by itself."""
    store = RedisQueueStore(redis_url, namespace)
    await store.start()
    await store.configure("q", QueueSettings())
    await store.enqueue("q", new_jobs(30))
    fleet, notes = Fleet(), Notes()
    policy = Policy(slots=10, scale_down=Behavior(0.0))
    governor = Governor(
        store, fleet, lambda: {"q": policy}, (notes,), SystemClock(), pace=Pace(round_s=0.2)
    )
    try:
        async with governed(governor):
            await notes.until(Scaled)
            redis_server.stop()
            await notes.until(StoreLost, seconds=5)
            await notes.until(Decided, "unknown", seconds=5)
            redis_server.start()
            await notes.until(StoreBack, seconds=10)
    finally:
        if not redis_server.pid:
            redis_server.start()
        await store.close()
    assert fleet.calls == [(3, ())]
    told = [event for event in notes.events if isinstance(event, Decided)]
    assert [event.rule for event in told][:2] == ["demand", "unknown"]
    assert all(event.replicas == 3 for event in told)
