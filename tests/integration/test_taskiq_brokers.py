"""taskiq's registries, events, result backends and receivers on a Headpond queue."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from taskiq import AsyncBroker, InMemoryBroker, TaskiqEvents, TaskiqState
from taskiq.brokers.shared_broker import async_shared_broker
from taskiq.receiver import Receiver
from taskiq_redis import RedisAsyncResultBackend
from typing_extensions import override

from headpond.broker import HeadpondBroker
from headpond.clock import SystemClock
from headpond.errors import ConfigInvalid, HeadpondError, JobUnknown
from headpond.jobs import JobState
from headpond.memory import MemoryQueueStore
from headpond_workers.receiver import HeadpondReceiver
from taskiq_bench import QUEUE, redis_broker, result, stored, working
from until import until


@pytest.fixture
def broker(redis_url: str, namespace: str) -> HeadpondBroker:
    """Give a broker on Redis."""
    return redis_broker(redis_url, namespace)


async def test_shared_tasks(broker: HeadpondBroker) -> None:
    """A shared task runs by the default broker, found in the global registry."""

    @async_shared_broker.task(task_name="tests.shared")
    async def shared(value: int) -> int:
        return value * 2

    async_shared_broker.default_broker(broker)
    try:
        async with working(broker):
            assert (await result(await shared.kiq(4))).return_value == 8
    finally:
        AsyncBroker.global_task_registry.pop("tests.shared")
        async_shared_broker.default_broker(None)  # type: ignore[arg-type]  # as it was


async def test_tasks_registered_at_run_time(broker: HeadpondBroker) -> None:
    """`register_task` while the worker runs; before it, jobs of that name wait, parked."""

    async def unheard_of() -> str:
        return "heard"

    async with working(broker):
        task = broker.register_task(unheard_of, task_name="late")
        assert (await result(await task.kiq())).return_value == "heard"


async def test_events_and_state(broker: HeadpondBroker) -> None:
    """Worker events run around the work and share the state; client events are for clients."""
    seen = []

    @broker.on_event(TaskiqEvents.WORKER_STARTUP)
    async def start(state: TaskiqState) -> None:
        state.pool = "open"

    @broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
    def stop(state: TaskiqState) -> None:
        seen.append(f"shut {state.pool}")

    async def client(state: TaskiqState) -> None:
        seen.append("client")

    broker.add_event_handler(TaskiqEvents.CLIENT_STARTUP, client)
    broker.add_event_handler(TaskiqEvents.CLIENT_SHUTDOWN, client)

    async with working(broker):
        assert broker.state.pool == "open"
        assert seen == []
    assert seen == ["shut open"]


async def test_a_result_backend_of_ones_own(
    broker: HeadpondBroker, redis_url: str, namespace: str
) -> None:
    """taskiq-redis keeps the results where it is wanted, with or without middlewares."""
    backend: RedisAsyncResultBackend[Any] = RedisAsyncResultBackend(
        redis_url, prefix_str=namespace, result_ex_time=60
    )
    broker.with_result_backend(backend)

    @broker.task
    async def double(value: int) -> int:
        return value * 2

    @broker.task
    async def fail() -> None:
        raise KeyError("lost")

    async with working(broker):
        task = await double.kiq(21)
        assert task.result_backend is backend
        assert (await result(task)).return_value == 42
        failed = await result(await fail.kiq())
        assert isinstance(failed.error, KeyError), "that backend restores what is importable"


async def test_a_failing_result_backend_does_not_rerun_the_task(broker: HeadpondBroker) -> None:
    """The run was good and its job is completed; only the foreign copy is missing."""

    class Broken(RedisAsyncResultBackend[Any]):
        @override
        async def set_result(self, task_id: str, result: Any) -> None:
            message = "disk full"
            raise OSError(message)

    broker.with_result_backend(Broken("redis://127.0.0.1:1"))
    runs = []

    @broker.task
    async def note() -> str:
        runs.append(1)
        return "noted"

    async with working(broker):
        task = await note.kiq()

        async def completed() -> bool:
            return (await stored(broker, task.task_id)).state is JobState.COMPLETED

        await until(completed)
    assert runs == [1]


async def test_the_stock_receiver_is_refused(broker: HeadpondBroker) -> None:
    """It knows no leases and would break every promise; the error says what to run instead."""
    refusal = pytest.RaisesExc(HeadpondError, match="run `headpond worker`")
    with pytest.RaisesGroup(refusal):
        await Receiver(broker, max_async_tasks=1, run_startup=False).listen(asyncio.Event())


async def test_our_receiver_refuses_other_brokers() -> None:
    """The other way round, too."""
    other = InMemoryBroker()
    with pytest.raises(ConfigInvalid, match="InMemoryBroker is no HeadpondBroker"):
        HeadpondReceiver(other)
    await other.shutdown()


async def test_our_receiver_refuses_a_name_that_redis_can_t_keep(broker: HeadpondBroker) -> None:
    """What belongs to a worker is found by its name between bars."""
    with pytest.raises(ConfigInvalid, match=r"'a\|b' can't name a worker"):
        HeadpondReceiver(broker, worker="a|b")


async def test_an_unknown_result(broker: HeadpondBroker) -> None:
    """A job that never was is not ready, and asking for its result says so."""
    await broker.startup()
    assert not await broker.result_backend.is_result_ready("nobody")
    with pytest.raises(JobUnknown):
        await broker.result_backend.get_result("nobody")
    await broker.shutdown()


async def test_the_memory_store_serves_as_well() -> None:
    """Tests of one's own need no Redis."""
    broker = HeadpondBroker(MemoryQueueStore(SystemClock()), QUEUE)

    @broker.task
    async def add(one: int, two: int) -> int:
        return one + two

    async with working(broker):
        assert (await result(await add.kiq(1, two=2))).return_value == 3


async def test_max_tasks_per_child(broker: HeadpondBroker) -> None:
    """The worker ends after that many tasks; what it did not start stays for others."""
    runs = []

    @broker.task
    async def note(value: int) -> None:
        runs.append(value)

    await broker.startup()
    for value in range(10):
        await note.kiq(value)
    receiver = HeadpondReceiver(broker, max_async_tasks=4, max_tasks_to_execute=3)
    await receiver.listen(asyncio.Event())
    assert runs == [0, 1, 2]
    sample = (await broker.store.sample([QUEUE]))[QUEUE]
    assert (sample.waiting, sample.active, sample.completed) == (7, 0, 3)
    await broker.shutdown()


async def test_a_listening_that_is_cancelled_gives_its_jobs_back(broker: HeadpondBroker) -> None:
    """Nobody keeps leases from then on: what runs goes back, and nothing more is claimed."""
    running = asyncio.Event()

    @broker.task
    async def wait() -> None:
        running.set()
        await asyncio.Event().wait()

    await broker.startup()
    receiver = HeadpondReceiver(broker, max_async_tasks=1, run_startup=False)
    listening = asyncio.create_task(receiver.listen(asyncio.Event()))
    first = await wait.kiq()
    await running.wait()
    running.clear()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening

    async def is_back() -> bool:
        return (await stored(broker, first.task_id)).state is JobState.WAITING

    await until(is_back)
    second = await wait.kiq()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(running.wait(), 0.3)
    assert (await stored(broker, second.task_id)).state is JobState.WAITING
    assert (await stored(broker, first.task_id)).attempts == 0
    await broker.shutdown()
