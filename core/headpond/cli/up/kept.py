"""A child process that is kept running: its death is noticed, said and mended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headpond.errors import Unavailable
from headpond.governor.processes import Launch, kill, last_words, manner, spawn, stop

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable

FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 15.0
"""Between two starts; doubles from the first to the longest."""

HEALTHY_AFTER_S: Final = 20.0
"""Who ran this long starts with the first pause again."""


@dataclass(frozen=True, slots=True)
class Role:
    """What is kept running, and how one knows that it is there."""

    name: str
    launch: Launch
    is_ready: Callable[[], Awaitable[bool]]
    ready_within_s: float
    patience_s: float
    """After SIGTERM; then it is killed."""
    on_return: Callable[[], Awaitable[None]] | None = None
    """Run each time that it is back."""


class Kept:
    """Starts a role, starts it again when it dies, stops it when told."""

    def __init__(self, role: Role, say: Callable[[str], None]) -> None:
        """`say` tells people."""
        self.role = role
        self._say = say
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self._making = asyncio.Lock()
        """Held while the process is made: a stop must know of it."""
        self._pause_s = FIRST_PAUSE_S

    @property
    def pid(self) -> int:
        """The process that runs now; 0 when none does."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process else 0

    async def start(self) -> None:
        """Start it the first time; raise `Unavailable` when it doesn't get ready."""
        await self._begin()

    async def run(self) -> None:
        """Mend it whenever it dies, until `stop`."""
        while not self._stopping.is_set():
            began_s = _now_s()
            process = self._process
            if process is not None:
                await process.wait()
                if self._stopping.is_set():
                    return
                if _now_s() - began_s > HEALTHY_AFTER_S:
                    self._pause_s = FIRST_PAUSE_S
                said = manner(process.returncode or 0)
                self._say(f"{self.role.name} {said}; it starts again in {self._pause_s:g} s.")
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * 2)
            await self._mend()

    async def stop(self) -> None:
        """End it in order."""
        self._stopping.set()
        async with self._making:
            if self._process is not None:
                await stop(self._process, self.role.patience_s)

    def kill(self) -> None:
        """End it at once."""
        self._stopping.set()
        if self._process is not None:
            kill(self._process)

    async def _mend(self) -> None:
        if self._stopping.is_set():
            return
        try:
            await self._begin()
        except Unavailable as error:
            if not self._stopping.is_set():
                self._say(str(error))
            return
        if self._stopping.is_set():
            return
        self._say(f"{self.role.name} is back.")
        if self.role.on_return:
            await self.role.on_return()

    async def _begin(self) -> None:
        """Start it and wait until it is ready."""
        name = self.role.name
        async with self._making:
            try:
                process = self._process = await spawn(self.role.launch)
            except OSError as error:
                raise Unavailable(f"{name} can't be started: {error}.") from error
            if self._stopping.is_set():
                kill(process)  # it has done nothing yet
        deadline_s = _now_s() + self.role.ready_within_s
        while not await self.role.is_ready():
            if process.returncode is not None:
                raise Unavailable(f"{name} {manner(process.returncode)}{self._words()}.")
            if _now_s() > deadline_s:
                kill(process)
                await process.wait()
                within = f"{self.role.ready_within_s:g} s"
                raise Unavailable(f"{name} was not ready within {within}{self._words()}.")
            await asyncio.sleep(0.02)

    def _words(self) -> str:
        log = self.role.launch.log
        words = last_words(log) if log else ""
        return f" (its log ends: {words.rstrip('.')})" if words else ""


def _now_s() -> float:
    return asyncio.get_running_loop().time()
