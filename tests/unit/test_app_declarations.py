"""What an app may declare and what it may send: every refusal is an error of ours, in words."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from headpond import App
from headpond.app.catalog import load_apps
from headpond.app.status import status_of
from headpond.clock import SystemClock
from headpond.errors import ConfigInvalid, PayloadInvalid, TooLarge
from headpond.memory import MemoryQueueStore
from headpond.queues import QueueSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from headpond.app.job_type import JobType


@pytest.fixture
def app() -> App:
    """Give an app with a queue."""
    app = App("mill")
    app.queue("grain")
    return app


@pytest.fixture
def grind(app: App) -> JobType:
    """Give a job type that takes anything."""

    @app.queues["grain"].job("grind")
    def handler(payload: Any) -> None: ...

    return handler


def module(monkeypatch: pytest.MonkeyPatch, **names: object) -> str:
    """Make a module of these names that can be imported, and return its name."""
    made = ModuleType("grain_apps")
    made.__dict__.update(names)
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made.__name__


def test_queue_declared_twice_is_refused(app: App) -> None:
    """The second would silently take the job types of the first away."""
    with pytest.raises(ConfigInvalid, match="'mill' declares queue 'grain' twice"):
        app.queue("grain", concurrency=5)


def test_module_of_one_app_needs_no_more_than_its_name(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app may have any name, and several names."""
    assert load_apps([module(monkeypatch, app=app, again=app)]) == [app]


def test_one_app_of_several_is_named(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that imports another's app says which is meant; nobody guesses."""
    name = module(monkeypatch, app=app, a_base=App("base"))
    with pytest.raises(ConfigInvalid, match="grain_apps:a_base, grain_apps:app"):
        load_apps([name])
    assert load_apps([f"{name}:app"]) == [app]


@pytest.mark.parametrize("wrong", ["missing", "number"])
def test_name_that_is_no_app_is_refused(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is named must be there and be an app."""
    name = module(monkeypatch, number=1)
    with pytest.raises(ConfigInvalid, match=f"'grain_apps' has no headpond.App named '{wrong}'"):
        load_apps([f"{name}:{wrong}"])


def _nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def _cycle() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "payload", [object(), _nested(600), _cycle()], ids=["object", "deep", "cycle"]
)
def test_payload_that_can_not_be_written_down_is_refused(grind: JobType, payload: object) -> None:
    """A model that accepts anything does not make anything JSON."""
    with pytest.raises(PayloadInvalid):
        grind.pack(payload)


@pytest.mark.parametrize(
    "delay", [float("inf"), float("nan"), 1e12, 1e300, timedelta.max], ids=repr
)
async def test_delay_beyond_the_calendar_is_refused(
    app: App, grind: JobType, delay: timedelta | float
) -> None:
    """Such a job could never be shown: no calendar has its day."""
    app.bind(MemoryQueueStore(SystemClock()))
    with pytest.raises(PayloadInvalid) as refused:
        await grind.enqueue(1, delay=delay)
    assert [error.pointer for error in refused.value.errors] == ["/delay"]


async def test_the_longest_delay_can_be_shown(app: App, grind: JobType) -> None:
    """A job of a hundred years, and one on the calendar's last day, have a status."""
    store = MemoryQueueStore(SystemClock())
    await store.configure("grain", QueueSettings())
    app.bind(store)
    long = await grind.enqueue(1, delay=timedelta(days=36_500))
    last = await grind.enqueue(1, run_at=datetime(9999, 12, 31, tzinfo=UTC))
    stored = await store.read("grain", [long.id, last.id])
    assert all(status_of(job).due_at for job in stored if job is not None)
    await store.close()


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"concurrency": 0}, "/spec/jobs/concurrency"),
        ({"concurrency": "5"}, "/spec/jobs/concurrency"),
        ({"retries": -1}, "/spec/jobs/retries"),
        ({"backoff": "quadratic:2s"}, "/backoff"),
        ({"timeout": "-1s"}, "/spec/jobs/timeout"),
        ({"priority": 11}, "/spec/jobs/priority"),
        ({"max_active": 0}, "/spec/jobs/maxActive"),
        ({"rate_limit": "0/s"}, "/spec/jobs/rateLimit/max"),
        ({"rate_limit": "10"}, "/spec/jobs/rateLimit"),
        ({"max_workers": -1}, "/spec/scaling/max"),
        ({"encrypt_payload": "yes"}, "/spec/jobs/encryptPayload"),
    ],
)
def test_a_queue_s_defaults_are_checked_where_they_are_said(
    said: dict[str, object], pointer: str
) -> None:
    """By name, and the app has no such queue then."""
    app = App("mill")
    with pytest.raises(ConfigInvalid) as caught:
        app.queue("line", **said)
    assert [fault.pointer for fault in caught.value.errors] == [pointer]
    assert not app.queues


def test_a_decorator_that_was_not_called_is_refused() -> None:
    """`@queue.job` without its parentheses would declare nothing, and nobody would hear of it."""

    def grind() -> None: ...

    with pytest.raises(ConfigInvalid, match=r"write @queue\.job\(\)"):
        App("mill").queue("line").job(grind)  # type: ignore[arg-type]  # what people write


def test_a_timeout_is_refused_by_its_name() -> None:
    """Whoever reads it wants to know which of the numbers is meant."""
    with pytest.raises(ConfigInvalid, match="negative") as caught:
        App("mill").queue("line").job("grind", timeout=-1)(lambda: None)
    assert caught.value.errors[0].pointer == "/timeout"


def test_a_keyword_that_no_queue_has_is_refused() -> None:
    """The error lists what there is, and the queue is not declared."""
    app = App("mill")
    with pytest.raises(ConfigInvalid, match="concurrency, retries") as caught:
        app.queue("line", retrys=3)
    assert caught.value.errors[0].pointer == "/retrys"
    assert app.queues == {}


def test_a_handler_that_yields_is_refused() -> None:
    """Nobody would take what it gives."""

    async def grind() -> AsyncIterator[int]:
        yield 1

    with pytest.raises(ConfigInvalid, match="The handler yields"):
        App("mill").queue("line").job("grind")(grind)


def test_a_payload_of_any_size_is_refused_at_the_call() -> None:
    """256 KiB by default; an app may say otherwise, and the API does as it is configured."""
    app = App("mill")
    grind = app.queue("line").job("grind")(lambda payload: payload)
    assert grind.pack("x" * 256 * 1024).body
    with pytest.raises(TooLarge, match="The payload of this 'grind' has 300,"):
        grind.pack("x" * 300_000)
    app.max_payload_bytes = 1_000_000
    assert grind.pack("x" * 300_000).body
