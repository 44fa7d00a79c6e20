"""A redis-server of one run: fresh, on a free port, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING, Final

import redis

from harness.children import Child, ChildFailed, environment
from headpond.cli.up.redis_binary import find_binary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READY_WITHIN_S: Final = 20.0


class Redis:
    """Where this run's jobs live."""

    def __init__(self, port: int) -> None:
        """Speak to the server on that port of this machine."""
        self.url = f"redis://127.0.0.1:{port}/0"
        self._client = redis.Redis.from_url(self.url)

    def cpu_seconds(self) -> float:
        """Return the processor time that the server has used."""
        info = self._client.info("cpu")
        return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])

    def is_ready(self) -> bool:
        """Say whether it answers."""
        try:
            return bool(self._client.ping())
        except redis.ConnectionError:
            return False

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


@contextlib.contextmanager
def running(folder: Path, *, aof: bool, cpu: int | None) -> Iterator[Redis]:
    """Run a server with the data folder given, `appendfsync everysec` where `aof` is asked for."""
    port = free_port()
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(folder),
        "appendonly": "yes" if aof else "no",
        "appendfsync": "everysec",
        # a rewrite would take a processor away from one run and not from the next
        "auto-aof-rewrite-percentage": "0",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    binary = find_binary(os.environ).path
    with Child([binary, *words], environment(), folder / "redis.log", cpu) as child:
        server = Redis(port)
        deadline = time.monotonic() + READY_WITHIN_S
        while not server.is_ready():
            child.check()
            if time.monotonic() > deadline:
                raise ChildFailed(f"redis-server does not answer:\n{child.tail()}")
            time.sleep(0.02)
        try:
            yield server
        finally:
            server.close()


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
