"""taskiq's kickers and labels on a Headpond queue, as taskiq's guide describes them."""

from __future__ import annotations

import asyncio
import threading

import pytest
from taskiq.exceptions import SendTaskError

from headpond.broker import HeadpondBroker, JobFailed
from headpond.jobs import FailReason, JobState
from taskiq_bench import redis_broker, result, stored, working


@pytest.fixture
def broker(redis_url: str, namespace: str) -> HeadpondBroker:
    """Give a broker on Redis."""
    return redis_broker(redis_url, namespace)


async def test_labels_of_task_and_kicker(broker: HeadpondBroker) -> None:
    """Labels keep their types, the kicker's win, and the result has them."""

    @broker.task(task_name="my_tasks.labelled", one=1, half=0.5, yes=True, word="w", raw=b"\x00")
    async def labelled() -> None: ...

    async with working(broker):
        task = await labelled.kicker().with_labels(word="other", tenant="acme").kiq()
        done = await result(task)
        assert done.labels == {
            "one": 1, "half": 0.5, "yes": True, "word": "other", "raw": b"\x00", "tenant": "acme",
        }  # fmt: skip
        job = await stored(broker, task.task_id)
        assert job.tenant == "acme"


@pytest.mark.parametrize("delay", [-1, "soon", float("nan")])
async def test_a_delay_that_is_none_is_refused(broker: HeadpondBroker, delay: float | str) -> None:
    """By its name, and nothing is enqueued."""

    @broker.task
    async def nothing() -> None: ...

    await broker.startup()
    with pytest.raises(SendTaskError) as caught:
        await nothing.kicker().with_labels(delay=delay).kiq()
    assert str(caught.value.__cause__).startswith("/delay: ")
    assert (await broker.store.sample([broker.queue]))[broker.queue].delayed == 0
    await broker.shutdown()


async def test_priority_and_delay_are_labels(broker: HeadpondBroker) -> None:
    """The queue understands `priority` (name or number) and `delay` (seconds)."""

    @broker.task(priority="high")
    async def nothing() -> None: ...

    await broker.startup()
    high = await nothing.kiq()
    low = await nothing.kicker().with_labels(priority=2).kiq()
    delayed = await nothing.kicker().with_labels(delay=60).kiq()
    assert (await stored(broker, high.task_id)).priority == 7
    assert (await stored(broker, low.task_id)).priority == 2
    job = await stored(broker, delayed.task_id)
    assert job.state is JobState.DELAYED
    assert job.due_ms - job.created_ms == 60_000
    with pytest.raises(SendTaskError):
        await nothing.kicker().with_labels(priority="sometimes").kiq()
    await broker.shutdown()


async def test_one_id_is_one_job(broker: HeadpondBroker) -> None:
    """`with_task_id`: a second kiq of the id means the same job, also while it runs elsewhere."""
    runs = []
    entered, leave = asyncio.Event(), asyncio.Event()

    @broker.task
    async def once(value: int) -> int:
        runs.append(value)
        entered.set()
        await leave.wait()
        return value

    @broker.task
    async def kicks_once() -> None:
        await once.kicker().with_task_id("the-one").kiq(2)

    async with working(broker):
        first = await once.kicker().with_task_id("the-one").kiq(1)
        await entered.wait()
        second = await once.kicker().with_task_id("the-one").kiq(2)
        await result(await kicks_once.kiq())
        leave.set()
        assert first.task_id == second.task_id == "the-one"
        assert (await result(first)).return_value == (await result(second)).return_value == 1
    assert runs == [1]


async def test_an_id_that_no_job_can_have_is_refused(broker: HeadpondBroker) -> None:
    """A task id becomes a job's id, so it must be one."""

    @broker.task
    async def nothing() -> None: ...

    await broker.startup()
    with pytest.raises(SendTaskError):
        await nothing.kicker().with_task_id("{no} id").kiq()
    await broker.shutdown()


async def test_with_id_generator(broker: HeadpondBroker) -> None:
    """A generator of one's own names the tasks."""
    broker.with_id_generator(lambda: "made-here")

    @broker.task
    async def nothing() -> None: ...

    async with working(broker):
        task = await nothing.kiq()
        assert task.task_id == "made-here"
        await result(task)


async def test_a_kicker_may_change_the_broker(broker: HeadpondBroker) -> None:
    """`with_broker` sends to another queue."""
    other = HeadpondBroker(broker.store, "others")

    @other.task(task_name="shared.name")
    async def there() -> str:
        return "there"

    @broker.task(task_name="shared.name")
    async def here() -> str:
        return "here"

    async with working(other):
        assert (await result(await here.kicker().with_broker(other).kiq())).return_value == "there"


async def test_timeout_label_stops_the_task(broker: HeadpondBroker) -> None:
    """`timeout` of the decorator or the kicker ends an async task and abandons a sync one."""
    released = threading.Event()

    @broker.task(timeout=0.2)
    async def hang() -> None:
        await asyncio.sleep(3600)

    @broker.task
    def hang_in_thread() -> None:
        released.wait(30)

    async with working(broker):
        tasks = [await hang.kiq(), await hang_in_thread.kicker().with_labels(timeout=0.2).kiq()]
        for task in tasks:
            done = await result(task)
            assert isinstance(done.error, JobFailed)
            assert done.error.error == "TimeoutError"
            assert (await stored(broker, task.task_id)).reason is FailReason.TIMEOUT
        released.set()


async def test_a_label_that_makes_no_sense_fails_the_job(broker: HeadpondBroker) -> None:
    """The worker lives, and the job says what was wrong."""

    @broker.task(timeout="soon")
    async def nothing() -> None: ...

    async with working(broker):
        done = await result(await nothing.kiq())
    assert done.is_err
    assert "soon" in str(done.error)
