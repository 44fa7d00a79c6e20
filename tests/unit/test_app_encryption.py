"""Job types on encrypted queues and with sensitive fields: sealed, refused, or as ever."""

from __future__ import annotations

import json
import traceback
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import BaseModel, ConfigDict, field_validator, model_validator
from typing_extensions import override

from headpond import App, Job, JobType, Sensitive
from headpond.app.following import FRESH_S
from headpond.clock import SystemClock
from headpond.config import default_config
from headpond.envelope import unpack_envelope
from headpond.errors import ConfigInvalid, KeyMissing, PayloadInvalid, StoreUnavailable
from headpond.memory import MemoryQueueStore
from headpond.queues import QueueSettings
from headpond.sealing import SHOWN, Keyring, Place, open_envelope
from until import until

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS: Final = Keyring({"k": bytes(range(32))})
CANARY: Final = "kanarienvogel-4711"


class Bill(BaseModel):
    """Nothing in it is sensitive by itself."""

    model_config = ConfigDict(extra="forbid")
    number: int
    note: str = ""
    rows: dict[str, int] = {}


class Send(BaseModel):
    """One field of it is."""

    number: int
    email: Sensitive[str]

    @field_validator("email")
    @classmethod
    def _is_one(cls, value: str) -> str:
        if "@" not in value:
            raise ValueError(f"{value} is no address")
        return value

    @model_validator(mode="after")
    def _is_fine(self) -> Send:
        if self.number > 100:
            raise ValueError(f"{self.email} has too many")
        return self


def a_type(payload: type, *, keys: Keyring | None = KEYS, **defaults: Any) -> JobType:
    """Return a job type of an app with these keys, in a queue with these defaults."""

    async def handler(payload: Any, job: Job) -> None:
        """Do nothing."""

    handler.__annotations__["payload"] = payload
    app = App("billing")
    job_type = app.queue("bills", **defaults).job("send")(handler)
    app.bind(MemoryQueueStore(SystemClock()), keys or Keyring())
    return job_type


async def configure(job_type: JobType, *, encrypts: bool) -> None:
    """Put settings of the queue into force."""
    settings = default_config("bills", job_type.queue_of.defaults).spec.to_settings()
    document = json.loads(settings.document)
    document["jobs"]["encryptPayload"] = encrypts
    store = job_type.queue_of.app.store
    await store.configure("bills", QueueSettings(document=json.dumps(document)))


def test_encryption_of_a_queue_by_its_code() -> None:
    """A queue declared as encrypted seals all that a job carries (SEEDS A14.5)."""
    job = a_type(Bill, encrypt_payload=True).pack(
        {"number": 1, "note": CANARY}, job_id="b-1", tenant="acme", correlation_id="c"
    )
    assert CANARY.encode() not in job.body
    envelope = unpack_envelope(job.body)
    assert (envelope.job_type, envelope.tenant, envelope.correlation_id) == ("send", "acme", "c")
    opened = open_envelope(KEYS, Place("bills", "b-1", "send", "acme"), envelope)
    assert opened.args == [{"number": 1, "note": CANARY, "rows": {}}]


def test_encryption_of_a_sensitive_field() -> None:
    """Elsewhere only the field is sealed, and the rest can be read (SEEDS A14.5)."""
    job = a_type(Send).pack({"number": 1, "email": f"{CANARY}@x"}, job_id="b-1")
    assert CANARY.encode() not in job.body
    envelope = unpack_envelope(job.body)
    assert envelope.args == [{"number": 1, "email": SHOWN}]
    opened = open_envelope(KEYS, Place("bills", "b-1", "send"), envelope)
    assert opened.args == [{"number": 1, "email": f"{CANARY}@x"}]


@pytest.mark.parametrize(
    ("kind", "defaults", "said"),
    [
        (Bill, {"encrypt_payload": True}, "Queue 'bills' keeps its payloads encrypted"),
        (Send, {}, "Job type 'send' has sensitive fields"),
    ],
)
async def test_encryption_without_a_key_is_refused_at_the_call(
    kind: type, defaults: dict[str, Any], said: str
) -> None:
    """What can't be sealed is not stored at all, and the sentence says what to set."""
    job_type = a_type(kind, keys=None, **defaults)
    with pytest.raises(KeyMissing, match=f"{said}.*HEADPOND_ENCRYPTION_KEYS.*Nothing was enq"):
        await job_type.enqueue({"number": 1, "email": "a@b"} if kind is Send else {"number": 1})
    assert await job_type.queue_of.app.store.sample(["bills"]) == {}


async def test_encryption_follows_the_live_settings() -> None:
    """A queue that is encrypted since a second ago gets sealed jobs, without a restart."""
    job_type = a_type(Bill)
    store = job_type.queue_of.app.store

    async def is_sealed() -> bool:
        sent = await job_type.enqueue({"number": 1})
        (job,) = await store.read("bills", [sent.id])
        assert job is not None
        return unpack_envelope(job.body).sealed is not None

    await configure(job_type, encrypts=False)
    assert not await is_sealed()
    await configure(job_type, encrypts=True)
    await until(is_sealed, FRESH_S + 1)
    await configure(job_type, encrypts=False)
    await until(is_false(is_sealed), FRESH_S + 1)


def is_false(condition: Callable[[], Any]) -> Callable[[], Any]:
    """Return the opposite condition."""

    async def opposite() -> bool:
        return not await condition()

    return opposite


async def test_encryption_first_enqueue_asks_the_store() -> None:
    """A producer that has just begun stores nothing in clear that the QueueConfig wants sealed."""
    job_type = a_type(Bill, keys=None)
    await configure(job_type, encrypts=True)
    with pytest.raises(KeyMissing):
        await job_type.enqueue({"number": 1})


async def test_encryption_is_unknown_while_the_store_is_away() -> None:
    """Without an answer nothing is assumed."""
    job_type = a_type(Bill)

    class Away(MemoryQueueStore):
        @override
        async def settings(self, queue: str) -> QueueSettings | None:
            del queue
            raise StoreUnavailable("The store is away.")

    job_type.queue_of.app.bind(Away(SystemClock()))
    with pytest.raises(StoreUnavailable):
        await job_type.enqueue({"number": 1})


def refusal(job_type: JobType, payload: Any) -> tuple[PayloadInvalid, str]:
    """Return what a payload is refused with, and all that a log would show of it."""
    with pytest.raises(PayloadInvalid) as caught:
        job_type.pack(payload)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    return error, "".join(traceback.format_exception(error)) + repr(error.errors)


@pytest.mark.parametrize(
    ("payload", "pointer"),
    [
        ({"number": 1, "email": CANARY}, "/email"),
        ({"number": 101, "email": f"{CANARY}@x"}, ""),
        ({"email": f"{CANARY}@x"}, "/number"),
        ({"number": CANARY, "email": "x@y"}, "/number"),
    ],
)
def test_encryption_sensitive_values_are_in_no_validation_error(
    payload: dict[str, Any], pointer: str
) -> None:
    """Neither pydantic's inputs nor words of the model's validators get out."""
    error, words = refusal(a_type(Send), payload)
    assert CANARY not in words
    assert [each.pointer for each in error.errors] == [pointer]


def test_encryption_errors_of_an_encrypted_queue_show_no_value() -> None:
    """Keys that the caller made up are payload, too; what the model says itself stays."""
    job_type = a_type(Bill, encrypt_payload=True)
    payload = {"note": {CANARY: 1}, "rows": {CANARY: CANARY}, CANARY: CANARY}
    error, words = refusal(job_type, payload)
    assert CANARY not in words
    told = {each.pointer: each.detail for each in error.errors}
    assert told["/number"] == "Field required."
    assert told["/*"] == "Extra inputs are not permitted."
    assert set(told) == {"/number", "/note", "/rows/*", "/*"}


def test_encryption_unfit_payload_shows_no_value() -> None:
    """What can't be written as JSON is refused without a word of it."""
    _, words = refusal(a_type(Send), {"number": 1, "email": f"{CANARY}@\ud800"})
    assert CANARY not in words


def test_encryption_of_other_queues_costs_nothing_and_hides_nothing() -> None:
    """Without encryption errors keep their words, and no key is asked for."""
    job_type = a_type(Bill, keys=None)
    assert unpack_envelope(job_type.pack({"number": 1}).body).sealed is None
    with pytest.raises(PayloadInvalid) as caught:
        job_type.pack({"number": 1, "rows": {"a": "x"}})
    assert caught.value.errors[0].pointer == "/rows/a"


def test_encryption_of_results_alone() -> None:
    """A handler whose result is annotated as sensitive has its jobs sealed."""
    app = App("billing")

    async def look_up(payload: Bill) -> dict[str, Sensitive[str]]:
        """Return what nobody else may read."""
        return {}

    job_type = app.queue("bills").job("look-up")(look_up)
    app.bind(MemoryQueueStore(SystemClock()), KEYS)
    envelope = unpack_envelope(job_type.pack({"number": 1}).body)
    assert envelope.sealed
    assert envelope.args == [{"number": 1, "note": "", "rows": {}}]


def test_encryption_keys_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain producer takes its keys from the environment, and is told when they are bad."""
    job_type = a_type(Send)
    app = job_type.queue_of.app
    monkeypatch.setenv("HEADPOND_ENCRYPTION_KEYS", f"k:{'A' * 43}=")
    app.bind(app.store)
    assert repr(app.keys) == "Keyring(k)"
    monkeypatch.setenv("HEADPOND_ENCRYPTION_KEYS", CANARY)
    app.bind(app.store)
    with pytest.raises(ConfigInvalid, match="HEADPOND_ENCRYPTION_KEYS") as caught:
        job_type.pack({"number": 1, "email": "a@b"})
    assert CANARY not in str(caught.value)
