"""One pod template over another: what is merged, what is replaced, what goes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headpond_operator.overlay import overlay

SECRET = {"secretKeyRef": {"name": "redis", "key": "url"}}
OTHER = {"configMapKeyRef": {"name": "redis", "key": "url"}}
PROBES = {"name": "probes", "containerPort": 8080}

CASES: dict[str, tuple[Any, Any, Any]] = {
    "maps are merged, however deep": (
        {"a": {"b": 1, "c": {"d": 2}}},
        {"a": {"c": {"e": 3}}},
        {"a": {"b": 1, "c": {"d": 2, "e": 3}}},
    ),
    "a plain value takes the place of any other": ({"a": {"b": 1}}, {"a": "x"}, {"a": "x"}),
    "a map takes the place of a plain value": ({"a": "x"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    "None takes a field away": ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
    "None takes away what is not there": ({}, {"a": None}, {}),
    "None takes away in a new map too": ({}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
    "None takes away in a new list too": ({}, {"a": [{"b": None}]}, {"a": [{}]}),
    "an empty map changes nothing": ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}),
    "named things are merged in the order below": (
        [{"name": "x", "v": 1}, {"name": "y", "v": 2}],
        [{"name": "z"}, {"name": "x", "w": 3}],
        [{"name": "x", "v": 1, "w": 3}, {"name": "y", "v": 2}, {"name": "z"}],
    ),
    "a list of others is replaced": (
        [{"key": "gpu", "operator": "Exists"}],
        [{"key": "spot", "operator": "Exists"}],
        [{"key": "spot", "operator": "Exists"}],
    ),
    "an empty list over named things changes nothing": ([{"name": "x"}], [], [{"name": "x"}]),
    "an empty list over others replaces": (["a"], [], []),
    "one thing without a name has the list replaced": (
        [{"name": "x", "v": 1}],
        [{"name": "x"}, {"v": 2}],
        [{"name": "x"}, {"v": 2}],
    ),
    "a name that is none has the list replaced": (
        [{"name": "x"}],
        [{"name": ["x"]}],
        [{"name": ["x"]}],
    ),
    "mounts are told apart by where they are": (
        [{"name": "tmp", "mountPath": "/data"}],
        [{"name": "tmp", "mountPath": "/cache"}, {"name": "big", "mountPath": "/data"}],
        [{"name": "big", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/cache"}],
    ),
    "ports with names are told apart by them": (
        [PROBES],
        [{"name": "probes", "containerPort": 9090}, {"name": "app", "containerPort": 80}],
        [{"name": "probes", "containerPort": 9090}, {"name": "app", "containerPort": 80}],
    ),
    "a port without a name leaves the others there": (
        [PROBES],
        [{"containerPort": 80}],
        [PROBES, {"containerPort": 80}],
    ),
    "a value takes the place of a reference": (
        [{"name": "X", "valueFrom": SECRET}],
        [{"name": "X", "value": "1"}],
        [{"name": "X", "value": "1"}],
    ),
    "a reference takes the place of a value": (
        [{"name": "X", "value": "1"}],
        [{"name": "X", "valueFrom": SECRET}],
        [{"name": "X", "valueFrom": SECRET}],
    ),
    "a reference takes the place of one of another kind": (
        [{"name": "X", "valueFrom": SECRET}],
        [{"name": "X", "valueFrom": OTHER}],
        [{"name": "X", "valueFrom": OTHER}],
    ),
    "a volume is of one kind": (
        [{"name": "tmp", "emptyDir": {}}],
        [{"name": "tmp", "persistentVolumeClaim": {"claimName": "big"}}],
        [{"name": "tmp", "persistentVolumeClaim": {"claimName": "big"}}],
    ),
    "a volume of the same kind is merged": (
        [{"name": "tmp", "emptyDir": {"medium": "Memory"}}],
        [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}],
        [{"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}],
    ),
    "a probe asks in one way, and keeps its patience": (
        {"httpGet": {"path": "/livez", "port": "probes"}, "periodSeconds": 10},
        {"exec": {"command": ["true"]}},
        {"exec": {"command": ["true"]}, "periodSeconds": 10},
    ),
}


@pytest.mark.parametrize(("below", "above", "expected"), CASES.values(), ids=CASES)
def test_what_comes_of_two_templates(below: Any, above: Any, expected: Any) -> None:
    """Each of these is something that a person may write."""
    assert overlay(below, above) == expected


def test_neither_is_changed() -> None:
    """The installation's template is laid over many queues."""
    below, above = {"a": [{"name": "x", "b": {"c": 1}}]}, {"a": [{"name": "x", "b": {"d": 2}}]}
    before = copy.deepcopy((below, above))
    overlay(below, above)
    assert (below, above) == before


_NAMES = st.sampled_from(["name", "mountPath", "env", "value", "emptyDir", "httpGet", "exec"])
_LEAVES = st.booleans() | st.integers(0, 3) | st.sampled_from(["", "x", "y"])


def _named(things: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return lists of named things: no name twice, as the API server asks."""
    thing = st.builds(lambda name, more: {**more, "name": name}, st.sampled_from("abc"), things)
    return st.lists(thing, max_size=3, unique_by=lambda each: str(each["name"]))


_MAPS = st.recursive(
    st.dictionaries(_NAMES, _LEAVES, max_size=3),
    lambda below: st.dictionaries(
        _NAMES.filter(lambda name: name not in {"name", "mountPath"}),
        below | _LEAVES | _named(below),
        max_size=3,
    ),
    max_leaves=8,
)


@given(_MAPS)
def test_a_template_over_nothing_and_under_nothing_is_itself(template: dict[str, Any]) -> None:
    """An empty layer says nothing."""
    assert overlay(template, {}) == template == overlay({}, template)


@given(_MAPS)
def test_a_template_over_itself_is_itself(template: dict[str, Any]) -> None:
    """Saying a thing twice is saying it once."""
    assert overlay(template, template) == template
