"""The CRD: a structural schema with words, rules that name fields, and an example for each."""

from __future__ import annotations

import re
import typing
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pydantic import BaseModel

from headpond.config import QueueConfigSpec, parse_documents
from headpond.config.faults import inner
from headpond.errors import ConfigInvalid
from headpond_operator.crd import COLUMNS, WIDE_COLUMNS, crd, to_yaml
from headpond_operator.crd_fragments import FRAGMENTS, INT_OR_STRING
from headpond_operator.crd_schema import RULES, model_schema
from headpond_operator.status_model import QueueConfigStatus
from queueconfig_examples import EXAMPLES, TRANSITIONS, Example, rules

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = crd()["spec"]["versions"][0]
ROOT = VERSION["schema"]["openAPIV3Schema"]
ANNOTATIONS = 256 * 1024
"""What `kubectl apply` may put into its annotation."""

FORBIDDEN = {"$ref", "$defs", "title", "default", "nullable", "oneOf", "not", "const"}


def schemas(schema: dict[str, Any] = ROOT, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each schema with its path."""
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        yield from schemas(below, f"{path}.{name}".lstrip("."))
    if "items" in schema:
        yield from schemas(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from schemas(schema["additionalProperties"], f"{path}.*")


ALL = dict(schemas())


def fields(model: type[BaseModel], path: str) -> Iterator[str]:
    """Yield the path of every field that the model has, however deep."""
    for name, field in model.model_fields.items():
        at = f"{path}.{field.alias or name}"
        yield at
        kind = inner(field.annotation)
        if typing.get_origin(kind) is tuple:
            kind, at = inner(typing.get_args(kind)[0]), f"{at}[]"
        elif typing.get_origin(kind) is dict:
            kind, at = inner(typing.get_args(kind)[-1]), f"{at}.*"
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields(kind, at)


def test_the_schema_is_structural() -> None:
    """The API server takes no other: a type everywhere, and nothing that only JSON Schema knows."""
    for path, schema in ALL.items():
        assert not FORBIDDEN & schema.keys(), path
        assert "type" in schema or schema["x-kubernetes-int-or-string"], path
        assert not {"properties", "additionalProperties"} <= schema.keys(), path
        if "anyOf" in schema:
            assert schema["anyOf"] == INT_OR_STRING["anyOf"], path


def test_only_kubernetes_own_objects_may_hold_anything() -> None:
    """Elsewhere an unknown field is refused."""
    free = {
        path for path, schema in ALL.items() if "x-kubernetes-preserve-unknown-fields" in schema
    }
    assert free == {
        "spec.worker.affinity",
        "spec.worker.env[].valueFrom",
        "spec.worker.podTemplate",
        "spec.worker.resources.claims[]",
    }
    assert all(any(path.startswith(known) for known in FRAGMENTS) for path in free)


def test_every_field_of_the_models_is_there() -> None:
    """Nothing that `headpond up -f` or the operator knows is missing in a cluster."""
    known = {*fields(QueueConfigSpec, "spec"), *fields(QueueConfigStatus, "status")}
    assert len(known) > 110
    assert known <= ALL.keys()


def test_every_field_has_words_for_kubectl_explain() -> None:
    """Whoever asks `kubectl explain` gets a sentence, and the default where there is one."""
    named = {path: schema for path, schema in ALL.items() if re.search(r"\.\w+$", path)}
    wordless = [
        path
        for path, schema in named.items()
        if not path.startswith("metadata") and len(schema.get("description", "")) < 5
    ]
    assert wordless == []
    assert ALL["spec.jobs.timeout"]["description"].endswith("Default: 5m.")
    assert ALL["spec.scaling.target"]["description"].endswith("Default: {wait: 30s}.")
    assert ALL["spec.scaling.mode"]["description"].endswith("Default: Auto.")


def test_every_rule_says_a_sentence_and_points_at_a_field() -> None:
    """What the API server says must be as good as what the models say."""
    for path, schema in ALL.items():
        for rule in schema.get(RULES, ()):
            assert ("message" in rule) != ("messageExpression" in rule), path
            at = f"{path}{rule.get('fieldPath', '')}".lstrip(".")
            assert at in ALL, at


@pytest.mark.parametrize("rule", rules())
def test_every_rule_has_examples(rule: str) -> None:
    """One that is taken and one that is refused; tests/kube tries them on a real API server."""
    shown = {example.is_taken for example in EXAMPLES if example.rule == rule}
    assert shown == {True, False} or rule in TRANSITIONS


def test_every_example_is_of_a_rule() -> None:
    """A rule that went takes its examples along."""
    assert {example.rule for example in EXAMPLES} <= {*rules(), "types"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.spec)
def test_the_models_think_the_same(example: Example) -> None:
    """One document means one thing to kubectl and to `headpond up`, but for what is listed."""
    try:
        parse_documents(yaml.safe_dump(example.to_document("attendance")))
        is_taken = True
    except ConfigInvalid:
        is_taken = False
    assert is_taken == (example.is_taken != bool(example.differs))


def test_the_columns_and_the_scale_read_what_is_there() -> None:
    """A column with a wrong path would stay empty without a word."""
    scale = VERSION["subresources"]["scale"].values()
    paths = [column[2] for column in (*COLUMNS, *WIDE_COLUMNS)]
    for path in (*paths, *scale):
        assert path.removeprefix(".") in ALL or path.startswith(".metadata."), path


def test_the_file_fits_into_the_annotation_of_kubectl_apply() -> None:
    """Without server-side apply, kubectl keeps the whole object a second time."""
    assert len(to_yaml().encode()) < ANNOTATIONS / 2
    assert yaml.safe_load(to_yaml()) == crd()


def test_a_field_that_no_schema_can_hold_is_refused_at_once() -> None:
    """Whoever adds a field of a new kind hears of it here, not in a cluster."""

    class Odd(BaseModel):
        either: int | str

    with pytest.raises(ValueError, match=r"spec\.odd\.either: no structural schema for"):
        model_schema(Odd, "spec.odd")
