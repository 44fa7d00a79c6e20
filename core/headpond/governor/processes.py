"""Child processes that never outlive us, on Linux not even our SIGKILL.

Each is the leader of a session of its own: a Ctrl-C at the terminal reaches us alone, and we decide
what becomes of the children.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

PR_SET_PDEATHSIG: Final = 1
"""`prctl(2)`: the signal that the kernel sends to a child when its parent is gone."""

LARGEST_LOG: Final = 5 * 1024 * 1024
"""Bytes; a larger log is set aside as `.1` before it is opened again."""

_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start."""

    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    """The whole environment; `None`: ours."""
    log: Path | None = None
    """Where its output goes, appended."""
    keep_fds: tuple[int, ...] = field(default=())
    """Open files that it shall inherit, such as a lock that it holds while it lives."""


async def spawn(launch: Launch) -> Process:
    """Start a process; when we die, it gets SIGTERM. Must run in the main thread."""
    output = DEVNULL if launch.log is None else _open_log(launch.log)
    try:
        return await asyncio.create_subprocess_exec(
            *launch.argv,
            env=None if launch.env is None else dict(launch.env),
            stdin=DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            pass_fds=launch.keep_fds,
            start_new_session=True,
            preexec_fn=_tether(os.getpid()),
        )
    finally:
        if output != DEVNULL:
            os.close(output)


async def stop(process: Process, patience_s: float) -> bool:
    """Ask it to end, wait, then kill it and all that it started; False when it was killed."""
    send(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(patience_s):
            await process.wait()
    except TimeoutError:
        kill(process)
        await process.wait()
        return False
    return True


def send(process: Process, number: signal.Signals) -> None:
    """Send a signal, if it still runs."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.send_signal(number)


def kill(process: Process) -> None:
    """Kill it and all that it started, if it still runs."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def manner(returncode: int) -> str:
    """Say how a process ended.

    >>> manner(-9), manner(3)
    ('was killed by SIGKILL', 'exited with code 3')
    """
    if returncode < 0:
        with suppress(ValueError):
            return f"was killed by {signal.Signals(-returncode).name}"
    return f"exited with code {returncode}"


def last_words(log: Path, longest: int = 200) -> str:
    """Return the last line of a log that says something, `""` when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    said = [line.strip() for line in lines if line.strip()]
    return said[-1][:longest] if said else ""


def _open_log(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if path.stat().st_size > LARGEST_LOG:
            path.replace(path.with_name(path.name + ".1"))
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _tether(parent: int) -> Callable[[], None] | None:
    """Return what the child does between fork and exec: little, for it runs in a copy of us."""
    libc = _LIBC
    if libc is None:
        return None

    def bind() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:  # we died before the kernel knew of the wish
            os._exit(1)

    return bind
