"""Processes of a benchmark: started with an environment of their own, ended by their ids."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

STOPS_WITHIN_S: Final = 5.0
MIB: Final = 2**20


class ChildFailed(Exception):  # noqa: N818 (what happened, as in the domain)
    """A process of the benchmark ended, or did not do in time what it was started for."""


class Child:
    """One process, and whatever it starts; leaving the context ends them all."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], log: Path, cpu: int | None = None
    ) -> None:
        """Start it; `cpu` binds it to one processor."""
        self._name = " ".join(command)
        self._log = log
        with log.open("ab") as output:
            # A session of its own: Ctrl-C reaches us alone, and we end the children in order.
            self._process = subprocess.Popen(
                command,
                env=dict(env),
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        if cpu is not None:
            os.sched_setaffinity(self._process.pid, {cpu})

    def __enter__(self) -> Self:
        """Give the child."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it and its children at once: nothing of a run is to be saved."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOPS_WITHIN_S)

    def _family(self) -> list[psutil.Process]:
        try:
            first = psutil.Process(self._process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def check(self) -> None:
        """Raise `ChildFailed` when it has ended."""
        if self._process.poll() is not None:
            raise ChildFailed(f"{self._name} ended:\n{self.tail()}")

    def wait(self) -> int:
        """Return its exit code once it has ended by itself."""
        return self._process.wait()

    def tail(self) -> str:
        """Return the end of what it wrote."""
        return self._log.read_text("utf-8", "replace")[-2000:]

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used; its children's is left out."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def pss_mib(self) -> float:
        """Return the memory of it and its children, shared pages counted in part."""
        total = 0
        for process in self._family():
            with contextlib.suppress(psutil.NoSuchProcess):
                memory = process.memory_full_info()
                total += getattr(memory, "pss", memory.uss)
        return total / MIB


def environment(**own: str) -> dict[str, str]:
    """Return our environment for a child: nothing of Headpond's in it but what is given here."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HEADPOND_", "REDIS_", "BENCH_", "COVERAGE_"))
    }
    inherited.pop("PYTHONSAFEPATH", None)
    return inherited | own


def python(*words: str) -> list[str]:
    """Return a command of this very Python."""
    return [sys.executable, *words]
