"""`Sensitive[T]`: a value that only the handler sees.

```python
class Send(BaseModel):
    email: Sensitive[EmailStr]
    cards: list[Sensitive[str]] = []
```

In the handler it is a plain `T`. On its way it is taken out of the payload, wherever in the model
it stands, and sealed; `{"sealed": true}` stays in its place.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from pydantic_core import core_schema

from headpond.sealing import SHOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

T = TypeVar("T")

MARK: Final = "headpond_sensitive"
"""In the metadata of a sensitive value's schema."""


class Harvest:
    """Takes the sensitive values out of a payload while pydantic writes it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._values: dict[str, Any] = {}
        self._token = ""
        self._is_inside = False

    def take(self, value: Any, write: core_schema.SerializerFunctionWrapHandler) -> Any:
        """Keep a value; return what stands for it until `gather` finds it."""
        if self._is_inside:  # of another sensitive value, which takes it along
            return write(value)
        self._is_inside = True
        try:
            written = write(value)
        finally:
            self._is_inside = False
        # A payload of somebody who doesn't know the token can't contain it.
        self._token = self._token or secrets.token_hex(16)
        name = f"{self._token}{len(self._values)}"
        self._values[name] = written
        return {MARK: name}

    def gather(self, written: list[Any]) -> list[tuple[list[str | int], Any]]:
        """Put `SHOWN` into each place from which a value was taken; return paths and values."""
        if not self._values:
            return []
        return [(path, self._values[name]) for path, name in self._swap(written, [])]

    def _swap(self, node: Any, above: list[str | int]) -> Iterator[tuple[list[str | int], str]]:
        children: list[tuple[Any, Any]] = list(
            node.items() if isinstance(node, dict) else enumerate(node)
        )
        for step, child in children:
            name = child.get(MARK) if isinstance(child, dict) and len(child) == 1 else None
            if isinstance(name, str) and name in self._values:
                node[step] = dict(SHOWN)
                yield [*above, step], name
            elif isinstance(child, dict | list):
                yield from self._swap(child, [*above, step])


def _write(
    value: Any,
    write: core_schema.SerializerFunctionWrapHandler,
    info: core_schema.SerializationInfo[Any],
) -> Any:
    """Give a sensitive value to whoever packs the payload; to anybody else as it is."""
    harvest = info.context
    return harvest.take(value, write) if isinstance(harvest, Harvest) else write(value)


class _Mark:
    """What makes a type sensitive."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Leave validation as it is, and write the value by `_write`."""
        schema = handler(source)
        serialization = core_schema.wrap_serializer_function_ser_schema(
            _write, info_arg=True, schema=schema
        )
        metadata = {**(schema.get("metadata") or {}), MARK: True}
        return {**schema, "serialization": serialization, "metadata": metadata}

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Describe it as what it is, and as something that is sent and never shown."""
        plain = {name: value for name, value in schema.items() if name != "serialization"}
        return {**handler(plain), "writeOnly": True}


Sensitive = Annotated[T, _Mark()]
"""A value of type `T` that is sealed on its way to the handler and shown nowhere."""


@dataclass(slots=True)
class Secrecy:
    """What a type asks for."""

    is_sensitive: bool = False
    """A sensitive value may be in it."""
    is_whole: bool = False
    """Its sensitive values can't be taken out one by one: code of its own writes them."""
    is_open: bool = False
    """It holds values of any type, which may be sensitive."""
    names: set[str] = field(default_factory=set)
    """Of all its fields: what an error's pointer may say."""

    def __bool__(self) -> bool:
        """Whether writing a payload of it needs a `Harvest`."""
        return self.is_sensitive or self.is_open


def secrecy_of(schema: CoreSchema) -> Secrecy:
    """Read a type's schema, and keep its sensitive fields out of the `repr` of their models."""
    return _Reading(schema).secrecy


class _Reading:
    """One look through a schema."""

    def __init__(self, schema: Any) -> None:
        self._named = {each["ref"]: each for each in _nodes(schema) if "ref" in each}
        self.secrecy = secrecy = Secrecy()
        for node in _nodes(schema):
            kind = node.get("type")
            secrecy.is_open |= kind in {"any", "is-instance", "is-subclass"}
            if kind == "model":
                self._hide(node)
            secrecy.names.update(_field_names(node))
            if self._is_marked(node):
                secrecy.is_sensitive = True
            secrecy.is_whole |= self._is_written_otherwise(node)

    def _is_written_otherwise(self, node: Any) -> bool:
        """Whether a sensitive value in this node may be written by other code than `_write`."""
        how = node.get("serialization", {})
        if self._is_marked(node):
            return how.get("function") is not _write
        if node.get("type") == "dict" and self._mentions(node.get("keys_schema", {})):
            return True
        fields = node.get("fields") if node.get("type") == "model-fields" else None
        is_by_author = how.get("type") in {"function-plain", "function-wrap"} or any(
            # Written by a method, which may look at every other field as well.
            each["schema"].get("serialization", {}).get("is_field_serializer")
            for each in (fields or {}).values()
        )
        return is_by_author and self._mentions(node)

    def _is_marked(self, node: Any) -> bool:
        return MARK in (node.get("metadata") or {})

    def _mentions(self, node: Any, *, below_models: bool = True) -> bool:
        """Whether a sensitive value is in a node, or behind what it refers to."""
        seen: set[str] = set()
        waiting = [node]
        while waiting:
            for each in _nodes(waiting.pop(), below_models=below_models):
                if self._is_marked(each):
                    return True
                target = each.get("schema_ref") if each.get("type") == "definition-ref" else None
                if target and target in self._named and target not in seen:
                    seen.add(target)
                    waiting.append(self._named[target])
        return False

    def _hide(self, node: Any) -> None:
        fields = node["cls"].model_fields
        inner = next((each for each in _nodes(node) if each.get("type") == "model-fields"), {})
        for name, each in inner.get("fields", {}).items():
            if name in fields and self._mentions(each["schema"], below_models=False):
                fields[name].repr = False


_NO_SCHEMAS: Final = {"metadata", "default", "expected", "config", "cls", "function"}
"""Where a schema holds other things than schemas."""


def _nodes(tree: Any, *, below_models: bool = True) -> Iterator[dict[str, Any]]:
    """Yield each part of a schema, outermost first; a nested model's own only where asked for."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if not below_models and node.get("type") == "model":
                continue
            yield node
            for name, part in node.items():
                # Under these two, and only there, the keys are the words of the model's author.
                by_name = name in {"fields", "choices"} and isinstance(part, dict)
                waiting += part.values() if by_name else [] if name in _NO_SCHEMAS else [part]
        elif isinstance(node, list | tuple):
            waiting += node


def _field_names(node: dict[str, Any]) -> Iterator[str]:
    """Yield the names by which a node's fields are given."""
    fields = node.get("fields")
    if not isinstance(fields, dict):
        return
    for name, each in fields.items():
        yield name
        alias = each.get("validation_alias")
        if isinstance(alias, str):
            yield alias
