"""taskiq's middlewares on a Headpond queue: every hook, in taskiq's order, and the stock ones."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from taskiq import (
    Context,
    SimpleRetryMiddleware,
    TaskiqDepends,
    TaskiqMiddleware,
)
from taskiq.exceptions import NoResultError
from typing_extensions import override

from headpond.broker import HeadpondBroker, JobFailed
from headpond.jobs import FailReason, JobState
from taskiq_bench import redis_broker, result, stored, working

if TYPE_CHECKING:
    from taskiq import TaskiqMessage, TaskiqResult


@pytest.fixture
def broker(redis_url: str, namespace: str) -> HeadpondBroker:
    """Give a broker on Redis."""
    return redis_broker(redis_url, namespace)


class Diary(TaskiqMiddleware):
    """Notes every hook that is called; synchronous."""

    def __init__(self, name: str, notes: list[str]) -> None:
        """Write into `notes` under a name."""
        super().__init__()
        self.name = name
        self.notes = notes

    def note(self, hook: str) -> None:
        """Note a hook."""
        self.notes.append(f"{self.name}.{hook}")

    @override
    def startup(self) -> None:
        """Note it."""
        self.note("startup")

    @override
    def shutdown(self) -> None:
        """Note it."""
        self.note("shutdown")

    @override
    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Note it."""
        self.note("pre_send")
        return message

    @override
    def post_send(self, message: TaskiqMessage) -> None:
        """Note it."""
        self.note("post_send")

    @override
    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Note it."""
        self.note("pre_execute")
        return message

    @override
    def on_error(
        self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
    ) -> None:
        """Note it with the error."""
        self.note(f"on_error {type(exception).__name__}")

    @override
    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """Note it."""
        self.note("post_execute")

    @override
    def post_save(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """Note it."""
        self.note("post_save")


class AsyncDiary(TaskiqMiddleware):
    """The same with asynchronous hooks, those of them that run in a worker."""

    def __init__(self, name: str, notes: list[str]) -> None:
        """Write into `notes` under a name."""
        super().__init__()
        self.name = name
        self.notes = notes

    async def note(self, hook: str) -> None:
        """Note a hook, after a moment."""
        await asyncio.sleep(0)
        self.notes.append(f"{self.name}.{hook}")

    @override
    async def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Note it."""
        await self.note("pre_send")
        return message

    @override
    async def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Note it."""
        await self.note("pre_execute")
        return message

    @override
    async def on_error(
        self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
    ) -> None:
        """Note it."""
        await self.note("on_error")

    @override
    async def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """Note it."""
        await self.note("post_execute")

    @override
    async def post_save(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """Note it."""
        await self.note("post_save")


# ── order and effect of the hooks ──


async def test_hooks_run_in_taskiqs_order(broker: HeadpondBroker) -> None:
    """Inward in the order of the list, outward reversed; sync and async hooks alike."""
    notes: list[str] = []
    broker.add_middlewares(Diary("a", notes), AsyncDiary("b", notes))

    @broker.task
    async def work() -> None:
        notes.append("work")

    async with working(broker):
        await result(await work.kiq())
    assert notes == [
        "a.startup",
        "a.pre_send", "b.pre_send", "a.post_send",
        "a.pre_execute", "b.pre_execute",
        "work",
        "b.post_execute", "a.post_execute",
        "b.post_save", "a.post_save",
        "a.shutdown",
    ]  # fmt: skip


async def test_hooks_of_a_task_that_fails(broker: HeadpondBroker) -> None:
    """on_error comes before post_execute and post_save, which come all the same."""
    notes: list[str] = []
    broker.add_middlewares(Diary("a", notes), AsyncDiary("b", notes))

    @broker.task
    async def fail() -> None:
        raise KeyError("lost")

    async with working(broker):
        done = await result(await fail.kiq())
    assert isinstance(done.error, JobFailed)
    assert done.error.error == "KeyError"
    assert notes[6:-1] == [
        "b.on_error", "a.on_error KeyError",
        "b.post_execute", "a.post_execute",
        "b.post_save", "a.post_save",
    ]  # fmt: skip


async def test_a_timeout_is_an_error_for_middlewares(broker: HeadpondBroker) -> None:
    """They see TimeoutError, as with taskiq's own receiver, and may take their time over it."""
    notes: list[str] = []

    class Slow(Diary):
        @override
        async def on_error(  # type: ignore[override]  # taskiq allows both
            self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
        ) -> None:
            async with asyncio.timeout(5):
                await asyncio.sleep(0.05)
            self.note(type(exception).__name__)

    broker.add_middlewares(Slow("a", notes))

    @broker.task(timeout=0.1)
    async def hang() -> None:
        await asyncio.sleep(3600)

    async with working(broker):
        task = await hang.kiq()
        await result(task)
        assert (await stored(broker, task.task_id)).reason is FailReason.TIMEOUT
    assert "a.TimeoutError" in notes


async def test_hooks_change_what_is_sent_and_run(broker: HeadpondBroker) -> None:
    """pre_send and pre_execute may change arguments and labels, of any type."""

    class Changes(TaskiqMiddleware):
        @override
        def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
            message.labels["sent"] = 7
            message.args[0] += 1
            return message

        @override
        def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
            assert message.labels["sent"] == 7
            message.labels["seen"] = True
            message.kwargs["by"] = 10
            return message

    broker.add_middlewares(Changes())

    @broker.task
    async def multiply(value: int, by: int = 1, context: Context = TaskiqDepends()) -> list[Any]:
        return [value * by, context.message.labels["seen"], context.message.labels["sent"]]

    async with working(broker):
        assert (await result(await multiply.kiq(1))).return_value == [20, True, 7]


async def test_pre_execute_may_set_the_timeout(broker: HeadpondBroker) -> None:
    """Taskiq reads the label after pre_execute."""

    class Hurry(TaskiqMiddleware):
        @override
        def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
            message.labels["timeout"] = 0.1
            return message

    broker.add_middlewares(Hurry())

    @broker.task
    async def hang() -> None:
        await asyncio.sleep(3600)

    async with working(broker):
        assert (await result(await hang.kiq())).is_err


async def test_post_execute_may_change_the_result(broker: HeadpondBroker) -> None:
    """What a middleware makes of the result is what is stored."""

    class Doubles(TaskiqMiddleware):
        @override
        def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
            result.return_value *= 2

    broker.add_middlewares(Doubles())

    @broker.task
    async def one() -> int:
        return 1

    async with working(broker):
        assert (await result(await one.kiq())).return_value == 2


@pytest.mark.parametrize("hook", ["pre_execute", "post_execute", "post_save", "on_error"])
async def test_an_error_in_a_hook_ends_the_job_and_not_the_worker(
    broker: HeadpondBroker, hook: str
) -> None:
    """Taskiq leaves such errors uncaught; here the job fails with them and the worker goes on."""

    def breaks(self: TaskiqMiddleware, *args: Any) -> None:
        message = f"{hook} is broken"
        raise RuntimeError(message)

    broker.add_middlewares(type("Broken", (TaskiqMiddleware,), {hook: breaks})())

    @broker.task
    async def work() -> None:
        if hook == "on_error":
            raise KeyError("first")

    async with working(broker):
        for _ in range(2):
            done = await result(await work.kiq())
            assert str(done.error) == f"RuntimeError: {hook} is broken"


async def test_a_shutdown_is_no_error_for_middlewares(
    broker: HeadpondBroker, redis_url: str, namespace: str
) -> None:
    """A run that a shutdown ends goes back unburned; no retry middleware counts it."""
    notes: list[str] = []
    broker.add_middlewares(Diary("a", notes), SimpleRetryMiddleware(default_retry_label=True))
    entered = asyncio.Event()

    @broker.task
    async def long_one() -> None:
        entered.set()
        await asyncio.sleep(3600)

    async with working(broker, grace_s=0.1):
        task = await long_one.kiq()
        await entered.wait()
    assert not any("on_error" in note or "post" in note for note in notes if "send" not in note)
    again = redis_broker(redis_url, namespace)
    await again.startup()
    job = await stored(again, task.task_id)
    assert (job.state, job.attempts) == (JobState.WAITING, 0)
    await again.shutdown()


async def test_no_result_error_of_a_task(broker: HeadpondBroker) -> None:
    """A task that wants no result has none; post_save is left out, the job is completed."""
    notes: list[str] = []
    broker.add_middlewares(Diary("a", notes))

    @broker.task
    async def shy() -> None:
        raise NoResultError

    async with working(broker):
        task = await shy.kiq()
        done = await result(task)
        assert (done.is_err, done.return_value) == (False, None)
    assert "a.post_execute" in notes
    assert "a.post_save" not in notes
