"""Payloads that are written down as they are: models of nothing but texts, numbers and truths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS: Final[Mapping[str, type]] = {"str": str, "int": int, "float": float, "bool": bool}


class Plain:
    """Tells of which payloads pydantic's serializer would write nothing but their fields."""

    def __init__(self, core_schema: Mapping[str, Any]) -> None:
        """Read the schema of a model; of what is anything else, nothing is ever plain."""
        types = _types(core_schema)
        self._model: Any = core_schema["cls"] if types else None
        self._types = tuple((types or {}).items())

    def fields(self, accepted: Any) -> dict[str, Any] | None:
        """Return a payload's own fields, not to be changed; `None` when it is not plain.

        Whatever was changed since it was validated, and is of another type now, is not.
        """
        if type(accepted) is not self._model:
            return None
        found: dict[str, Any] = accepted.__dict__
        if len(found) != len(self._types):
            return None  # a cached property
        for name, kind in self._types:
            if type(found.get(name)) is not kind:
                return None
        return found


def _types(schema: Mapping[str, Any]) -> dict[str, type] | None:
    inner = schema.get("schema", {})
    is_bare = not (schema.get("serialization") or schema.get("root_model"))
    if schema["type"] != "model" or inner.get("type") != "model-fields" or not is_bare:
        return None
    if inner.get("computed_fields") or inner.get("extra_behavior") == "allow":
        return None
    if schema.get("config", {}).get("extra_fields_behavior") == "allow":
        return None
    types: dict[str, type] = {}
    for name, field in inner["fields"].items():
        value = field["schema"]
        is_own = bool(value.get("serialization") or field.get("serialization_exclude"))
        while value["type"] == "default":
            value = value["schema"]
            is_own = is_own or bool(value.get("serialization"))
        if is_own or value["type"] not in _KINDS:
            return None
        types[name] = _KINDS[value["type"]]
    return types
