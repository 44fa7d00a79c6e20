"""The two shells as child processes: how the API and a worker are started."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headpond.cli.up.kept import Role
from headpond.cli.up.options import HOST
from headpond.governor.processes import Launch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

READY_WITHIN_S: Final = 60.0
"""A cold start on a loaded machine; a healthy one needs a second or two."""

ENDS_WITHIN_S: Final = 10.0
"""Streams are cut after it; the clients come back."""


@dataclass(frozen=True, slots=True)
class Shells:
    """What all children are told."""

    environ: Mapping[str, str]
    """Ours."""
    redis_url: str
    database_url: str
    apps: tuple[str, ...]
    logs: Path
    port: int
    key: str
    keys_file: Path
    """Holds what payloads are encrypted with, unless the environment says."""

    def api(self) -> Role:
        """Say how the API is run."""
        own = {
            "HEADPOND_HOST": HOST,
            "HEADPOND_PORT": str(self.port),
            "HEADPOND_API_KEY": self.key,
        }
        launch = Launch(
            [sys.executable, "-m", "headpond_api"], self._environ(own), self.logs / "api.log"
        )
        return Role(
            name="The API",
            launch=launch,
            is_ready=lambda: is_live(self.port),
            ready_within_s=READY_WITHIN_S,
            patience_s=ENDS_WITHIN_S,
        )

    def worker(self, queue: str, worker_id: str) -> Launch:
        """Say how a worker is run."""
        argv = [sys.executable, "-m", "headpond_workers", "--queue", queue]
        own = {"HEADPOND_WORKER_ID": worker_id, "HEADPOND_PROBE_PORT": "0"}
        return Launch(argv, self._environ(own), self.logs / f"worker-{queue}.log")

    def _environ(self, own: Mapping[str, str]) -> dict[str, str]:
        # An app in the current folder is found by its name, however strict the interpreter is.
        path = os.pathsep.join(filter(None, [os.getcwd(), self.environ.get("PYTHONPATH")]))  # noqa: PTH109
        names = ("HEADPOND_ENCRYPTION_KEYS", "HEADPOND_ENCRYPTION_KEYS_FILE")
        given = any(self.environ.get(name) for name in names)
        keys = {} if given else {names[1]: str(self.keys_file)}
        return {
            "HEADPOND_DATABASE_URL": self.database_url,
            **self.environ,
            **keys,
            "HEADPOND_REDIS_URL": self.redis_url,
            "HEADPOND_APPS": ",".join(self.apps),
            "PYTHONPATH": path,
            **own,
        }


async def is_live(port: int) -> bool:
    """Return whether the API answers its probe."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    return False
