"""The apps: which are found, what they define, and where one breaks."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from headpond.app.catalog import ENTRY_POINT_GROUP, Catalog, load_apps
from headpond.cli.up.declared import declare, read_file
from headpond.errors import ConfigInvalid
from headpond.findings import Finding, fine, refusal, warning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from headpond.app import App
    from headpond.config import QueueConfig


def look_at_apps(named: Sequence[str]) -> tuple[list[Finding], Catalog | None]:
    """Import each app by itself; no catalog when one breaks or two contradict each other."""
    modules = list(named) or _installed()
    if not modules:
        sentence = (
            "No app is named or installed, so nobody knows any job: name a module that holds an"
            " App, here or in HEADPOND_APPS."
        )
        return [warning("apps", sentence)], None
    found: list[Finding] = []
    apps: list[App] = []
    for module in modules:
        finding, app = _look_at(module)
        found.append(finding)
        apps += [app] if app is not None else []
    if len(apps) < len(modules):
        return found, None
    try:
        return found, Catalog(apps)
    except ConfigInvalid as error:
        return [*found, *(refusal("apps", f"Queue {each}") for each in _sentences(error))], None


def look_at_file(
    path: Path, catalog: Catalog | None
) -> tuple[list[Finding], Mapping[str, QueueConfig]]:
    """Read the documents and hold them against the apps."""
    name = f"file {path.name}"
    try:
        documents = read_file(path)
        effective = {} if catalog is None else declare(catalog, documents, 1)
    except ConfigInvalid as error:
        return [refusal(name, sentence) for sentence in _sentences(error)], {}
    queues = ", ".join(sorted(document.queue for document in documents))
    return [fine(name, f"{_count(len(documents), 'QueueConfig')}: {queues}.")], effective


def _installed() -> list[str]:
    return [point.value for point in entry_points(group=ENTRY_POINT_GROUP)]


def _look_at(module: str) -> tuple[Finding, App | None]:
    try:
        with redirect_stdout(sys.stderr):  # what an app prints is not part of our report
            (app,) = load_apps([module])
    except ConfigInvalid as error:
        return refusal(f"app {module}", " ".join(each.detail for each in error.errors)), None
    described = [
        f"{name} ({', '.join(sorted(queue.job_types)) or 'no job type'})"
        for name, queue in sorted(app.queues.items())
    ]
    if not described:
        sentence = f"The app {app.name!r} defines no queue: declare one with app.queue(…)."
        return warning(f"app {module}", sentence), app
    queues = f"queue{'' if len(described) == 1 else 's'} {', '.join(described)}"
    return fine(f"app {module}", f"The app {app.name!r} with the {queues}."), app


def _sentences(error: ConfigInvalid) -> list[str]:
    return [f"{each.pointer.lstrip('/') or 'document'}: {each.detail}" for each in error.errors]


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
