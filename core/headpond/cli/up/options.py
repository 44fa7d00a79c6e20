"""What `headpond up` was asked for, and what the environment adds; every fault is one sentence."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headpond.app.catalog import Catalog, load_apps
from headpond.errors import ConfigInvalid, Conflict, FieldError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from headpond.config import QueueConfig
    from headpond.settings import WorkerSettings

HOST: Final = "127.0.0.1"
"""A laptop's API is for the laptop."""

FREED_WITHIN_S: Final = 10.0
"""The API of a run that was killed is ending its last answers."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    apps: tuple[str, ...]
    file: Path | None
    port: int
    data: Path
    key: str
    """`""`: the one in the data folder."""
    opens: bool
    """Show the API's page in a browser."""


def choose_apps(
    options: Options, settings: WorkerSettings, documents: Sequence[QueueConfig]
) -> tuple[str, ...]:
    """Return the apps' modules: those named, else the environment's, else the documents'.

    None at all means every app that is installed.
    """
    named = dict.fromkeys(app for document in documents for app in document.spec.worker.apps)
    return options.apps or settings.apps or tuple(named)


def load_catalog(modules: Sequence[str]) -> Catalog:
    """Return what the apps define; raise `ConfigInvalid` when there is nothing to run."""
    if os.getcwd() not in sys.path:  # noqa: PTH109 (sys.path holds text)
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    catalog = Catalog(load_apps(modules))
    if not catalog.queue_names():
        detail = "No queue to run: name a module that holds an App, as in `headpond up my_app`."
        raise ConfigInvalid([FieldError("/apps", detail)])
    return catalog


async def choose_port(wanted: int, *, patient: bool) -> int:
    """Return a port that is free now; raise `Conflict` when the wanted one isn't.

    `patient`: a killed run's API may still have it, and gives it back soon.
    """
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + (FREED_WITHIN_S if patient else 0)
    while True:
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((HOST, wanted))
                return int(probe.getsockname()[1])
        except OSError as error:
            if error.errno != errno.EADDRINUSE or loop.time() > deadline_s:
                raise _port_refused(wanted, error) from error
        await asyncio.sleep(0.1)


def _port_refused(port: int, error: OSError) -> Conflict:
    taken = error.errno == errno.EADDRINUSE
    why = "is taken by another program" if taken else f"can't be used: {error.strerror}"
    return Conflict(f"Port {port} on {HOST} {why}; choose another with --port (0: any free one).")
