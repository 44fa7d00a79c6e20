"""A redis-server of the tests' own: on a free port, with its data in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import redis

from redis_versions import CARRIED, SYSTEM, WANTED, NotHere, binary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

READY_WITHIN_S: Final = 20.0
"""A loaded machine may be slow to start it; a healthy one needs 50 ms."""


def find_binary() -> str:
    """Return the server that `TEST_REDIS` names, else the system's, else the wheel's."""
    wanted = os.environ.get(WANTED)
    if wanted:
        return binary(wanted)
    try:
        return binary(SYSTEM)
    except NotHere:
        return binary(CARRIED)


PORTS: Final = range(10_000, 30_000)
"""Below those that systems give to the near ends of connections: such may be gone in between."""


def free_port() -> int:
    """Return a port that nobody listens on now, and that no connection will happen to use."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("0.0.0.0", port))  # noqa: S104 (nobody listens)
            return port


@dataclass
class RedisServer:
    """One server process; stopping and starting it keeps port and data."""

    dir: Path
    port: int = field(default_factory=free_port)
    binary: str = ""
    """Another redis-server than `find_binary` finds."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Further settings, or other ones than the tests' own."""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The process that runs now; 0 when stopped."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it, and return when it answers."""
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.dir),
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "logfile": str(self.dir / "redis.log"),
            **self.options,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen([self.binary or find_binary(), *words])
        self._await_answer()

    def stop(self) -> None:
        """Stop it by its id; its data stay."""
        if self._process:
            self._process.terminate()
            self._process.wait(READY_WITHIN_S)
            self._process = None

    def kill(self) -> None:
        """End it by SIGKILL, as a crash would; its data stay."""
        if self._process:
            self._process.kill()
            self._process.wait(READY_WITHIN_S)
            self._process = None

    def client(self) -> redis.Redis:
        """Return a blocking client, for looking at keys."""
        return redis.Redis.from_url(self.url)

    def _await_answer(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        with self.client() as client:
            while True:
                try:
                    client.ping()
                except redis.ConnectionError:
                    if time.monotonic() > deadline or not self._is_running():
                        log = (self.dir / "redis.log").read_text()
                        message = f"redis-server on port {self.port} does not answer:\n{log}"
                        raise RuntimeError(message) from None
                    time.sleep(0.02)
                else:
                    return

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None
