"""The redis-server of `headpond up`: its own, on the data folder, at a private Unix socket."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from headpond.cli.up.folder import try_lock
from headpond.cli.up.kept import Role
from headpond.errors import Conflict
from headpond.governor.processes import Launch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from headpond.cli.up.folder import DataFolder
    from headpond.cli.up.redis_binary import Binary

GONE_WITHIN_S: Final = 20.0
"""A killed run's server gets SIGTERM from the kernel, and writes its log to the disk."""

READY_WITHIN_S: Final = 300.0
"""Loading a large log takes its time; a server that ends meanwhile is noticed at once."""

ENDS_WITHIN_S: Final = 30.0
"""After SIGTERM, to write its log to the disk."""


async def claim_data(folder: DataFolder) -> int:
    """Return a lock that no other redis-server on these data holds; the server shall inherit it.

    Two servers that write one log destroy it, and the lock of `up` itself ends with `up`, while its
    server may still be writing.
    """
    fd = os.open(folder.redis / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    with suppress(TimeoutError):
        async with asyncio.timeout(GONE_WITHIN_S):
            while not try_lock(fd):  # noqa: ASYNC110 (another process' lock sets no event of ours)
                await asyncio.sleep(0.05)
            return fd
    os.close(fd)
    raise Conflict(
        f"The redis-server of an earlier run still uses {folder.redis}; end it"
        f" (its process id is in its log, {folder.logs / 'redis.log'}) and start again."
    )


def redis_role(
    binary: Binary, folder: DataFolder, socket: Path, lock_fd: int, on_return: OnReturn
) -> Role:
    """Say how the server is run."""
    log = folder.logs / "redis.log"
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder.redis),
        "appendonly": "yes",
        # Not everysec: while a slow disk syncs, Redis then answers before it has written, for up to
        # two seconds, and a kill of the whole tree would lose accepted jobs.
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "notice",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return Role(
        name="redis-server",
        launch=Launch([binary.path, *words], log=log, keep_fds=(lock_fd,)),
        is_ready=lambda: answers(socket),
        ready_within_s=READY_WITHIN_S,
        patience_s=ENDS_WITHIN_S,
        on_return=on_return,
    )


async def answers(socket: Path) -> bool:
    """Return whether a Redis at this socket is ready for commands (not while it loads its data)."""
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"PING\r\n")
                return (await reader.readline()).startswith(b"+PONG")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


if TYPE_CHECKING:
    OnReturn = Callable[[], Awaitable[None]]
