"""Worker processes in a moment: one process has imported everything, and forks.

An interpreter needs two seconds to import what a worker needs; a test that kills twenty workers has
not got them. A child is a process like any other: with its own id, environment, signals, log and
exit code. What is still to be imported in it is the app.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BORN_WITHIN_S: Final = 30.0
"""The first waits for the imports, on a machine that may be loaded."""
HERE: Final = Path(__file__)


class Nursery:
    """Bears processes, and knows which of them are dead."""

    def __init__(self) -> None:
        """Start the process that forks; it imports meanwhile."""
        paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, str(HERE)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        assert self._process.stdout is not None
        self._words = self._process.stdout
        self._rest = b""
        self._born: list[Child] = []
        self._alive: dict[int, Child] = {}
        """By process id: one that is free is soon another's."""

    def bear(
        self, argv: Sequence[str], *, environ: Mapping[str, str], cwd: Path, log: Path
    ) -> Child:
        """Start `module:function` with words, as a command; return when it has begun."""
        asked = {"argv": list(argv), "environ": dict(environ), "cwd": str(cwd), "log": str(log)}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        while not self._born:
            if not self.listen(BORN_WITHIN_S):
                message = f"the nursery bore nothing within {BORN_WITHIN_S} s"
                raise AssertionError(message)
        return self._born.pop()

    def listen(self, timeout_s: float = 0.0) -> bool:
        """Hear what there is to hear, waiting at most so long for it; False when there is none."""
        if not select.select([self._words], [], [], timeout_s)[0]:
            return False
        data = os.read(self._words.fileno(), 65536)
        if not data:
            message = "the nursery has died"
            raise AssertionError(message)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            word, pid, *code = line.split()
            if word == b"born":
                child = self._alive[int(pid)] = Child(int(pid), self)
                self._born.append(child)
            else:
                self._alive.pop(int(pid)).returncode = int(code[0])
        return True

    def close(self) -> None:
        """End it; its children end with it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(BORN_WITHIN_S)
        self._words.close()


@dataclass
class Child:
    """A process that was born here, in the words of `subprocess.Popen`."""

    pid: int
    nursery: Nursery
    returncode: int | None = field(default=None, init=False)
    """Negative for a signal."""

    def poll(self) -> int | None:
        """Return its exit code, `None` while it runs."""
        while self.returncode is None and self.nursery.listen():
            pass
        return self.returncode

    def wait(self, timeout: float = BORN_WITHIN_S) -> int:
        """Wait for its end; return its exit code."""
        while (code := self.poll()) is None:
            if not self.nursery.listen(timeout):
                message = f"process {self.pid} does not end within {timeout} s"
                raise AssertionError(message)
        return code

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it is dead."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """End it at once, also when it is stopped."""
        self.send_signal(signal.SIGKILL)


# ── the process that forks ──


def main() -> None:
    """Import, then fork for each line that comes in; say who was born and who died."""
    import uvloop  # noqa: F401, PLC0415 (for the children)

    import headpond_workers.__main__  # noqa: PLC0415 (for the children)
    import headpond_workers.runtime  # noqa: F401, PLC0415 (for the children)

    wakes, wakened = os.pipe()
    for end in (wakes, wakened):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakened)
    alive: set[int] = set()
    rest = b""
    while True:
        ready, _, _ = select.select([0, wakes], [], [])
        if wakes in ready:
            os.read(wakes, 65536)
            _bury(alive)
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            alive.update(map(_born, lines))
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _born(line: bytes) -> int:
    pid = os.fork()
    if not pid:
        _live(json.loads(line))
    _say(f"born {pid}")
    return pid


def _bury(alive: set[int]) -> None:
    for pid in list(alive):
        dead, status = os.waitpid(pid, os.WNOHANG)
        if dead:
            alive.discard(pid)
            _say(f"dead {pid} {os.waitstatus_to_exitcode(status)}")


def _say(words: str) -> None:
    os.write(1, words.encode() + b"\n")


def _live(asked: dict[str, Any]) -> NoReturn:
    """Be the child: with an environment, a log and signals of its own."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)
    sink = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    os.closerange(3, 64)
    os.environ.clear()
    os.environ.update(asked["environ"])
    os.chdir(asked["cwd"])
    module, _, function = asked["argv"][0].partition(":")
    sys.argv = asked["argv"]
    getattr(importlib.import_module(module), function)()
    sys.exit(0)


if __name__ == "__main__":
    main()
