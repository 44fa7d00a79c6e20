"""Enqueueing one and many through an app, and what people do to jobs by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from headpond import App, Cancellation, Enqueued, JobType, Unique
from headpond.app.calls import CHUNK_BYTES
from headpond.envelope import Outcome, Progress, pack
from headpond.errors import JobUnknown, PayloadInvalid
from headpond.jobs import Claim, Failed, JobId, JobState, Progressed
from headpond.memory import MemoryQueueStore
from headpond.queues import QueueSettings
from headpond.testing import START_MS, ManualClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.jobs import NewJob, Placed

BAD = pack(Outcome(1, 1, error="ValueError", message="bad"))


class Grain(BaseModel):
    """A payload."""

    weight: int


class Mill:
    """An app with two job types on a store in memory."""

    def __init__(self) -> None:
        """Declare them."""
        self.clock = ManualClock()
        self.store = MemoryQueueStore(self.clock)
        app = App("mill")
        app.bind(self.store)
        queue = app.queue("grain")

        @queue.job("grind")
        def grind(payload: Grain) -> None: ...

        @queue.job("sift")
        def sift(payload: Any) -> None: ...

        @app.queue("flour").job("pack")
        def pack(payload: Any) -> None: ...

        self.grind, self.sift, self.pack = grind, sift, pack

    async def claim(self, want: int = 1) -> Sequence[Claim]:
        """Claim jobs."""
        return (await self.store.exchange("grain", "w", [], want)).claims

    async def order(self) -> list[str]:
        """Return the ids of the waiting jobs as they will start."""
        page = await self.store.page("grain", JobState.WAITING, "", 10_000)
        return [job.id for job in page.jobs]


@pytest.fixture
async def mill() -> Mill:
    """Give an empty mill."""
    it = Mill()
    await it.store.configure("grain", QueueSettings())
    return it


# ── enqueueing ──


async def test_a_second_job_of_a_key_meets_the_first(mill: Mill) -> None:
    """Its id is told; with `replace` the first gives way."""
    first = await mill.grind.enqueue(Grain(weight=1), job_id="a", unique="k")
    second = await mill.grind.enqueue(Grain(weight=2), job_id="b", unique="k")
    third = await mill.grind.enqueue(
        Grain(weight=3), job_id="c", unique=Unique("k", mode="replace")
    )
    assert first == Enqueued(JobId("a"), created=True)
    assert second == Enqueued(JobId("a"), created=False)
    assert third == Enqueued(JobId("c"), created=True, replaced=JobId("a"))


async def test_many_are_enqueued_in_their_order(mill: Mill) -> None:
    """Thousands, in chunks, with one answer each."""
    payloads = [{"weight": number} for number in range(2_500)]
    answers = await mill.grind.enqueue_many(payloads, tenant="acme", priority="high")
    assert len(answers) == 2_500
    assert all(answer.created for answer in answers)
    assert await mill.order() == [answer.id for answer in answers]
    status = await mill.grind.status(answers[-1].id)
    assert status is not None
    assert status.tenant == "acme"


async def test_many_may_differ(mill: Mill) -> None:
    """Calls carry what is each job's own, and may be of any type of the queue."""
    await mill.grind.enqueue(Grain(weight=1), job_id="b")
    answers = await mill.grind.enqueue_many(
        [
            mill.grind.call({"weight": 1}, job_id="a", priority="low"),
            mill.grind.call({"weight": 1}, job_id="b"),
            mill.sift.call("rye", job_id="c", priority="high"),
        ]
    )
    assert answers == [
        Enqueued(JobId("a"), created=True),
        Enqueued(JobId("b"), created=False),
        Enqueued(JobId("c"), created=True),
    ]
    assert await mill.order() == ["c", "b", "a"]


async def test_of_many_none_is_enqueued_when_one_does_not_fit(mill: Mill) -> None:
    """The pointer says which."""
    with pytest.raises(PayloadInvalid) as caught:
        await mill.grind.enqueue_many([{"weight": 1}, {"weight": "heavy"}])
    assert caught.value.errors[0].pointer == "/1/weight"
    with pytest.raises(PayloadInvalid) as caught:
        await mill.grind.enqueue_many([{"weight": 1}, mill.pack.call("flour")])
    assert "another queue" in caught.value.errors[0].detail
    assert await mill.order() == []


@pytest.mark.parametrize(
    "wish",
    [{"tenant": "acme"}, {"batch": "b1"}, {"priority": "high"}, {"delay": 1}],
)
async def test_wishes_beside_calls_are_refused(mill: Mill, wish: dict[str, Any]) -> None:
    """They would be for nothing: a call has its own."""
    call = mill.grind.call({"weight": 1})
    with pytest.raises(PayloadInvalid) as caught:
        await mill.grind.enqueue_many([{"weight": 1}, call], **wish)
    assert caught.value.errors[0].pointer == "/1/"
    assert "by `call`" in caught.value.errors[0].detail
    assert await mill.order() == []


async def test_large_payloads_are_enqueued_in_smaller_steps(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis would serve nobody else for seconds; order and answers are as for small ones."""
    sizes: list[int] = []
    enqueue = mill.store.enqueue

    async def noted(queue: str, jobs: Sequence[NewJob]) -> list[Placed]:
        sizes.append(sum(len(job.body) for job in jobs))
        return await enqueue(queue, jobs)

    monkeypatch.setattr(mill.store, "enqueue", noted)
    answers = await mill.sift.enqueue_many(["x" * 200_000] * 50)
    assert await mill.order() == [answer.id for answer in answers]
    assert len(sizes) == 3
    assert max(sizes) <= CHUNK_BYTES


@pytest.mark.parametrize("payloads", [None, 5])
async def test_what_is_not_many_is_refused(mill: Mill, payloads: Any) -> None:
    """At the call, in a sentence."""
    with pytest.raises(PayloadInvalid, match="are no payloads"):
        await mill.grind.enqueue_many(payloads)


@pytest.mark.parametrize("job_id", [None, 5, "", "{"])
async def test_a_status_is_asked_of_an_id(mill: Mill, job_id: Any) -> None:
    """What can't be one is a mistake, not a job that is gone."""
    with pytest.raises(PayloadInvalid) as caught:
        await mill.grind.status(job_id)
    assert caught.value.errors[0].pointer == "/job_id"


async def test_of_none_nothing_happens(mill: Mill) -> None:
    """An empty list is no mistake."""
    assert await mill.grind.enqueue_many([]) == []


# ── by hand ──


async def test_cancelling(mill: Mill) -> None:
    """Waiting: at once; active: asked; ended or unknown: told; another type's is unknown."""
    for name in ("a", "b"):
        await mill.grind.enqueue(Grain(weight=1), job_id=name)
    assert await mill.grind.cancel("b") is Cancellation.CANCELLED
    await mill.claim()
    assert await mill.grind.cancel("a") is Cancellation.ASKED
    status = await mill.grind.status("a")
    assert status is not None
    assert status.cancelling
    assert await mill.grind.cancel("b") is Cancellation.ENDED
    assert await mill.grind.cancel("c") is Cancellation.UNKNOWN
    assert await mill.sift.cancel("a") is Cancellation.UNKNOWN


async def test_failing_by_hand(mill: Mill) -> None:
    """As `manual`."""
    await mill.grind.enqueue(Grain(weight=1), job_id="a")
    assert await mill.grind.cancel("a", fail=True) is Cancellation.CANCELLED
    status = await mill.grind.status("a")
    assert status is not None
    assert (status.state, status.reason) == (JobState.FAILED, "manual")


async def test_retrying(mill: Mill) -> None:
    """A failed job runs again; one that waits does not; one that there is not is named."""
    await mill.grind.enqueue(Grain(weight=1), job_id="a")
    assert not await mill.grind.retry("a")
    (claim,) = await mill.claim()
    await mill.store.exchange("grain", "w", [Failed(claim.id, claim.fence, BAD, 1)], 0)
    assert await mill.grind.retry("a")
    assert await mill.order() == ["a"]
    for job_type in (mill.grind, mill.sift):
        with pytest.raises(JobUnknown, match="'b'" if job_type is mill.grind else "'a'"):
            await job_type.retry("b" if job_type is mill.grind else "a")


async def test_changing(mill: Mill) -> None:
    """Priority, delay and moment, until the job starts."""
    for name in ("a", "b", "c"):
        await mill.grind.enqueue(Grain(weight=1), job_id=name)
    assert await mill.grind.change("c", priority="critical")
    assert await mill.order() == ["c", "a", "b"]
    assert await mill.grind.change("a", delay="10s")
    assert (await due(mill.grind, "a")) == START_MS + 10_000
    moment = datetime(2090, 1, 1, tzinfo=UTC)
    assert await mill.grind.change("b", run_at=moment)
    assert (await due(mill.grind, "b")) == round(moment.timestamp() * 1000)
    assert await mill.grind.promote("b")
    assert await mill.order() == ["c", "b"]
    await mill.claim(2)
    assert not await mill.grind.change("c", priority="low")
    assert not await mill.grind.promote("c")
    with pytest.raises(JobUnknown):
        await mill.grind.promote("z")


async def due(job_type: JobType, job_id: str) -> int:
    """Return when a delayed job becomes due."""
    status = await job_type.status(job_id)
    assert status is not None
    assert status.due_at is not None
    return round(status.due_at.timestamp() * 1000)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({}, "/priority"),
        ({"priority": 11}, "/priority"),
        ({"delay": -1}, "/delay"),
        ({"delay": 1, "run_at": datetime(2090, 1, 1, tzinfo=UTC)}, "/run_at"),
        ({"run_at": datetime(2090, 1, 1)}, "/run_at"),  # noqa: DTZ001 (the point)
    ],
)
async def test_changes_that_make_no_sense_are_refused(
    mill: Mill, change: dict[str, Any], pointer: str
) -> None:
    """By name, and the job is as it was."""
    await mill.grind.enqueue(Grain(weight=1), job_id="a")
    with pytest.raises(PayloadInvalid) as caught:
        await mill.grind.change("a", **change)
    assert caught.value.errors[0].pointer == pointer


async def test_progress_is_shown(mill: Mill) -> None:
    """As the handler said it last."""
    await mill.grind.enqueue(Grain(weight=1), job_id="a")
    (claim,) = await mill.claim()
    said = Progress(3.0, 10.0, "grinding")
    await mill.store.exchange("grain", "w", [Progressed(claim.id, claim.fence, pack(said))], 0)
    status = await mill.grind.status("a")
    assert status is not None
    assert status.progress == said
