"""Plans: what running one kind of job takes, and the terms on which it runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, Json, computed_field
from taskiq import Context, TaskiqDepends

from headpond import App, Job
from headpond.broker import HeadpondBroker
from headpond.clock import SystemClock
from headpond.config.spec import QueueConfigSpec
from headpond.envelope import Envelope, unpack_envelope
from headpond.errors import PayloadInvalid
from headpond.jobs import Claim, JobId
from headpond.memory import MemoryQueueStore
from headpond_workers.casts import casts_of
from headpond_workers.held import Held
from headpond_workers.live import ONE_RUN, LiveSettings
from headpond_workers.plans import Manners, Plan, Work, make_plan
from headpond_workers.threads import Threads


class Grain(BaseModel):
    """A payload."""

    weight: int


@dataclass
class Mill:
    """A broker that serves an app's queue."""

    broker: HeadpondBroker
    app: App

    def plan(self, name: str, manners: Manners | None = None) -> Plan:
        """Make a plan, which must be possible."""
        self.broker.serve(self.app.queues["mill"])
        plan = make_plan(self.broker, name, manners or Manners())
        assert plan is not None
        return plan

    async def run(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Run a job of this name with these arguments as they come off the wire."""
        plan = self.plan(name)
        held = Held(Claim(JobId("j-1"), b"", "w.1", 0, 0, 1))
        held.job = Job("j-1", "mill", name, attempt=2)
        envelope = Envelope(name, list(args), kwargs)
        return await plan.invoke(Work(held, envelope, self.broker, Threads()))


@pytest.fixture
def mill() -> Mill:
    """Give an empty mill."""
    app = App("mill")
    app.queue("mill")
    return Mill(HeadpondBroker(MemoryQueueStore(SystemClock()), "mill"), app)


# ── job types ──


async def test_payload_and_job_are_passed_wherever_they_stand(mill: Mill) -> None:
    """First, second, alone or not at all; async and in a thread."""
    queue = mill.app.queues["mill"]

    @queue.job()
    async def both(payload: Grain, job: Job) -> list[Any]:
        return [payload.weight, job.attempt]

    @queue.job()
    def job_first(job: Job, payload: Grain) -> list[Any]:
        return [payload.weight, job.attempt]

    @queue.job()
    async def only_job(job: Job) -> str:
        return job.id

    @queue.job()
    def nothing() -> str:
        return "nothing"

    assert await mill.run("both", {"weight": 3}) == [3, 2]
    assert await mill.run("job-first", {"weight": 3}) == [3, 2]
    assert await mill.run("only-job", None) == "j-1"
    assert await mill.run("nothing", None) == "nothing"


class Sack(BaseModel):
    """Goes by one name at the door, by another in its author's dumps, and by its own in between."""

    model_config = ConfigDict(extra="forbid", serialize_by_alias=True)

    grain: Grain = Field(alias="content")
    miller: str = Field(validation_alias=AliasChoices("by", AliasPath("people", 0)))
    mark: str = Field(serialization_alias="stamp")
    left: int = Field(alias="right")
    right: int = Field(alias="left")
    notes: Json[list[int]]

    @computed_field  # type: ignore[prop-decorator]  # as pydantic has it
    @property
    def heavy(self) -> bool:
        """Follow from the rest."""
        return self.left > 1


async def test_a_payload_arrives_as_the_model_that_was_accepted(mill: Mill) -> None:
    """Whatever its fields are called outside, what is computed, and what is JSON in JSON."""

    @mill.app.queues["mill"].job()
    async def keep(payload: Sack) -> Sack:
        return payload

    outside = {"content": {"weight": 3}, "people": ["Ann"], "mark": "x", "right": 1, "left": 2}
    job = keep.pack({**outside, "notes": "[1]"})
    sack = await mill.run("keep", *unpack_envelope(job.body).args)
    assert sack == keep.accept({**outside, "notes": "[1]"})
    assert (sack.left, sack.right, sack.miller, sack.notes) == (1, 2, "Ann", [1])


async def test_a_payload_is_validated_again_at_the_worker(mill: Mill) -> None:
    """The model of the worker's version decides; what it rejects never reaches the handler."""

    @mill.app.queues["mill"].job()
    async def grind(payload: Grain) -> None: ...

    with pytest.raises(PayloadInvalid):
        await mill.run("grind", {"weight": "heavy"})


async def test_dependencies_of_job_types(mill: Mill) -> None:
    """Taskiq's dependencies are resolved beside the payload."""
    queue = mill.app.queues["mill"]

    @queue.job()
    async def grind(payload: Grain, context: Context = TaskiqDepends()) -> str:
        return context.message.task_id

    @queue.job()
    def sift(context: Annotated[Context, TaskiqDepends()], payload: Grain) -> int:
        return payload.weight

    assert mill.plan("grind").graph is not None
    assert await mill.run("grind", {"weight": 1}) == "j-1"
    assert await mill.run("sift", {"weight": 5}) == 5


def test_what_is_unknown_has_no_plan(mill: Mill) -> None:
    """The job is for somebody else."""
    assert make_plan(mill.broker, "nobody", Manners()) is None


def test_a_plain_handler_pays_for_nothing(mill: Mill) -> None:
    """No dependency graph, no casts."""

    @mill.app.queues["mill"].job()
    async def grind(payload: Grain) -> None: ...

    plan = mill.plan("grind")
    assert plan.graph is None
    assert not plan.casts.positional
    assert plan.is_async


# ── taskiq's tasks ──


async def test_tasks_get_their_arguments_cast(mill: Mill) -> None:
    """By position, by name, rest and all; a job is injected by its annotation."""

    @mill.broker.task(task_name="t")
    async def task(grain: Grain, *rest: int, job: Job, factor: float = 1.0, **more: int) -> Any:
        return [grain, rest, job.id, factor, more]

    assert await mill.run("t", {"weight": "3"}, "4", "x", factor="2", other="5") == [
        Grain(weight=3),
        (4, "x"),
        "j-1",
        2.0,
        {"other": "5"},
    ]


def test_what_has_no_schema_is_not_cast() -> None:
    """An annotation that pydantic can't read leaves its argument alone."""

    class Opaque:
        pass

    def task(opaque: Opaque, anything: Any, number: int | None) -> None: ...

    hints = {"opaque": Opaque, "anything": Any, "number": int | None}
    casts = casts_of(task, hints, set())
    assert casts.of_positional([1, 2, "3"]) == [1, 2, 3]
    assert casts.of_positional([1, 2, None]) == [1, 2, None]


async def test_errors_reach_generators_unless_told_otherwise(mill: Mill) -> None:
    """`Manners.propagates` is taskiq's `--no-propagate-errors`."""

    @mill.broker.task(task_name="t")
    async def task() -> None: ...

    assert mill.plan("t").propagates
    assert not mill.plan("t", Manners(propagates=False)).propagates
    assert not mill.plan("t", Manners(casts=False)).casts.named
    await asyncio.sleep(0)


# ── terms ──


def spec(**jobs: Any) -> str:
    """Write a queue's document."""
    return QueueConfigSpec.model_validate({"jobs": jobs}).model_dump_json(exclude_none=True)


def test_the_config_wins_over_code_and_a_job_type_over_both() -> None:
    """Where each says something; the terms follow the document."""
    queue = App("mill").queue("mill", concurrency=7, retries=1, timeout="1m")
    plain = queue.job("plain")(lambda _: None)
    own = queue.job("own", timeout="5s", retries=9, backoff="fixed:1s")(lambda _: None)
    live = LiveSettings(queue)

    assert live.slots == 7
    assert live.terms("plain", plain, {}).timeout_s == 60
    assert live.terms("plain", plain, {}).retry.retries == 1

    live.follow(spec(concurrency=3, retries=2, timeout="30s", priority="high"))
    assert live.slots == 3
    assert live.terms("plain", plain, {}).timeout_s == 30
    assert live.terms("plain", plain, {}).retry.retries == 2
    assert live.terms("own", own, {}).timeout_s == 5
    assert live.terms("own", own, {}).retry.retries == 9
    assert live.terms("own", own, {}).retry.backoff.delay_s == 1
    assert queue.live_priority == 7

    live.follow("{}")
    assert live.slots == 7, "where nobody configured, code's defaults hold"


def test_tasks_run_once_with_the_queues_timeout() -> None:
    """Taskiq's own middlewares decide about retries; a label about the time."""
    live = LiveSettings(None)
    live.follow(spec(timeout="30s", retries=5))
    assert live.terms("t", None, {}).retry is ONE_RUN
    assert live.terms("t", None, {}).timeout_s == 30
    assert live.terms("u", None, {"timeout": 2}).timeout_s == 2


def test_a_document_of_another_version_is_refused_whole() -> None:
    """What is not understood changes nothing."""
    live = LiveSettings(None)
    live.follow(spec(concurrency=3))
    with pytest.raises(ValueError, match="shovels"):
        live.follow('{"jobs": {"concurrency": 5, "shovels": 2}}')
    assert live.slots == 3
