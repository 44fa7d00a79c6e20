"""Pydantic models as a structural schema, the subset of OpenAPI that a CRD may hold. Pure.

No `$ref`, no `null`, no title, no default: a field is there or it isn't, and its description says
what its absence means.
"""

from __future__ import annotations

import typing
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from headpond.config.durations import format_duration
from headpond.config.faults import inner, show
from headpond_operator.crd_durations import duration_schema
from headpond_operator.crd_fragments import FRAGMENTS, INT_OR_STRING
from headpond_operator.crd_rules import BOUNDS, OF_FIELDS, OF_MODELS, Rule

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

RULES: Final = "x-kubernetes-validations"

SIZES: Final[dict[str, dict[str, int]]] = {
    "spec.queue": {"minLength": 1, "maxLength": 63},
    "spec.jobs.priority": {"maxLength": 16},
}
"""What the API server wants to know besides, to reckon what the rules cost at most."""

_TAKEN: Final = frozenset(
    {
        "type",
        "enum",
        "format",
        "pattern",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "maxProperties",
        "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
    }
)
_LEFT: Final = frozenset({"title", "default", "description", "anyOf", "const"})
_OF_ONE_WAY: Final = frozenset({"type", "enum"})
"""What holds for the text or the number alone."""


def model_schema(model: type[BaseModel], path: str) -> dict[str, Any]:
    """Return the schema of a model; `path` is where it stands, such as `spec.jobs`."""
    plain = model.model_json_schema()["properties"]
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, field in model.model_fields.items():
        alias = field.alias or name
        bounds = [*field.metadata, *BOUNDS.get((model, name), ())]
        schema = _schema(f"{path}.{alias}", field.annotation, _present(plain[alias]), bounds)
        properties[alias] = {"description": _description(field), **schema}
        if field.is_required():
            required.append(alias)
    schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return _with_rules(schema, OF_MODELS.get(model, ()))


def _schema(path: str, annotation: Any, plain: dict[str, Any], bounds: list[Any]) -> dict[str, Any]:
    kind = inner(annotation)
    arguments = typing.get_args(kind)
    if path in FRAGMENTS:
        schema = FRAGMENTS[path]
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        schema = model_schema(kind, path)
    elif kind is timedelta:
        schema = duration_schema(bounds)
    elif typing.get_origin(kind) is tuple:
        items = _schema(f"{path}[]", arguments[0], plain["items"], [])
        schema = {**_own(plain), "items": items}
    elif typing.get_origin(kind) is dict:
        values = _schema(f"{path}.*", arguments[1], plain["additionalProperties"], [])
        schema = {**_own(plain), "additionalProperties": values}
    else:
        schema = _leaf(path, plain)
    return _with_rules({**schema, **SIZES.get(path, {})}, OF_FIELDS.get(path, ()))


def _leaf(path: str, plain: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a text, a number or a boolean."""
    if "x-kubernetes-int-or-string" in plain:
        lifted = {k: v for way in plain["anyOf"] for k, v in way.items() if k not in _OF_ONE_WAY}
        return {**INT_OR_STRING, **lifted}
    foreign = plain.keys() - _TAKEN - _LEFT
    if foreign or "type" not in plain:
        raise ValueError(f"{path}: no structural schema for {plain}")
    return _own(plain)


def _own(plain: dict[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in plain.items() if key in _TAKEN}
    return {**own, "enum": [plain["const"]]} if "const" in plain else own


def _present(plain: dict[str, Any]) -> dict[str, Any]:
    """Leave out that a field may be null: it is absent then."""
    ways = [way for way in plain.get("anyOf", ()) if way.get("type") != "null"]
    return {**plain, **ways[0]} if len(ways) == 1 else plain


def _with_rules(schema: dict[str, Any], rules: tuple[Rule, ...]) -> dict[str, Any]:
    if not rules:
        return schema
    given = schema.get(RULES, [])
    return {**schema, RULES: [*given, *(rule.to_document() for rule in rules)]}


def _description(field: FieldInfo) -> str:
    """Return what the field is, what its model says of itself, and the default."""
    kind = inner(field.annotation)
    words = field.description or ""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        about = (kind.__doc__ or "").partition("\n\n")[0]
        words = about if about.startswith(words.rstrip(".")) else f"{words} {about}"
    elif kind is timedelta:
        words = f"{words} A duration such as 500ms, 30s, 1h30m or 7d."
    return " ".join(f"{words} {_default(field)}".split())


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None or value in ((), {}):
        return ""
    if isinstance(value, BaseModel):
        given = value.model_dump(mode="json", exclude_unset=True)
        shown = yaml.safe_dump(given, default_flow_style=True).strip()
        return f"Default: {shown}." if given else ""
    if isinstance(value, timedelta):
        return f"Default: {format_duration(value)}."
    return f"Default: {value if isinstance(value, str) else show(value)}."
