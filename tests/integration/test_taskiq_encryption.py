"""taskiq on an encrypted queue: `.kiq()` seals, middlewares and handlers see what was sent."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel
from taskiq import (
    Context,
    InMemoryBroker,
    SimpleRetryMiddleware,
    TaskiqDepends,
    TaskiqMessage,
    TaskiqMiddleware,
    TaskiqResult,
)
from taskiq.exceptions import SendTaskError
from typing_extensions import override

from headpond import Sensitive
from headpond.broker import HeadpondBroker
from headpond.config import QueueConfigSpec
from headpond.envelope import unpack_envelope
from headpond.errors import KeyMissing
from headpond.redis import RedisQueueStore
from headpond.sealing import Keyring
from taskiq_bench import QUEUE, result, stored, working
from until import until
from vault import NEW, OLD, Canary, everything

if TYPE_CHECKING:
    from redis_server import RedisServer

KEYS = Keyring.parse(OLD, "test")


class Letter(BaseModel):
    """Has a secret."""

    subject: str
    email: Sensitive[str]


@pytest.fixture
def broker(redis_url: str, namespace: str) -> HeadpondBroker:
    """Give a broker that encrypts everything."""
    store = RedisQueueStore(redis_url, namespace)
    return HeadpondBroker(store, QUEUE, keys=KEYS, encrypts=True)


class Witness(TaskiqMiddleware):
    """Keeps what it sees."""

    def __init__(self) -> None:
        """See nothing yet."""
        super().__init__()
        self.seen: list[Any] = []

    @override
    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        self.seen.append((message.args, message.kwargs, message.labels.get("secret")))
        return message

    @override
    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        self.seen.append(result.return_value)


async def test_encryption_of_tasks(
    broker: HeadpondBroker, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Arguments, labels, results and errors are sealed; middlewares see them open (A14.5)."""
    caplog.set_level(logging.DEBUG)
    witness, canary = Witness(), Canary()
    broker.add_middlewares(witness)

    @broker.task
    async def echo(word: str, *, number: int) -> str:
        return f"{word} {number}"

    @broker.task
    async def fail(word: str) -> None:
        raise ValueError(word)

    async with working(broker):
        task = (
            await echo.kicker()
            .with_labels(secret=canary.word)
            .kiq(canary.word, number=canary.number)
        )
        said = f"{canary.word} {canary.number}"
        done = await result(task)
        assert done.return_value == said
        assert done.labels["secret"] == canary.word
        assert witness.seen == [
            ([canary.word], {"number": canary.number}, canary.word),
            said,
        ]
        bad = await result(await fail.kiq(canary.word))
        assert str(bad.error) == f"ValueError: {canary.word}"
        with redis_server.client() as client:
            assert canary.found_in([*everything(client), ("log", caplog.text.encode())]) == []


async def test_encryption_outlives_a_retry_of_taskiq(broker: HeadpondBroker) -> None:
    """A job that its own run kicks again is sealed again."""
    broker.add_middlewares(SimpleRetryMiddleware(default_retry_count=3))
    runs: list[str] = []

    @broker.task(retry_on_error=True)
    async def second_time(word: str, context: Context = TaskiqDepends()) -> str:
        runs.append(word)
        job = await stored(broker, context.message.task_id)
        assert unpack_envelope(job.body).args == []
        if len(runs) < 2:
            raise ValueError(word)
        return word

    async with working(broker):
        assert (await result(await second_time.kiq("x"))).return_value == "x"
    assert runs == ["x", "x"]


async def test_encryption_of_a_task_with_a_sensitive_argument(
    redis_url: str, namespace: str
) -> None:
    """A task whose signature has a sensitive part is sealed on any queue."""
    broker = HeadpondBroker(RedisQueueStore(redis_url, namespace), QUEUE, keys=KEYS)

    @broker.task
    async def send(letter: Letter) -> str:
        return letter.email

    @broker.task
    async def note(word: str) -> str:
        return word

    async with working(broker):
        task, clear = await send.kiq(Letter(subject="s", email="e")), await note.kiq("n")
        assert (await result(task)).return_value == "e"
        assert (await result(clear)).return_value == "n"
        assert unpack_envelope((await stored(broker, task.task_id)).body).sealed
        assert not unpack_envelope((await stored(broker, clear.task_id)).body).sealed


async def test_encryption_of_tasks_follows_the_queue(redis_url: str, namespace: str) -> None:
    """`encryptPayload` of the QueueConfig is in force for `.kiq()` within a second."""
    broker = HeadpondBroker(RedisQueueStore(redis_url, namespace), QUEUE, keys=KEYS)

    @broker.task
    async def note(word: str) -> str:
        return word

    await broker.startup()
    spec = QueueConfigSpec.model_validate({"jobs": {"encryptPayload": True}})
    await broker.store.configure(QUEUE, spec.to_settings())

    async def is_sealed() -> bool:
        task = await note.kiq("n")
        return unpack_envelope((await stored(broker, task.task_id)).body).sealed is not None

    await until(is_sealed, 3)
    await broker.shutdown()


async def test_encryption_of_tasks_without_a_key(redis_url: str, namespace: str) -> None:
    """`kiq` is refused, and nothing is stored."""
    store = RedisQueueStore(redis_url, namespace)
    broker = HeadpondBroker(store, QUEUE, keys=Keyring(), encrypts=True)

    @broker.task
    async def note(word: str) -> str:
        return word

    await broker.startup()
    with pytest.raises(SendTaskError) as caught:
        await note.kiq("n")
    assert isinstance(caught.value.__cause__, KeyMissing)
    assert "HEADPOND_ENCRYPTION_KEYS" in str(caught.value.__cause__)
    assert (await store.sample([QUEUE]))[QUEUE].added_total == 0
    await broker.shutdown()


async def test_encryption_result_without_its_key_is_told(
    broker: HeadpondBroker, redis_url: str, namespace: str
) -> None:
    """Who asks for a result that can't be opened hears which key it is sealed with."""

    @broker.task
    async def note(word: str) -> str:
        return word

    async with working(broker):
        task = await note.kiq("n")
        await result(task)
    other = HeadpondBroker(
        RedisQueueStore(redis_url, namespace), QUEUE, keys=Keyring.parse(NEW, "test")
    )
    await other.startup()
    with pytest.raises(KeyMissing, match="'old'"):
        await other.result_backend.get_result(task.task_id)
    await other.shutdown()


async def test_encryption_foreign_result_backend_gets_no_secret(broker: HeadpondBroker) -> None:
    """A result backend that is not the queue's own learns whether it ended well, and no more."""
    canary = Canary()
    foreign = InMemoryBroker().result_backend
    broker.with_result_backend(foreign)

    @broker.task
    async def note(word: str) -> str:
        return word

    @broker.task
    async def fail(word: str) -> None:
        raise ValueError(word)

    async with working(broker):
        good = await result(await note.kiq(canary.word))
        bad = await result(await fail.kiq(canary.word))
    assert (good.is_err, good.return_value) == (False, {"sealed": True})
    assert (bad.is_err, str(bad.error)) == (True, "ValueError")
