"""What authors of jobs write: apps, queues, job types, and what becomes of mistakes in them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from headpond import App, Job, JobType, Retry, Snooze
from headpond.envelope import Outcome, pack, unpack_envelope
from headpond.errors import ConfigInvalid, PayloadInvalid, StoreUnavailable
from headpond.jobs import DEFAULT_PRIORITY, Done, JobState
from headpond.memory import MemoryQueueStore
from headpond.queues import QueueSettings
from headpond.testing import START_MS, ManualClock

INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))


class Address(BaseModel):
    """Part of a payload."""

    mail: str = Field(min_length=3)


class Opaque:
    """Nothing that pydantic knows."""


class Send(BaseModel):
    """A payload."""

    invoice: int
    to: list[Address] = []
    on: dt.date | None = None


def a_job_type(**options: Any) -> JobType:
    """Declare a job type that takes `Send`."""
    queue = App("billing").queue("invoices")

    @queue.job("send-invoice", **options)
    async def send(payload: Send) -> None: ...

    return send


# ── declaring ──


def test_a_handler_is_still_a_function() -> None:
    """Decorated or not, it can be called; its name comes from the function's unless given."""
    app = App("billing")
    queue = app.queue("invoices")

    @queue.job()
    def send_invoice(payload: Send, job: Job) -> int:
        return payload.invoice

    assert app.queues == {"invoices": queue}
    assert queue.job_types == {"send-invoice": send_invoice}
    assert repr(queue) == "Queue(invoices)"
    assert repr(send_invoice) == "JobType(invoices/send-invoice)"
    job = Job("j", "invoices", "send-invoice")
    assert send_invoice(Send(invoice=7), job) == 7
    assert send_invoice.model is Send
    assert (send_invoice.payload_parameter, send_invoice.job_parameter) == ("payload", "job")


def test_payload_and_job_are_found_by_annotation() -> None:
    """In any order, each may be missing, and the payload may be anything that pydantic knows."""
    queue = App("billing").queue("invoices")

    @queue.job()
    def job_first(job: Job, payload: dict[str, int]) -> None: ...

    @queue.job()
    def neither() -> None: ...

    @queue.job()
    def untyped(payload, extra: int = 1) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001 (the point)

    assert (job_first.payload_parameter, job_first.job_parameter) == ("payload", "job")
    assert (neither.payload_parameter, neither.model) == (None, None)
    assert untyped.accept({"any": ["thing"]}) == {"any": ["thing"]}


def test_two_handlers_of_one_name_are_refused() -> None:
    """The second would hide the first."""
    queue = App("billing").queue("invoices")
    queue.job("send")(lambda _: None)
    with pytest.raises(ConfigInvalid, match="two handlers for 'send'"):
        queue.job("send")(lambda _: None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeout": "30 parsecs"}, "no duration"),
        ({"backoff": "sometimes"}, "no backoff"),
        ({"priority": "urgent"}, "'urgent' is none of"),
        ({"priority": 10}, "not within 0 to 9"),
        ({"priority": True}, "True is no priority"),
        ({"retries": -1}, "-1 is no number of re-runs"),
        ({"retries": 2.5}, "2.5 is no number of re-runs"),
        ({"retries": "3"}, "'3' is no number of re-runs"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(
    options: dict[str, Any], words: str
) -> None:
    """At the declaration, with the name of the job type, not in each run."""
    with pytest.raises(ConfigInvalid, match=words) as caught:
        a_job_type(**options)
    assert "send-invoice" in str(caught.value)


def positional(payload: Send, /) -> None:
    """Take the payload by position alone."""


def starred(*payloads: Send) -> None:
    """Take any number."""


def keywords(**payload: Any) -> None:
    """Take any names."""


def two(payload: Send, other: Send) -> None:
    """Take two payloads."""


@pytest.mark.parametrize("handler", [positional, starred, keywords, two])
def test_signatures_that_cannot_be_filled_are_refused(handler: Any) -> None:
    """A worker fills parameters by name."""
    with pytest.raises(ConfigInvalid, match="can't be filled"):
        App("billing").queue("invoices").job()(handler)


def test_annotations_that_cannot_be_resolved_are_refused() -> None:
    """A name that only a type checker knows means nothing at run time."""

    def handler(payload: Unheard) -> None: ...  # type: ignore[name-defined]  # noqa: F821 (the point)

    with pytest.raises(ConfigInvalid, match="can't be resolved: name 'Unheard'"):
        App("billing").queue("invoices").job()(handler)


def test_payloads_that_pydantic_cannot_validate_are_refused() -> None:
    """A class of one's own needs to be a model."""

    def handler(payload: Opaque) -> None: ...

    with pytest.raises(ConfigInvalid, match="nothing that pydantic can validate"):
        App("billing").queue("invoices").job()(handler)


def test_a_queue_needs_a_proper_name() -> None:
    """It becomes part of Redis keys and Deployments."""
    with pytest.raises(ConfigInvalid, match="'My Queue' is no queue name"):
        App("billing").queue("My Queue")


@pytest.mark.parametrize("name", ["", "{", "a b", ".a", "x" * 64, 5, None])
def test_an_app_needs_a_proper_name(name: Any) -> None:
    """It is what people say in commands and read in sentences."""
    with pytest.raises(ConfigInvalid, match="is no app's name") as caught:
        App(name)
    assert caught.value.errors[0].pointer == "/name"


def test_hooks_and_routers_are_kept() -> None:
    """For the processes that run them."""
    app = App("billing")

    @app.on_start
    async def start() -> None: ...

    @app.on_stop
    def stop() -> None: ...

    router = object()
    app.include(router)
    assert (app.start_hooks, app.stop_hooks, app.routers) == ([start], [stop], [router])


# ── payloads ──


def test_a_payload_becomes_the_model() -> None:
    """From JSON-like data or from the model itself."""
    send = a_job_type()
    assert send.accept({"invoice": 7}) == Send(invoice=7)
    assert send.accept(Send(invoice=7)) == Send(invoice=7)


def test_each_fault_has_a_pointer_and_a_sentence() -> None:
    """JSON pointers as of RFC 6901, into the payload."""
    with pytest.raises(PayloadInvalid) as caught:
        a_job_type().accept({"invoice": "seven", "to": [{"mail": "a@b"}, {"mail": "x"}]})
    assert "'send-invoice': /invoice: Input should be" in str(caught.value)
    assert [error.pointer for error in caught.value.errors] == ["/invoice", "/to/1/mail"]
    assert all(error.detail.endswith(".") for error in caught.value.errors)


def test_pointers_are_escaped() -> None:
    """`~` and `/` in a key."""
    queue = App("billing").queue("invoices")

    @queue.job()
    def take(payload: dict[str, int]) -> None: ...

    with pytest.raises(PayloadInvalid) as caught:
        take.accept({"a/b~c": "x"})
    assert caught.value.errors[0].pointer == "/a~1b~0c"


def deep() -> list[Any]:
    """Nest deeper than any decoder goes."""
    nested: list[Any] = []
    for _ in range(10_000):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    ("payload", "words"),
    [({"n": 2**64}, "beyond 64 bits"), ({"t": "\ud800"}, "surrogate"), (deep(), "depth exceeded")],
)
def test_data_that_no_wire_takes_is_refused(payload: Any, words: str) -> None:
    """A model that lets anything pass still does not let these into the queue."""
    queue = App("billing").queue("invoices")

    @queue.job()
    def take(payload: Any) -> None: ...

    with pytest.raises(PayloadInvalid) as caught:
        take.pack(payload)
    assert words in caught.value.errors[0].detail


# ── packing and enqueueing ──


def test_what_is_packed() -> None:
    """Payload as JSON has it, tenant and correlation in the envelope, the rest for the store."""
    job = a_job_type().pack(
        Send(invoice=7, on=dt.date(2025, 1, 2)),
        job_id="invoice-7",
        tenant="acme",
        priority="high",
        delay_ms=500,
        correlation_id="c-1",
    )
    envelope = unpack_envelope(job.body)
    assert envelope.job_type == "send-invoice"
    assert envelope.args == [{"invoice": 7, "to": [], "on": "2025-01-02"}]
    assert (envelope.tenant, envelope.correlation_id) == ("acme", "c-1")
    assert (job.id, job.tenant, job.priority, job.delay_ms) == ("invoice-7", "acme", 7, 500)


def test_ids_are_made_when_none_is_given() -> None:
    """Each one new."""
    send = a_job_type()
    assert len({send.pack({"invoice": 7}).id for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("field", "value"), [("job_id", "{no}"), ("tenant", "no such"), ("priority", "urgent")]
)
def test_odd_ids_tenants_and_priorities_are_refused(field: str, value: str) -> None:
    """They become parts of keys, so they are checked at the door."""
    with pytest.raises(PayloadInvalid) as caught:
        a_job_type().pack({"invoice": 7}, **{field: value})  # type: ignore[arg-type]  # one of them
    assert caught.value.errors[0].pointer == f"/{field}"


def test_the_priority_comes_from_the_nearest_who_says_one() -> None:
    """The call, the job type, the queue, the default."""
    payload = {"invoice": 7}
    assert a_job_type().pack(payload).priority == DEFAULT_PRIORITY
    low = a_job_type(priority="low")
    assert low.pack(payload).priority == 2
    assert low.pack(payload, priority=9).priority == 9
    queue = App("billing").queue("invoices", priority="high")
    assert queue.job("any")(lambda _: None).pack(1).priority == 7


async def test_enqueue_and_status() -> None:
    """The store has the job when enqueue returns; a second of the id is the same job."""
    send = a_job_type()
    with pytest.raises(StoreUnavailable, match=r"call app\.bind\(store\) first"):
        await send.enqueue({"invoice": 7})
    clock = ManualClock()
    store = MemoryQueueStore(clock)
    await store.configure("invoices", QueueSettings())
    send.queue_of.app.bind(store)
    first = await send.enqueue({"invoice": 7}, job_id="i-7", tenant="acme")
    second = await send.enqueue({"invoice": 8}, job_id="i-7")
    assert (first.created, second.created, second.id) == (True, False, "i-7")

    status = await send.status("i-7")
    assert status is not None
    assert (status.state, status.tenant, status.attempts) == (JobState.WAITING, "acme", 0)
    assert status.started_at is status.finished_at is None

    (claim,) = (await store.exchange("invoices", "w", [], 1)).claims
    clock.advance_ms(1_000)
    outcome = pack(Outcome(START_MS, 1_000_000, result={"sent": True}))
    await store.exchange("invoices", "w", [Done(claim.id, claim.fence, outcome, 1_000_000)], 0)
    status = await send.status("i-7")
    assert status is not None
    assert (status.state, status.result, status.attempts) == (
        JobState.COMPLETED,
        {"sent": True},
        1,
    )
    assert status.started_at is not None
    assert status.finished_at is not None
    assert status.finished_at - status.started_at == dt.timedelta(seconds=1)

    assert await send.status("nobody") is None
    other = send.queue_of.job("other")(lambda _: None)
    assert await other.status("i-7") is None, "a job of another type"


@pytest.mark.parametrize(
    ("when", "due_ms"),
    [
        ({"delay": 1.5}, 1_500),
        ({"delay": dt.timedelta(minutes=1)}, 60_000),
        ({"run_at": dt.datetime.fromtimestamp(START_MS / 1000 + 5, dt.UTC)}, 5_000),
        ({"run_at": dt.datetime.fromtimestamp(START_MS / 1000 + 5, INDIA)}, 5_000),
    ],
)
async def test_delays_and_moments(when: dict[str, Any], due_ms: int) -> None:
    """Seconds, spans, and moments of any zone."""
    send = a_job_type()
    store = MemoryQueueStore(ManualClock())
    await store.configure("invoices", QueueSettings())
    send.queue_of.app.bind(store)
    enqueued = await send.enqueue({"invoice": 7}, **when)
    (job,) = await store.read("invoices", [enqueued.id])
    assert job is not None
    assert (job.state, job.due_ms) == (JobState.DELAYED, START_MS + due_ms)


async def test_a_moment_without_a_zone_is_refused() -> None:
    """It would mean another moment on another machine."""
    with pytest.raises(PayloadInvalid) as caught:
        await a_job_type().enqueue({"invoice": 7}, run_at=dt.datetime(2025, 1, 2))  # noqa: DTZ001 (the point)
    assert caught.value.errors[0].pointer == "/run_at"


def test_annotated_payloads() -> None:
    """Whatever pydantic understands."""
    queue = App("billing").queue("invoices")

    @queue.job()
    def take(payload: Annotated[int, Field(ge=1)]) -> None: ...

    assert take.accept(3) == 3
    with pytest.raises(PayloadInvalid):
        take.accept(0)


def test_a_snooze_until_a_moment_without_a_zone_is_refused() -> None:
    """It would mean another moment on another machine."""
    with pytest.raises(ValueError, match="has no zone"):
        Snooze(dt.datetime(2030, 1, 2))  # noqa: DTZ001 (the point)


@pytest.mark.parametrize("until", [dt.datetime(9999, 1, 1, tzinfo=dt.UTC), None])
def test_a_snooze_has_an_end_that_comes(until: Any) -> None:
    """Ten years are the longest, however it is said; nothing is no time either."""
    with pytest.raises(ValueError, match="is no time to wait"):
        Snooze(until)


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), -1.0, 1e12])
def test_a_time_to_wait_can_be_waited_for(seconds: float) -> None:
    """What no calendar can show is refused where it is written: in the handler."""
    with pytest.raises(ValueError, match="is no time to wait"):
        Snooze(seconds)
    with pytest.raises(ValueError, match="is no time to wait"):
        Retry(seconds)
