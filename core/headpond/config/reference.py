"""The reference page of the QueueConfig, made from the schema: `docs/reference/queueconfig.md`.

Write it again with `python -m headpond.config.reference > docs/reference/queueconfig.md`; a test
fails when the page and the schema differ.
"""

from __future__ import annotations

import sys
import typing
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from headpond.config.durations import format_duration
from headpond.config.faults import inner, show
from headpond.config.idle import IDLE_FIELDS
from headpond.config.spec import QueueConfigSpec

HEAD: Final = """\
# QueueConfig

For whoever declares a queue: each field with its type, its default and what it does. This page is
made from the schema in `core/headpond/config/` by `python -m headpond.config.reference`; don't
edit it.

```yaml
apiVersion: headpond.dev/v1alpha1
kind: QueueConfig
metadata: {name: attendance}
spec:
  jobs: {concurrency: 50, timeout: 30s, retries: 3, backoff: {type: exponential, delay: 2s}}
  scaling: {min: 0, max: 20, target: {wait: 30s}}
```

The same document works for `headpond up -f FILE` and, with the operator, for `kubectl apply`. A
file may hold several, separated by `---`.

## How it is read

- A **duration** is `500ms`, `30s`, `5m`, `24h`, `7d`, a sum such as `1h30m`, or a number of
  seconds (`kubectl` wants the unit).
- **Nothing is guessed.** An unknown field, a value of another type, a key given twice and two
  fields that contradict each other are refused, each with its path, its value, the reason, the
  line and the nearest name. `headpond up` then keeps the configuration that is in force.
- **The document wins over the app's code**, field by field. `target`, `backoff`, `rateLimit`,
  `onUnknown` and `tenants.overrides` mean one thing each and are taken whole. What neither says
  has the default below.
- `null` means absent, as it does for `kubectl`.
- **`retries: 3` means up to 3 runs after the first**, so at most 4. What other systems call
  `attempts: 3` is `retries: 2`.
- `paused: true` is another word for `pause: Hold`. A pause by API or command line is separate;
  the stricter of the two wins.
"""

IDLE_HEAD: Final = """
## Fields that do nothing outside Kubernetes, or not yet

They are taken, so that one document serves everywhere, and `headpond up` says so of each that is
given.

| field | why |
|---|---|
"""


_WORDS: Final[dict[type, str]] = {
    bool: "boolean",
    datetime: "time",
    float: "number",
    int: "integer",
    str: "text",
    timedelta: "duration",
}


def reference() -> str:
    """Return the page."""
    idle = "".join(f"| `{field}` | {why} |\n" for field, why in IDLE_FIELDS.items())
    return f"{HEAD}{sections('spec', QueueConfigSpec)}{IDLE_HEAD}{idle}"


def sections(path: str, model: type[BaseModel]) -> str:
    """Return a table of the fields of a model that stands at `path`, and of each model in it."""
    found: dict[type[BaseModel], list[str]] = {}
    _collect(path, model, found)
    return "".join(_section(each, paths) for each, paths in found.items())


def _collect(path: str, model: type[BaseModel], found: dict[type[BaseModel], list[str]]) -> None:
    """Note every mapping of the schema with its paths, outer ones first."""
    found.setdefault(model, []).append(path)
    for name, field in model.model_fields.items():
        kind, suffix = _element(field.annotation)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            _collect(f"{path}.{field.alias or name}{suffix}", kind, found)


def _section(model: type[BaseModel], paths: list[str]) -> str:
    rows = "".join(
        f"| `{field.alias or name}` | {_type(name, field)} | {_default(field)} |"
        f" {' '.join((field.description or '').split())} |\n"
        for name, field in model.model_fields.items()
    )
    first, *more = paths
    about = (model.__doc__ or "").strip().partition("\n")[0]
    also = f" The same at {', '.join(f'`{path}`' for path in more)}." if more else ""
    table = f"| field | type | default | |\n|---|---|---|---|\n{rows}"
    return f"\n## `{first}`\n\n{about}{also}\n\n{table}"


def _element(annotation: Any) -> tuple[Any, str]:  # noqa: ANN401 (annotations are anything)
    """Return what a field holds in the end, and how its path goes on."""
    kind = inner(annotation)
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        return inner(arguments[0]), "[]"
    if typing.get_origin(kind) is dict and arguments[1] is not Any:
        return inner(arguments[1]), ".*"
    return kind, ""


def _type(name: str, field: Any) -> str:  # noqa: ANN401 (pydantic's FieldInfo is generic)
    kind, suffix = _element(field.annotation)
    if name == "priority":
        return "0 to 9, or `low`, `normal`, `high`, `critical`"
    word = _word(kind)
    return {"": word, "[]": f"list of {word}", ".*": f"map of {word}"}[suffix]


def _word(kind: Any) -> str:  # noqa: ANN401 (annotations are anything)
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(f"`{value}`" for value in typing.get_args(kind))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "mapping"
    return _WORDS.get(kind, "mapping")


def _default(field: Any) -> str:  # noqa: ANN401 (pydantic's FieldInfo is generic)
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if value is None or value in ((), {}):
        return ""
    if isinstance(value, timedelta):
        return f"`{format_duration(value)}`"
    if isinstance(value, BaseModel):
        given = value.model_dump(mode="json", exclude_unset=True)
        return f"`{show(given)}`" if given else ""
    return f"`{value}`" if isinstance(value, str) else f"`{show(value)}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
