"""What may be asked for with a job: refused at the call, by name, with nothing enqueued."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from headpond import App, JobType, Unique
from headpond.clock import SystemClock
from headpond.errors import PayloadInvalid
from headpond.jobs import JobState
from headpond.memory import MemoryQueueStore
from headpond.queues import QueueSettings

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"delay": -1}, "/delay", "negative"),
    ({"delay": timedelta(seconds=-1)}, "/delay", "negative"),
    ({"delay": float("nan")}, "/delay", "nan"),
    ({"delay": float("inf")}, "/delay", "100 years"),
    ({"delay": 10**400}, "/delay", "100 years"),
    ({"delay": -(10**400)}, "/delay", "negative"),
    ({"run_at": datetime.max.replace(tzinfo=timezone(-timedelta(hours=5)))}, "/run_at", "no year"),
    ({"delay": "soon"}, "/delay", "no duration"),
    ({"delay": True}, "/delay", "no length of time"),
    ({"delay": [1]}, "/delay", "no length of time"),
    ({"run_at": datetime(2030, 1, 1)}, "/run_at", "no zone"),  # noqa: DTZ001 (the point)
    ({"run_at": "tomorrow"}, "/run_at", "no time"),
    ({"run_at": NOON, "delay": 1}, "/run_at", "either"),
    ({"priority": 11}, "/priority", "not within 0 to 9"),
    ({"priority": -1}, "/priority", "not within 0 to 9"),
    ({"priority": "urgent"}, "/priority", "none of"),
    ({"priority": 5.5}, "/priority", "no priority"),
    ({"priority": True}, "/priority", "no priority"),
    ({"tenant": "a b"}, "/tenant", "1 to 100"),
    ({"tenant": "{a}"}, "/tenant", "1 to 100"),
    ({"tenant": 7}, "/tenant", "no text"),
    ({"correlation_id": "a\nb"}, "/correlation_id", "printable"),
    ({"correlation_id": "x" * 201}, "/correlation_id", "printable"),
    ({"correlation_id": None}, "/correlation_id", "printable"),
    ({"batch": "{march}"}, "/batch", "letters"),
    ({"batch": 7}, "/batch", "no text"),
]
OWN: list[tuple[dict[str, Any], str, str]] = [
    ({"job_id": ""}, "/job_id", "1 to 200"),
    ({"job_id": "a\x00b"}, "/job_id", "1 to 200"),
    ({"job_id": 7}, "/job_id", "no text"),
    ({"unique": ""}, "/unique/key", "no key"),
    ({"unique": "a\nb"}, "/unique/key", "no key"),
    ({"unique": 7}, "/unique", "neither"),
]


@pytest.fixture
async def grind() -> JobType:
    """Give a job type that takes anything, on an empty queue in memory."""
    app = App("mill")
    store = MemoryQueueStore(SystemClock())
    await store.configure("grain", QueueSettings())
    app.bind(store)

    @app.queue("grain").job("grind")
    def handler(payload: Any) -> None: ...

    return handler


async def count(grind: JobType) -> int:
    """Return how many jobs the queue has."""
    store = grind.queue_of.app.store
    return len((await store.page("grain", JobState.WAITING, "", 100)).jobs)


@pytest.mark.parametrize(("wish", "pointer", "words"), BAD + OWN)
async def test_a_bad_wish_is_refused_by_name(
    grind: JobType, wish: dict[str, Any], pointer: str, words: str
) -> None:
    """By `enqueue` and by `call`, before the store hears of it."""
    with pytest.raises(PayloadInvalid) as caught:
        await grind.enqueue("rye", **wish)
    (fault,) = caught.value.errors
    assert fault.pointer == pointer
    assert words in fault.detail
    with pytest.raises(PayloadInvalid):
        grind.call("rye", **wish)
    assert await count(grind) == 0


@pytest.mark.parametrize(("wish", "pointer", "words"), BAD)
async def test_a_bad_wish_for_many_is_refused_by_name(
    grind: JobType, wish: dict[str, Any], pointer: str, words: str
) -> None:
    """Nothing is enqueued."""
    with pytest.raises(PayloadInvalid) as caught:
        await grind.enqueue_many(["rye", "oats"], **wish)
    (fault,) = caught.value.errors
    assert fault.pointer == pointer
    assert words in fault.detail
    assert await count(grind) == 0


@pytest.mark.parametrize(
    ("wish", "delay_ms", "run_at_ms"),
    [
        ({"delay": 1.5}, 1500, 0),
        ({"delay": "2m"}, 120_000, 0),
        ({"delay": timedelta(hours=1)}, 3_600_000, 0),
        ({"delay": 0}, 0, 0),
        ({"run_at": NOON}, 0, 1_893_499_200_000),
        ({"run_at": datetime(1960, 1, 1, tzinfo=UTC)}, 0, 1),
        ({"run_at": datetime.max.replace(tzinfo=UTC)}, 0, 253_402_300_799_999),
        ({}, 0, 0),
    ],
)
async def test_when_a_job_starts(
    grind: JobType, wish: dict[str, Any], delay_ms: int, run_at_ms: int
) -> None:
    """Delays in every form, and moments; one in the past means at once."""
    job = grind.call("rye", **wish).pack()
    assert (job.delay_ms, job.run_at_ms) == (delay_ms, run_at_ms)


async def test_a_key_may_be_a_text(grind: JobType) -> None:
    """It stands for the plainest `Unique` of that key."""
    assert grind.call("rye", unique="k").pack().unique == Unique("k")
    mode = Unique("k", for_ms=5, until="", mode="replace")
    assert grind.call("rye", unique=mode).pack().unique == mode
