"""Lay one pod template over another: maps are merged, lists of named things by name. Pure."""

from __future__ import annotations

from typing import Any


def overlay(below: Any, above: Any) -> Any:
    """Return `below` with everything that `above` says; neither is changed.

    Lists whose items all have a `name` (containers, environment, volumes) or a `mountPath` are
    merged item by item, in the order of `below`; any other list is replaced. `None` takes a field
    away.

    >>> overlay({"a": 1, "env": [{"name": "X", "value": "1"}]}, {"env": [{"name": "Y"}], "a": None})
    {'env': [{'name': 'X', 'value': '1'}, {'name': 'Y'}]}
    """
    if isinstance(below, dict) and isinstance(above, dict):
        merged = {**below, **{key: overlay(below.get(key), each) for key, each in above.items()}}
        return {key: value for key, value in merged.items() if value is not None}
    if isinstance(below, list) and isinstance(above, list):
        for name in ("mountPath", "name"):
            if all(isinstance(each, dict) and name in each for each in (*below, *above)):
                return _by_name(below, above, name)
    return above


def _by_name(below: list[Any], above: list[Any], name: str) -> list[Any]:
    merged = {each[name]: each for each in below}
    for each in above:
        old = merged.get(each[name])
        # A value takes the place of a reference, and the other way round.
        keeps = old if old and not _clash(old, each) else None
        merged[each[name]] = overlay(keeps, each) if keeps else each
    return list(merged.values())


def _clash(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return ("value" in old and "valueFrom" in new) or ("valueFrom" in old and "value" in new)
