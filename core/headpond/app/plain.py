"""Payloads that are written down as they are: models of nothing but texts, numbers and truths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS: Final[Mapping[str, type]] = {"str": str, "int": int, "float": float, "bool": bool}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What may be said of a model, of a field and of its value without a word on how it is written. What
# else there is, or will be in a newer pydantic, leaves the model to pydantic.
_MODEL: Final = _words(
    "type cls schema config ref metadata custom_init root_model post_init strict frozen"
    " revalidate_instances generic_origin"
)
_FIELDS: Final = _words("type fields model_name computed_fields strict metadata ref")
_FIELD: Final = _words("type schema metadata validation_alias serialization_alias frozen")
_VALUE: Final = _words(
    "type schema metadata ref strict default default_factory default_factory_takes_data on_error"
    " validate_default copy_default gt ge lt le multiple_of allow_inf_nan pattern regex_engine"
    " min_length max_length strip_whitespace to_lower to_upper coerce_numbers_to_str"
)


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
    if schema["type"] != "model" or inner.get("type") != "model-fields":
        return None
    keeps_more = schema.get("config", {}).get("extra_fields_behavior") == "allow"
    if keeps_more or schema.get("root_model") or inner.get("computed_fields"):
        return None
    if not (schema.keys() <= _MODEL and inner.keys() <= _FIELDS):
        return None
    found = {name: _type(field) for name, field in inner["fields"].items()}
    types = {name: kind for name, kind in found.items() if kind is not None}
    return types if len(types) == len(found) else None


def _type(field: Mapping[str, Any]) -> type | None:
    value = field["schema"]
    is_known = field.keys() <= _FIELD
    while value["type"] == "default":
        is_known = is_known and value.keys() <= _VALUE
        value = value["schema"]
    return _KINDS.get(value["type"]) if is_known and value.keys() <= _VALUE else None
