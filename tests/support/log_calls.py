"""Every log call of our packages, as their source has it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOMS: Final = ("core", "api", "workers", "operator", "apps")
LEVELS: Final = ("debug", "info", "warning", "error", "exception", "critical", "log")
LOGGERS: Final = ("logger", "log", "logging")


@dataclass(frozen=True)
class LogCall:
    """One of them."""

    where: str
    level: str
    event: str
    """`""` when it names none, or none that can be read."""
    fields: tuple[str, ...]


def log_calls() -> list[LogCall]:
    """Return all of them."""
    found: list[LogCall] = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            found += _calls(path)
    return found


def _calls(path: Path) -> Iterator[LogCall]:
    tree = ast.parse(path.read_text("utf-8"))
    extras: dict[str, ast.expr] = {}
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.Call)]
    for node in sorted(nodes, key=lambda each: (each.lineno, isinstance(each, ast.Call))):
        if isinstance(node, ast.Assign):
            extras |= {name.id: node.value for name in node.targets if isinstance(name, ast.Name)}
        elif _is_log_call(node):
            yield _read(path, node, extras)


def _is_log_call(call: ast.Call) -> bool:
    func = call.func
    return (
        isinstance(func, ast.Attribute)
        and func.attr in LEVELS
        and isinstance(func.value, ast.Name)
        and func.value.id in LOGGERS
    )


def _read(path: Path, call: ast.Call, extras: dict[str, ast.expr]) -> LogCall:
    assert isinstance(call.func, ast.Attribute)
    given = next((each.value for each in call.keywords if each.arg == "extra"), None)
    if isinstance(given, ast.Name):
        given = extras.get(given.id)
    event, fields = "", []
    if isinstance(given, ast.Dict):
        for key, value in zip(given.keys, given.values, strict=True):
            if not isinstance(key, ast.Constant):
                fields.append("…")
            elif key.value != "event":
                fields.append(str(key.value))
            elif isinstance(value, ast.Constant):
                event = str(value.value)
    where = f"{path.relative_to(ROOT)}:{call.lineno}"
    return LogCall(where, call.func.attr, event, tuple(fields))
