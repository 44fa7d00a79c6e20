"""Payloads that are written down as they are: exactly those that pydantic would write like that."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    TypeAdapter,
    computed_field,
    field_serializer,
    model_serializer,
)

from headpond.app.plain import Plain

if TYPE_CHECKING:
    from collections.abc import Callable


class Scalars(BaseModel):
    """All four kinds."""

    text: str = "x"
    count: int = Field(default=1, alias="n", gt=0)
    share: float = 0.5
    is_open: bool = True

    @cached_property
    def once(self) -> int:
        """Be kept beside the fields."""
        return 1


class Younger(Scalars):
    """A field more."""

    more: int = 1


class Extra(BaseModel):
    """Keeps what it doesn't know."""

    model_config = ConfigDict(extra="allow")
    text: str = "x"


class Optional(BaseModel):
    """May be nothing."""

    text: str | None = None


class Nested(BaseModel):
    """Holds another."""

    inner: Scalars = Scalars()


class Left(BaseModel):
    """Leaves a field out."""

    text: str = Field(default="x", exclude=True)


class Hidden(BaseModel):
    """Leaves a field out at times."""

    text: str = Field(default="x", exclude_if=lambda value: value == "x")
    more: str = "y"


class Said(BaseModel):
    """Writes a field in its own way."""

    text: str = "x"

    @field_serializer("text")
    def shout(self, value: str) -> str:
        """Write it large."""
        return value.upper()


class Whole(BaseModel):
    """Writes all of it in its own way."""

    text: str = "x"

    @model_serializer
    def all(self) -> dict[str, str]:
        """Write something else."""
        return {"other": self.text}


class Computed(BaseModel):
    """Adds a field that is computed."""

    text: str = "x"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> str:
        """Say it twice."""
        return self.text * 2


class Root(RootModel[str]):
    """Has no fields."""

    root: str = "x"


class Empty(BaseModel):
    """Has none either."""


def plain(model: Any, accepted: object) -> dict[str, Any] | None:
    """Return what is written down as it is."""
    return Plain(TypeAdapter(model).core_schema).fields(accepted)


def test_scalars_are_written_as_pydantic_writes_them() -> None:
    """Under their own names, whatever they are called outside."""
    accepted = Scalars(n=3)
    written = TypeAdapter(Scalars).dump_python(accepted, mode="json", by_alias=False)
    assert plain(Scalars, accepted) == written
    assert written == {"text": "x", "count": 3, "share": 0.5, "is_open": True}


@pytest.mark.parametrize(
    "model", [Extra, Optional, Nested, Left, Hidden, Said, Whole, Computed, Root, Empty]
)
def test_others_are_left_to_pydantic(model: type[BaseModel]) -> None:
    """Whatever is written in another way than it is held."""
    assert plain(model, model()) is None


@pytest.mark.parametrize("payload", [Younger(), {"text": "x"}, None, 5])
def test_a_payload_of_another_class_is_left_to_pydantic(payload: object) -> None:
    """A younger class has fields of which the job type knows nothing."""
    assert plain(Scalars, payload) is None


@pytest.mark.parametrize("annotation", [str, dict[str, int], Any])
def test_what_is_no_model_is_left_to_pydantic(annotation: Any) -> None:
    """It has no fields."""
    assert plain(annotation, "x") is None


def _cached(payload: Scalars) -> None:
    _ = payload.once


def _mistyped(payload: Scalars) -> None:
    payload.count = "many"  # type: ignore[assignment]


def _truth(payload: Scalars) -> None:
    payload.count = True


def _gone(payload: Scalars) -> None:
    del payload.text
    payload.__dict__["other"] = 1


@pytest.mark.parametrize("change", [_cached, _mistyped, _truth, _gone])
def test_a_payload_that_was_changed_is_left_to_pydantic(change: Callable[[Scalars], None]) -> None:
    """Which refuses it, or writes it as it must be."""
    payload = Scalars()
    change(payload)
    assert plain(Scalars, payload) is None
