"""`headpond up` as a child process: started, awaited, killed on purpose, and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, Final

import aiohttp
import psutil

QUEUES: Final = Path(__file__).with_name("queues.yaml")

START_S: Final = 60
"""A cold machine compiles every module first."""

STOP_S: Final = 30
"""Longer than the grace that `up` gives its workers."""

WORK_MS: Final = 100
"""Latency of the slow system that each mark pretends to ask, so that there is a backlog to see."""


class NotReady(Exception):  # noqa: N818 (a state, not an error of the code)
    """`headpond up` ended, or did not begin to answer in time."""


class System:
    """A whole Headpond of its own in one folder."""

    def __init__(self, folder: Path) -> None:
        """Everything is in `folder`: jobs, rows, log."""
        self.folder = folder
        self.database = folder / "data" / "headpond.db"
        self.log = folder / "up.log"
        self.key = secrets.token_urlsafe(24)
        self.url = f"http://127.0.0.1:{_free_port()}"
        self._child: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    async def start(self) -> None:
        """Start, and return when it answers; a second time, it finds its jobs again."""
        self._child = self._begin()
        async with aiohttp.ClientSession(self.url) as client:
            await self._answering(client, self._child)

    def _begin(self) -> subprocess.Popen[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._output = self.log.open("ab")
        command = [str(Path(sys.executable).with_name("headpond")), "up", "headpond_school"]
        command += ["-f", str(QUEUES), "--data", str(self.folder / "data")]
        command += ["--port", self.url.rpartition(":")[2], "--no-open"]
        own = {"HEADPOND_API_KEY": self.key, "HEADPOND_SCHOOL_WORK_MS": str(WORK_MS)}
        # A session of its own, so that Ctrl-C reaches us alone and the tree goes down in order.
        return subprocess.Popen(
            command,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=_inherited() | own,
            start_new_session=True,
        )

    async def _answering(
        self, client: aiohttp.ClientSession, child: subprocess.Popen[bytes]
    ) -> None:
        deadline = asyncio.get_running_loop().time() + START_S
        while asyncio.get_running_loop().time() < deadline:
            if child.poll() is not None:
                raise NotReady(f"`headpond up` ended with exit code {child.returncode}.")
            with contextlib.suppress(aiohttp.ClientError):
                async with client.get("/readyz") as answer:
                    if answer.ok:
                        return
            await asyncio.sleep(0.1)
        raise NotReady(f"`headpond up` did not answer within {START_S} s.")

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes that run now."""
        return [process for process in self._tree() if "headpond_workers" in _command(process)]

    def crash(self) -> None:
        """Kill every process of the tree at once, as a power cut does."""
        tree = self._tree()
        for process in tree:
            _kill(process)
        psutil.wait_procs(tree)
        self._forget()

    async def stop(self) -> None:
        """Ask the tree to end as by Ctrl-C; kill what is left of it."""
        if self._child is None:
            return
        tree = self._tree()
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)
            try:
                await asyncio.to_thread(self._child.wait, STOP_S)
            except subprocess.TimeoutExpired:
                self.crash()
                return
        for process in tree:
            _kill(process)
        self._forget()

    def last_words(self, lines: int = 30) -> str:
        """Return the end of the log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _tree(self) -> list[psutil.Process]:
        """Return `up` and all below it; `up` first, so that it can't mend what is killed next."""
        if self._child is None:
            return []
        try:
            root = psutil.Process(self._child.pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _forget(self) -> None:
        if self._child is not None:
            self._child.wait()
        if self._output is not None:
            self._output.close()
        self._child = self._output = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _inherited() -> dict[str, str]:
    """Return our environment without the settings of any other installation."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HEADPOND_") or name == "HEADPOND_REDIS_SERVER"
    }


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()
