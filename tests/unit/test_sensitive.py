"""`Sensitive`: taken out wherever it stands, put back before the handler, and never shown."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PlainSerializer,
    RootModel,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    computed_field,
    field_serializer,
    model_serializer,
)
from typing_extensions import TypedDict, override

from headpond import App, Sensitive
from headpond.app.sensitive import Harvest, secrecy_of
from headpond.clock import SystemClock
from headpond.envelope import Envelope, unpack_envelope
from headpond.errors import PayloadInvalid
from headpond.memory import MemoryQueueStore
from headpond.sealing import SHOWN, Keyring, Place, open_envelope, seal_values

KEYS: Final = Keyring({"k": bytes(range(32))})


class Card(BaseModel):
    """A model with a secret."""

    number: Sensitive[str]
    holder: str = "Ann"


class Cat(BaseModel):
    """One of a union."""

    kind: Literal["cat"] = "cat"
    name: Sensitive[str]


class Dog(BaseModel):
    """The other one."""

    kind: Literal["dog"] = "dog"
    name: str


class Person(BaseModel):
    """Secrets at every depth."""

    email: Sensitive[str] = Field("a@b.example", min_length=3)
    pin: Sensitive[int] | str | None = None
    phones: list[Sensitive[str]] = []
    card: Card | None = None
    cards: dict[str, Card] = {}
    vault: Sensitive[Card | None] = None
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    friends: list[Person] = []
    default: Sensitive[str] = ""
    """Called like a part of a schema."""
    type: list[Sensitive[bool]] = []


class Open(BaseModel):
    """Holds whatever it is given."""

    what: Any


class Computed(BaseModel):
    """Has a secret that follows from what is none."""

    seed: int = 3

    @computed_field  # type: ignore[prop-decorator]  # as pydantic has it
    @property
    def secret(self) -> Sensitive[int]:
        """Three times the seed."""
        return self.seed * 3


@dataclass
class Plain:
    """A dataclass."""

    secret: Sensitive[str]


class Typed(TypedDict):
    """A typed dict."""

    secret: Sensitive[str]


def taken(kind: Any, value: Any) -> tuple[Any, list[Any]]:
    """Write a value of this type as a payload; return what can be read, and what can't."""
    adapter = TypeAdapter[Any](kind)
    accepted = adapter.validate_python(value)
    harvest = Harvest()
    args = [adapter.dump_python(accepted, mode="json", context=harvest)]
    return args, harvest.gather(args)


@pytest.mark.parametrize(
    ("value", "shown", "values"),
    [
        ({"email": "x@y.example"}, {"email": SHOWN}, [([0, "email"], "x@y.example")]),
        ({"pin": 7}, {"pin": SHOWN}, [([0, "pin"], 7)]),
        ({"pin": "none"}, {"pin": "none"}, []),
        ({"pin": None}, {"pin": None}, []),
        (
            {"phones": ["1", "2"]},
            {"phones": [SHOWN, SHOWN]},
            [([0, "phones", 0], "1"), ([0, "phones", 1], "2")],
        ),
        (
            {"cards": {"a/b": {"number": "4"}}},
            {"cards": {"a/b": {"number": SHOWN, "holder": "Ann"}}},
            [([0, "cards", "a/b", "number"], "4")],
        ),
        (
            {"vault": {"number": "4"}},
            {"vault": SHOWN},
            [([0, "vault"], {"number": "4", "holder": "Ann"})],
        ),
        (
            {"pet": {"kind": "cat", "name": "Tom"}},
            {"pet": {"kind": "cat", "name": SHOWN}},
            [([0, "pet", "name"], "Tom")],
        ),
        ({"pet": {"kind": "dog", "name": "Rex"}}, {"pet": {"kind": "dog", "name": "Rex"}}, []),
        ({"default": "x"}, {"default": SHOWN}, [([0, "default"], "x")]),
        ({"type": [True]}, {"type": [SHOWN]}, [([0, "type", 0], True)]),
    ],
)
def test_encryption_takes_values_at_every_depth(
    value: dict[str, Any], shown: dict[str, Any], values: list[Any]
) -> None:
    """Lists, optionals, nested models and unions: the value is taken, its place stays."""
    ((read,), found) = taken(Person, value)
    assert {name: read[name] for name in value} == shown
    always = ("email", "vault", "default")
    assert [each for each in found if each[0][1] not in always or each[0][1] in value] == values
    place = Place("q", "j", "t")
    opened = open_envelope(KEYS, place, seal_values(KEYS, place, Envelope("t", [read]), found))
    assert Person.model_validate(opened.args[0]) == Person.model_validate(value)


def test_encryption_takes_what_recurs() -> None:
    """A model that holds itself hides its secrets in every generation."""
    ((read,), found) = taken(Person, {"friends": [{"friends": [{"email": "x@y.example"}]}]})
    assert ([0, "friends", 0, "friends", 0, "email"], "x@y.example") in found
    assert "x@y.example" not in repr(read)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Sensitive[str], "secret"),
        (list[Sensitive[str]], ["secret"]),
        (RootModel[Sensitive[str]], "secret"),
        (Plain, {"secret": "secret"}),
        (Typed, {"secret": "secret"}),
        (Annotated[Sensitive[str], AfterValidator(str)], "secret"),
        (Sensitive[Annotated[str, PlainSerializer(str.lower)]], "SECRET"),
        (Open, {"what": {"deep": [Card(number="secret")]}}),
        (Any, Card(number="secret")),
    ],
)
def test_encryption_takes_values_from_every_kind_of_type(kind: Any, value: Any) -> None:
    """Whatever pydantic can validate may hold a sensitive value."""
    args, found = taken(kind, value)
    assert [each for _, each in found] == ["secret"]
    assert "secret'" not in repr(args).replace("'secret':", "")
    secrecy = secrecy_of(TypeAdapter[Any](kind).core_schema)
    assert secrecy
    assert not secrecy.is_whole


def test_encryption_takes_computed_values() -> None:
    """A computed field's result may be sensitive."""
    args, found = taken(Computed, {})
    assert (args, found) == ([{"seed": 3, "secret": SHOWN}], [([0, "secret"], 9)])


class Greeting(BaseModel):
    """Says a secret again."""

    secret: Sensitive[str]

    @computed_field  # type: ignore[prop-decorator]  # as pydantic has it
    @property
    def words(self) -> str:
        """Show the secret."""
        return f"Dear {self.secret}"


def test_encryption_leaves_out_what_a_model_computes_of_a_secret() -> None:
    """The handler's model computes it anew; on the way it would be the secret in clear."""
    app = App("a")

    @app.queue("q").job("t")
    async def greet(payload: Greeting) -> None: ...

    app.bind(MemoryQueueStore(SystemClock()), KEYS)
    assert unpack_envelope(greet.pack({"secret": "s3cret"}).body).args == [{"secret": SHOWN}]


@pytest.mark.parametrize("kind", [Card, Any])
def test_encryption_says_nothing_of_a_value_that_was_changed(
    kind: Any, recwarn: pytest.WarningsRecorder
) -> None:
    """A field that holds what it can't is refused at the door, without showing it."""

    async def handler(payload: Any) -> None: ...

    handler.__annotations__["payload"] = kind
    app = App("a")
    job_type = app.queue("q").job("t")(handler)
    app.bind(MemoryQueueStore(SystemClock()), KEYS)
    card = Card(number="4")
    card.number = 41114111  # type: ignore[assignment]  # the point
    with pytest.raises(PayloadInvalid, match="was changed after") as caught:
        job_type.pack(card)
    assert "4111" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None
    assert not recwarn.list


async def test_encryption_keeps_open_payloads_out_of_schedules() -> None:
    """A sensitive value in a field of any type is found there, too, and refused."""
    app = App("a")

    @app.queue("q").job("t")
    async def take(payload: dict[str, Any]) -> None: ...

    app.bind(MemoryQueueStore(SystemClock()), KEYS)
    with pytest.raises(PayloadInvalid, match="can't be sealed in a schedule"):
        await take.schedule("each", every="1h", payload={"card": Card(number="4")})
    await take.schedule("each", every="1h", payload={"card": 4})


def test_encryption_payload_can_not_pose_as_a_taken_value() -> None:
    """What looks like a placeholder in a payload stays what it is."""
    args, found = taken(Open, {"what": [SHOWN, {"headpond_sensitive": "0"}, Card(number="4")]})
    assert args[0]["what"][:2] == [SHOWN, {"headpond_sensitive": "0"}]
    assert found == [([0, "what", 2, "number"], "4")]


class _ByField(BaseModel):
    secret: Sensitive[str]

    @field_serializer("secret")
    def _write(self, value: str) -> str:
        return value


class _ByModel(BaseModel):
    secret: Sensitive[str]

    @model_serializer
    def _write(self) -> dict[str, str]:
        return {"shown": self.secret}


class _Wrapped(BaseModel):
    secret: Sensitive[str]

    @model_serializer(mode="wrap")
    def _write(self, write: SerializerFunctionWrapHandler) -> Any:
        return {**write(self), "shown": self.secret}


class _ByOther(BaseModel):
    inner: _Wrapped
    name: str = "n"

    @field_serializer("name")
    def _write(self, value: str) -> str:
        return value + self.inner.secret


class _Holder(BaseModel):
    inner: list[_ByModel]


class _Keyed(BaseModel):
    secrets: dict[Sensitive[str], int]


WHOLE: Final = [
    (_ByField, {"secret": "secret"}),
    (_ByModel, {"secret": "secret"}),
    (_Wrapped, {"secret": "secret"}),
    (_ByOther, {"inner": {"secret": "secret"}}),
    (_Holder, {"inner": [{"secret": "secret"}]}),
    (_Keyed, {"secrets": {"secret": 1}}),
    (Annotated[Sensitive[str], PlainSerializer(str)], "secret"),
]


@pytest.mark.parametrize(("kind", "value"), WHOLE)
def test_encryption_of_what_writes_itself_is_whole(kind: Any, value: Any) -> None:
    """Where code of the model's author may write the value, the whole payload is sealed."""

    async def handler(payload: Any) -> None:
        """Do nothing."""

    handler.__annotations__["payload"] = kind
    app = App("a")
    job_type = app.queue("q").job("t")(handler)
    app.bind(MemoryQueueStore(SystemClock()), KEYS)
    job = job_type.pack(value, job_id="j")
    assert b"secret" not in job.body.replace(b"secrets", b"")
    envelope = unpack_envelope(job.body)
    assert envelope.args == []
    opened = open_envelope(KEYS, Place("q", "j", "t"), envelope)
    assert b"secret" in repr(opened.args).encode()


def test_encryption_keeps_values_out_of_repr() -> None:
    """A model that is printed or logged shows no sensitive field, however deep it stands."""
    value = {
        "email": "x@secret",
        "pin": 12345678,
        "phones": ["secret"],
        "card": {"number": "secret"},
        "vault": {"number": "secret"},
        "pet": {"kind": "cat", "name": "secret"},
        "friends": [{"email": "z@secret"}],
    }
    secrecy_of(TypeAdapter(Person).core_schema)
    words = f"{Person.model_validate(value)!r} {Person.model_validate(value)}"
    assert "secret" not in words
    assert "12345678" not in words
    assert "holder='Ann'" in words


def test_encryption_handler_and_its_own_dumps_see_the_value() -> None:
    """For the code that works with it the value is a plain one."""
    card = Card(number="4")
    assert card.number == "4"
    assert card.model_dump() == {"number": "4", "holder": "Ann"}
    assert card.model_dump_json() == '{"number":"4","holder":"Ann"}'


def test_encryption_is_told_in_the_json_schema() -> None:
    """An API's document says that the field is written and never read."""
    number = Card.model_json_schema()["properties"]["number"]
    assert number == {"title": "Number", "type": "string", "writeOnly": True}


def test_encryption_leaves_other_types_alone() -> None:
    """A model without anything sensitive is written as ever."""

    class Fine(BaseModel):
        """Nothing to hide."""

        name: str
        counts: dict[str, int] = {}

        @override
        def __str__(self) -> str:
            return self.name

    assert not secrecy_of(TypeAdapter(Fine).core_schema)
    assert repr(Fine(name="x")) == "Fine(name='x', counts={})"
