"""Schedules fired by whoever is there: a worker in time, the governor where there is none."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest_asyncio

from api_bench import api_bench
from headpond import App
from headpond.broker import HeadpondBroker
from headpond.clock import SystemClock
from headpond.errors import StoreUnavailable
from headpond.events import RoundFailed
from headpond.governor import Governor, Pace
from headpond.jobs import JobState
from headpond.memory import MemoryQueueStore
from headpond.ports import FleetView, ScheduleEntry
from headpond.queues import QueueSettings
from headpond.redis import RedisQueueStore
from headpond.scaling import Policy
from headpond_workers.receiver import HeadpondReceiver
from mill import QUEUE, open_mill
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    import pytest

    from headpond import Queue
    from headpond.events import Event
    from headpond.ports import QueueStore


@pytest_asyncio.fixture(params=["memory", "redis"])
async def store(request: Any, redis_url: str, namespace: str) -> AsyncIterator[QueueStore]:
    """Give an empty store of each kind."""
    it: QueueStore = (
        MemoryQueueStore(SystemClock())
        if request.param == "memory"
        else RedisQueueStore(redis_url, namespace)
    )
    await it.start()
    await it.configure("grain", QueueSettings())
    yield it
    await it.close()


class Mill:
    """A queue whose job notes when it ran, and workers for it."""

    def __init__(self, store: QueueStore) -> None:
        """Declare it."""
        self.ran: list[float] = []
        self.store = store
        app = App("mill")
        app.bind(store)
        self.queue: Queue = app.queue("grain")

        @self.queue.job("tick")
        async def tick() -> None:
            self.ran.append(datetime.now(UTC).timestamp() * 1000)

        self.tick = tick

    def worker(self, name: str) -> tuple[asyncio.Task[None], asyncio.Event]:
        """Start a worker in this process; return its task and what ends it."""
        broker = HeadpondBroker(self.store, "grain")
        broker.serve(self.queue)
        receiver = HeadpondReceiver(
            broker, worker=name, queue=self.queue, grace_s=1, run_startup=False
        )
        finish = asyncio.Event()
        return asyncio.get_running_loop().create_task(receiver.listen(finish)), finish

    async def occurrences(self) -> list[str]:
        """Return the ids of all that was ever fired."""
        found = []
        for state in JobState:
            found += [job.id for job in (await self.store.page("grain", state, "", 1000)).jobs]
        return sorted(found)


async def test_workers_fire_in_time_and_each_occurrence_once(store: QueueStore) -> None:
    """Three idle workers race for twelve occurrences; none is late by 100 ms, none comes twice."""
    mill = Mill(store)
    workers = [mill.worker(f"w{number}") for number in range(3)]
    await mill.tick.schedule("tick", every="250ms")
    await until(lambda: len(mill.ran) >= 12, within_s=15)
    await mill.queue.unschedule("tick")
    for _, finish in workers:
        finish.set()
    await asyncio.gather(*(task for task, _ in workers))
    ids = await mill.occurrences()
    assert len(ids) == len(mill.ran), "each ran once"
    times = sorted(
        datetime.fromisoformat(each.partition("@")[2]).timestamp() * 1000 for each in ids
    )
    late = sorted(ran - due for ran, due in zip(sorted(mill.ran), times, strict=True))
    assert late[len(late) // 2] < 100, late


async def test_a_store_that_fails_to_fire_stops_no_worker(
    store: QueueStore, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does a schedule that nobody can read; jobs go on, and later the schedule fires."""
    mill = Mill(store)
    plain = store.fire
    failures: list[str] = []

    async def fails(*_: Any) -> bool:
        failures.append("asked")
        if len(failures) % 2:
            raise StoreUnavailable("gone")
        raise KeyError("nobody expected this")

    monkeypatch.setattr(store, "fire", fails)
    task, finish = mill.worker("w1")
    await store.put_schedule("grain", ScheduleEntry("newer", b"\xc1", 1))
    await mill.tick.schedule("tick", every="100ms")
    await until(lambda: len(failures) >= 2, within_s=10)
    await mill.tick.enqueue(None)
    await until(lambda: len(mill.ran) == 1, within_s=5)
    monkeypatch.setattr(store, "fire", plain)
    await until(lambda: len(mill.ran) > 1, within_s=10)
    assert not task.done()
    finish.set()
    await task
    assert caplog.text.count("schedule newer of queue grain can't be fired") <= 1


class Nobody:
    """A fleet without workers."""

    async def observe(self, queues: Sequence[str]) -> Mapping[str, FleetView]:
        """Say that there are none."""
        return dict.fromkeys(queues, FleetView(0, 0))

    async def scale(self, queue: str, replicas: int, victims: Sequence[str] = ()) -> None:
        """Start none."""


class Notes:
    """A sink that keeps what it hears."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.events: list[Event] = []

    def receive(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)


async def test_the_governor_fires_where_no_worker_is(store: QueueStore, monkeypatch: Any) -> None:
    """A queue at zero workers gets its occurrences; a defect is told once and stops nothing."""
    mill = Mill(store)
    notes = Notes()
    governor = Governor(
        store, Nobody(), lambda: {"grain": Policy()}, [notes], SystemClock(), pace=Pace()
    )
    await mill.tick.schedule("tick", every="100ms")

    async def fired() -> bool:
        await governor.turn()
        return len(await mill.occurrences()) >= 2

    await until(fired, within_s=10)

    async def fails(*_: Any) -> bool:
        raise KeyError("nobody expected this")

    monkeypatch.setattr(store, "fire", fails)
    for _ in range(3):
        await asyncio.sleep(0.11)  # until the next occurrence is due
        await governor.turn()
    told = [event for event in notes.events if isinstance(event, RoundFailed)]
    assert len(told) == 1
    assert "grain: schedules: KeyError" in told[0].reason


async def test_the_api_declares_what_the_code_says() -> None:
    """At its start, for every queue; so that a schedule fires although no worker ever ran."""
    app = App("mill")
    app.queue("grain").job("sweep", cron="0 7 * * 1-5", tz="Asia/Kolkata")(nothing)
    async with api_bench(app) as bench:
        (entry,) = await bench.store.schedules("grain")
    assert entry.name == "sweep"
    assert entry.next_ms > bench.clock.now_ms()


async def test_a_worker_declares_what_the_code_says(
    redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """At its start, for its queue."""
    async with open_mill(redis_url, namespace, tmp_path) as mill:
        (worker,) = await mill.start(MILL_SWEEPS="1h")
        (entry,) = await mill.store.schedules(QUEUE)
        assert (entry.name, worker.runs) == ("sweep", True)


async def nothing() -> None:
    """Do nothing."""
