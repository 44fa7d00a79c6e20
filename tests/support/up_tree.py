"""`headpond up` as a process tree under test: started, listened to, wounded and stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from headpond.app.catalog import load_apps
from headpond.redis import RedisQueueStore
from until import until

if TYPE_CHECKING:
    import signal
    from collections.abc import AsyncIterator

    from headpond.queues import QueueSample

COMMAND: Final = (sys.executable, "-c", "from headpond.cli import main; main()", "up")
QUEUE: Final = "greetings"
ENDS_WITHIN_S: Final = 45.0


def environ(**own: str) -> dict[str, str]:
    """Return our environment without its HEADPOND_* variables; apps are found beside this file."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HEADPOND_")}
    return {**plain, "PYTHONPATH": str(Path(__file__).parent), **own}


def refused(folder: Path, *words: str, **own: str) -> subprocess.CompletedProcess[str]:
    """Run `headpond up` to its end, which is expected soon."""
    command = [*COMMAND, "--data", str(folder / "data"), "--no-open", *words]
    return subprocess.run(
        command,
        cwd=folder,
        env=environ(**own),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class UpTree:
    """A `headpond up` in a folder of its own."""

    def __init__(self, folder: Path, *words: str) -> None:
        """`words` follow the command."""
        self.folder = folder
        self.log = folder / "up.log"
        self.words = words
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, again if it has ended; `ready` says when it is there."""
        if self._process:
            self._process.wait()
        words = ["--data", str(self.folder / "data"), "--port", "0", "--no-open", *self.words]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*COMMAND, *words],
                cwd=self.folder,
                env=environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def ready(self) -> None:
        """Wait until it has printed its head."""
        await self.says("logs  ", within_s=60)

    async def says(self, words: str, within_s: float = 20.0) -> str:
        """Wait until it has printed these words; return the line."""

        def line() -> str:
            assert self.is_running() or words in self.text(), f"up has ended:\n{self.text()}"
            return next((each for each in self.text().splitlines() if words in each), "")

        try:
            return str(await until(line, within_s))
        except AssertionError as error:
            message = f"never said {words!r}:\n{self.text()}"
            raise AssertionError(message) from error

    def text(self) -> str:
        """Return all it has printed."""
        return self.log.read_text(errors="replace")

    def is_running(self) -> bool:
        """Return whether the process of `up` itself is there."""
        return self._process is not None and self._process.poll() is None

    def child(self, word: str) -> psutil.Process | None:
        """Return the first child whose command holds this word."""
        assert self._process
        for process in psutil.Process(self._process.pid).children():
            try:
                if word in " ".join(process.cmdline()):
                    return process
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        return None

    def tree(self) -> list[psutil.Process]:
        """Return all its processes."""
        if not self.is_running():
            return []
        assert self._process
        root = psutil.Process(self._process.pid)
        return [root, *root.children(recursive=True)]

    @asynccontextmanager
    async def store(self) -> AsyncIterator[RedisQueueStore]:
        """Connect to its Redis; the test app is bound to it."""
        store = RedisQueueStore(f"unix://{self.folder / 'data' / 'redis.sock'}?db=0")
        await store.start()
        (app,) = load_apps(["up_app"])
        app.bind(store)
        try:
            yield store
        finally:
            await store.close()

    async def sample(self) -> QueueSample:
        """Sample its queue."""
        async with self.store() as store:
            return (await store.sample([QUEUE]))[QUEUE]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to `up` itself."""
        assert self._process
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end and return the exit code."""
        await until(lambda: not self.is_running(), ENDS_WITHIN_S)
        assert self._process
        return int(self._process.returncode)

    def end(self) -> None:
        """Leave nothing behind, whatever the test did."""
        for process in self.tree():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        if self._process:
            self._process.wait()
