"""The apps of a process: found, loaded, and asked for queues and job types."""

from __future__ import annotations

import importlib
import traceback
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from headpond.app.app import App
from headpond.errors import ConfigInvalid, FieldError, JobTypeUnknown, QueueUnknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.app.job_type import JobType
    from headpond.app.queue import Queue
    from headpond.ports import QueueStore
    from headpond.sealing import Keyring

ENTRY_POINT_GROUP = "headpond.apps"


def load_apps(names: Sequence[str]) -> list[App]:
    """Import the named modules and return their apps; no names: every app with an entry point.

    A name is `module`, or `module:app` where the module has several. Raises `ConfigInvalid` for a
    module that can't be imported or holds no such `App`.
    """
    modules = list(names) or [point.value for point in entry_points(group=ENTRY_POINT_GROUP)]
    return [_load(*module.partition(":")[::2]) for module in modules]


def _load(module: str, name: str) -> App:
    try:
        loaded = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # whatever a module may do when it is imported
        fault = FieldError("/apps", f"{module!r} can't be imported: {_reason(error)}.")
        raise ConfigInvalid([fault], source="HEADPOND_APPS") from error
    found = {key: value for key, value in vars(loaded).items() if isinstance(value, App)}
    apps = {id(value): value for key, value in found.items() if name in ("", key)}
    if len(apps) == 1:
        return apps.popitem()[1]
    if apps:
        words = ", ".join(f"{module}:{key}" for key in sorted(found))
        detail = f"{module!r} holds several apps; name one of {words}."
    else:
        detail = f"{module!r} has no headpond.App{f' named {name!r}' if name else ''}."
    raise ConfigInvalid([FieldError("/apps", detail)], source="HEADPOND_APPS")


def _reason(error: BaseException) -> str:
    """Say what went wrong in a module, and where."""
    if isinstance(error, ImportError):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"{error.msg} ({error.filename}, line {error.lineno})"
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({where.filename}, line {where.lineno})"


class Catalog:
    """What the loaded apps offer, by queue and job type."""

    def __init__(self, apps: Sequence[App]) -> None:
        """Raise `ConfigInvalid` when two apps declare the same queue."""
        self.apps = list(apps)
        self._queues: dict[str, Queue] = {}
        for app in apps:
            for name, queue in app.queues.items():
                if name in self._queues:
                    other = self._queues[name].app.name
                    fault = FieldError(f"/{name}", f"Declared by {other!r} and by {app.name!r}.")
                    raise ConfigInvalid([fault], source="apps")
                self._queues[name] = queue

    def queue_names(self) -> list[str]:
        """Return the names of all declared queues, sorted."""
        return sorted(self._queues)

    def queue(self, name: str) -> Queue:
        """Return a queue, or raise `QueueUnknown` naming those that there are."""
        try:
            return self._queues[name]
        except KeyError:
            raise QueueUnknown(name, self._queues) from None

    def job_types(self, queue: str) -> dict[str, JobType]:
        """Return the job types of a queue by name."""
        return self.queue(queue).job_types

    def job_type(self, queue: str, name: str) -> JobType:
        """Return a job type, or raise `QueueUnknown` or `JobTypeUnknown`."""
        types = self.job_types(queue)
        try:
            return types[name]
        except KeyError:
            raise JobTypeUnknown(name, queue, types) from None

    def bind(self, store: QueueStore, keys: Keyring | None = None) -> None:
        """Give every app its store and its keys."""
        for app in self.apps:
            app.bind(store, keys)

    async def declare_schedules(self) -> None:
        """Put into the store what schedules the code declares. Raises `StoreUnavailable`."""
        for queue in self._queues.values():
            await queue.declare_schedules()
