"""Lay one pod template over another: maps are merged, lists of named things by name. Pure."""

from __future__ import annotations

from typing import Any, Final

NAMES: Final = ("mountPath", "name", "containerPort")
"""What things in a list are told apart by; a port need not have a name."""

ONE_OF: Final = (
    frozenset({"value", "valueFrom"}),
    frozenset({"configMapKeyRef", "fieldRef", "resourceFieldRef", "secretKeyRef"}),
    frozenset({"exec", "grpc", "httpGet", "sleep", "tcpSocket"}),
    frozenset(
        {
            "configMap",
            "csi",
            "downwardAPI",
            "emptyDir",
            "ephemeral",
            "hostPath",
            "nfs",
            "persistentVolumeClaim",
            "projected",
            "secret",
        }
    ),
)
"""Fields of which the API server takes one: another kind of source takes the place of the first."""


def overlay(below: Any, above: Any) -> Any:
    """Return `below` with everything that `above` says; neither is changed.

    Lists whose items all have a `name` (containers, environment, volumes), a `mountPath` or a
    `containerPort` are merged item by item, in the order of `below`; any other list is replaced.
    `None` takes a field away.

    >>> overlay({"a": 1, "env": [{"name": "X", "value": "1"}]}, {"env": [{"name": "Y"}], "a": None})
    {'env': [{'name': 'X', 'value': '1'}, {'name': 'Y'}]}
    """
    if isinstance(above, dict):
        under = _beside(below, above) if isinstance(below, dict) else {}
        merged = {**under, **{key: overlay(under.get(key), each) for key, each in above.items()}}
        return {key: value for key, value in merged.items() if value is not None}
    if isinstance(above, list):
        name = _told_apart_by([*below, *above]) if isinstance(below, list) else ""
        return _by_name(below, above, name) if name else [overlay(None, each) for each in above]
    return above


def _beside(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return what of `below` can stand beside `above`."""
    clash = {key for group in ONE_OF if group & above.keys() for key in group - above.keys()}
    return {key: value for key, value in below.items() if key not in clash}


def _told_apart_by(things: list[Any]) -> str:
    for name in NAMES:
        if all(isinstance(each, dict) and isinstance(each.get(name), str | int) for each in things):
            return name
    return ""


def _by_name(below: list[Any], above: list[Any], name: str) -> list[Any]:
    merged = {each[name]: each for each in below}
    for each in above:
        merged[each[name]] = overlay(merged.get(each[name]), each)
    return list(merged.values())
