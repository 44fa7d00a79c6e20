"""YAML as JSON-like data, with the line of each value. Strict where YAML is lenient: no key twice.

It reads what JSON can hold; timestamps, sets, binaries and tags are refused by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import yaml

from headpond.config.faults import pointer
from headpond.errors import ConfigInvalid, FieldError

LARGEST: Final = 1024 * 1024
"""Characters; a file over this is no configuration."""

DEEPEST: Final = 40
"""Levels of nesting; deeper is a slip or an attack."""

MOST_NODES: Final = 50_000
"""Values, aliases counted as often as they are used (a "billion laughs" ends here)."""

_TAG = "tag:yaml.org,2002:"


@dataclass(slots=True)
class YamlDocument:
    """One document of a file."""

    data: object
    lines: dict[str, int] = field(default_factory=dict)
    """By JSON pointer."""
    faults: list[FieldError] = field(default_factory=list)

    def line(self, at: str) -> int:
        """Return the line of the value at this pointer, or of the nearest one around it."""
        while at and at not in self.lines:
            at = at.rpartition("/")[0]
        return self.lines.get(at, 1)


def read_documents(text: str, source: str = "") -> list[YamlDocument]:
    """Read each document that is not empty; raise `ConfigInvalid` for what isn't YAML."""
    if len(text) > LARGEST:
        fault = FieldError("", f"The text has {len(text):,} characters; the limit is {LARGEST:,}.")
        raise ConfigInvalid([fault], source)
    try:
        nodes = list(yaml.compose_all(text, yaml.SafeLoader))
        return [_Reader().read(node) for node in nodes if not _is_null(node)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = error.problem or error.context or "can't be read"
        raise ConfigInvalid([FieldError("", f"Not YAML{where}: {problem}.")], source) from error
    except (yaml.YAMLError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        reason = "nested too deeply" if deep else str(error).partition("\n")[0].rstrip(".")
        raise ConfigInvalid([FieldError("", f"Not YAML: {reason}.")], source) from error


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}null"


class _Reader:
    """Turns the nodes of one document into data."""

    def __init__(self) -> None:
        self._scalars = yaml.constructor.SafeConstructor()
        self._left = MOST_NODES
        self._document = YamlDocument(None)

    def read(self, node: yaml.Node) -> YamlDocument:
        """Read the document."""
        self._document.data = self._value(node, [])
        return self._document

    def _value(self, node: yaml.Node, path: list[str | int]) -> object:
        at = pointer(path)
        self._document.lines.setdefault(at, node.start_mark.line + 1)
        self._left -= 1
        if self._left < 0 or len(path) > DEEPEST:
            problem = "nested too deeply, or aliases that grow without bound"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(each, [*path, index]) for index, each in enumerate(node.value)]
        return self._scalar(node, at)

    def _mapping(self, node: yaml.MappingNode, path: list[str | int]) -> dict[str, object]:
        self._scalars.flatten_mapping(node)
        found: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                self._refuse(pointer(path), "A key here is no text.")
                continue
            at = [*path, key]
            if key in found:
                line = key_node.start_mark.line + 1
                self._refuse(pointer(at), f"{key!r} is given twice; line {line} repeats it.")
                continue
            self._document.lines[pointer(at)] = key_node.start_mark.line + 1
            value = self._value(value_node, at)
            if value is not None:  # as the Kubernetes API does: null means absent
                found[key] = value
        return found

    def _scalar(self, node: yaml.Node, at: str) -> object:
        kind = node.tag.removeprefix(_TAG)
        if kind in ("timestamp", "value"):
            return str(node.value)
        if kind not in ("str", "int", "float", "bool", "null"):
            self._refuse(at, f"{node.tag!r} is no type of JSON.")
            return None
        try:
            value: object = self._scalars.construct_object(node)
        except ValueError:
            self._refuse(at, f"{node.value!r} is no {kind}.")
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._refuse(at, f"{node.value} is no number that JSON can hold.")
            return None
        return value

    def _refuse(self, at: str, detail: str) -> None:
        self._document.faults.append(FieldError(at, detail))
