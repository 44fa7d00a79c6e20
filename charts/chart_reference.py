"""Make docs/reference/chart.md and values.schema.json from the comments of values.yaml.

`python charts/chart_reference.py` writes both. A key below a comment `# --` is a value; any other
key is a section. What a value's type and default don't say of it stands in `RULES`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT: Final = Path(__file__).resolve().parents[1]
CHART: Final = ROOT / "charts" / "headpond"
PAGE: Final = ROOT / "docs" / "reference" / "chart.md"
SCHEMA: Final = CHART / "values.schema.json"

_TYPES: Final = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
_TEXTS: Final = {"type": "array", "items": {"type": "string"}}
_OBJECTS: Final = {"items": {"type": "object"}}
_LABELS: Final = {"additionalProperties": {"type": "string"}}
_COUNT: Final = {"minimum": 0}
_PORT: Final = {"minimum": 1, "maximum": 65535}

RULES: Final[dict[str, dict[str, Any]]] = {
    "apps": _TEXTS,
    "queues": {"additionalProperties": {"type": ["object", "null"]}},
    "logLevel": {"enum": ["debug", "info", "warning", "error"]},
    "logFormat": {"enum": ["json", "text"]},
    "image.pullPolicy": {"enum": ["IfNotPresent", "Always", "Never"]},
    "api.replicas": _COUNT,
    "api.service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    "api.service.port": _PORT,
    "api.ingress.hosts": _TEXTS,
    "api.httpRoute.hostnames": _TEXTS,
    "api.autoscaling.minReplicas": {"minimum": 1},
    "api.autoscaling.maxReplicas": {"minimum": 1},
    "api.autoscaling.targetCPUUtilization": {"minimum": 1},
    "operator.replicas": _COUNT,
    "operator.watchNamespaces": _TEXTS,
    "redis.runAsUser": {"minimum": 1},
    "externalRedis.mode": {"enum": ["single", "sentinel", "cluster"]},
    "externalRedis.port": _PORT,
    "externalRedis.nodes": _TEXTS,
    "externalRedis.database": _COUNT,
    "externalRedis.options": {"additionalProperties": {"type": ["string", "number", "boolean"]}},
    "metrics.rules.promiseSeconds": {"minimum": 1},
    "extraObjects": {"items": {"type": ["object", "string"]}},
}
"""By path, what the default's type leaves open."""

_ENDINGS: Final[dict[str, dict[str, Any]]] = {
    "Labels": _LABELS,
    "labels": _LABELS,
    "nnotations": _LABELS,
    "nodeSelector": _LABELS,
    "extraEnv": _OBJECTS,
    "extraEnvFrom": _OBJECTS,
    "tolerations": _OBJECTS,
    "topologySpreadConstraints": _OBJECTS,
    "parentRefs": _OBJECTS,
    "pullSecrets": _OBJECTS,
    "tls": _OBJECTS,
    "apiFrom": _OBJECTS,
    "metricsFrom": _OBJECTS,
}
"""The same, by how the path ends."""

_TOP: Final = {
    "global": {"type": "object", "description": "Helm's own; not used."},
    "enabled": {"type": "boolean", "description": "For charts that depend on this one."},
}
"""What Helm or a parent chart adds."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of the chart."""

    path: tuple[str, ...]
    default: Any
    text: str

    @property
    def name(self) -> str:
        """Return how one writes it after `--set`."""
        return ".".join(self.path)

    def schema(self) -> dict[str, Any]:
        """Return its JSON schema."""
        rule: dict[str, Any] = RULES.get(self.name, {})
        if not rule:
            fits = [found for end, found in _ENDINGS.items() if self.name.endswith(end)]
            rule = fits[0] if fits and isinstance(self.default, (dict, list)) else {}
        return {"type": _TYPES[type(self.default)], **rule, "description": self.text}


def read(text: str) -> list[Value]:
    """Return the values in their order, each with its default."""
    tree = yaml.safe_load(text)
    return [Value(path, _at(tree, path), words) for path, words in _documented(text)]


def _documented(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield path and comment of each value."""
    above: list[str] = []
    words: list[str] = []
    for line in text.splitlines():
        key = re.match(r"( *)(\w+):", line)
        if line.lstrip().startswith("#"):
            said = line.lstrip().removeprefix("#").strip()
            words = (
                [said.removeprefix("--").strip()] if said.startswith("--") else _more(words, said)
            )
        elif key:
            del above[len(key[1]) // 2 :]
            above.append(key[2])
            if words:
                yield tuple(above), " ".join(words)
            words = []
        else:
            words = []


def _more(words: list[str], said: str) -> list[str]:
    """Return the comment with another line of it; what doesn't begin with `--` is none of ours."""
    return [*words, said] if words else []


def _at(tree: dict[str, Any], path: Iterable[str]) -> object:
    at: Any = tree
    for part in path:
        at = at[part]
    return at


def schema(values: Iterable[Value]) -> dict[str, Any]:
    """Return the schema of all values; a name that isn't among them is refused."""
    root: dict[str, Any] = _section()
    for value in values:
        at = root
        for part in value.path[:-1]:
            at = at["properties"].setdefault(part, _section())
        at["properties"][value.path[-1]] = value.schema()
    root["properties"] |= _TOP
    return {"$schema": "http://json-schema.org/draft-07/schema#", **root}


def _section() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def as_json(tree: dict[str, Any], indent: str = "") -> str:
    """Return JSON with a value on each line."""
    if "properties" not in tree:
        return json.dumps(tree, ensure_ascii=False)
    lines = []
    for key, each in tree.items():
        if key == "properties":
            inner = [
                f'{indent}    "{name}": {as_json(child, indent + "    ")}'
                for name, child in each.items()
            ]
            lines.append('"properties": {\n' + ",\n".join(inner) + f"\n{indent}  }}")
        else:
            lines.append(f'"{key}": {json.dumps(each)}')
    return "{\n" + ",\n".join(f"{indent}  {line}" for line in lines) + f"\n{indent}}}"


def page(values: Iterable[Value]) -> str:
    """Return the reference page."""
    lines = [_HEAD]
    section = None
    for value in values:
        here = ".".join(value.path[:-1]) if len(value.path) > 1 else ""
        top = value.path[0] if here else ""
        if top != section:
            section = top
            title = f"## `{top}`" if top else ("## All of it" if len(lines) == 1 else "## The rest")
            lines += ["", title, "", "| value | default | |", "|---|---|---|"]
        default = json.dumps(value.default, ensure_ascii=False)
        lines.append(f"| `{value.name}` | `{default}` | {_cell(value.text)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


_HEAD: Final = """\
# The chart's values

For whoever installs Headpond by [Helm](../howto/install-with-helm.md): each value of
`charts/headpond` with its default and what it does. This page is made from the comments of
`values.yaml` by `python charts/chart_reference.py`; don't edit it.

A name that isn't here is refused, and so is a value of another type; what contradicts something
else is refused with a sentence. Values that are `{}` or `[]` here are given to Kubernetes as they
are."""


def main() -> None:
    """Write both."""
    values = read((CHART / "values.yaml").read_text("utf-8"))
    PAGE.write_text(page(values), "utf-8")
    SCHEMA.write_text(as_json(schema(values)) + "\n", "utf-8")


if __name__ == "__main__":
    main()
