"""An operator under test: a process like the chart's, wounded and stopped as clusters do it."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from redis_server import free_port
from shell import a_shell
from until import until

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping
    from pathlib import Path

LEADS: Final = "this operator leads now"
STARTS_WITHIN_S: Final = 45.0
"""Two seconds of imports, on a machine that may be loaded; and a Lease that may be taken."""
ENDS_WITHIN_S: Final = 20.0
PROBED_WITHIN_S: Final = 3.0
OK: Final = 200
LAST_LINES: Final = 40
"""Of the log, for whoever reads a failure."""


@dataclass
class OperatorProcess:
    """`headpond operator` for one namespace."""

    folder: Path
    name: str
    """Its identity in the Lease, and the name of its log."""
    kubeconfig: Path
    namespace: str
    redis_url: str
    own: Mapping[str, str] = field(default_factory=dict)
    """Further environment, or other than the tests' own."""
    probe_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Where it writes."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """The process that runs now; 0 when there is none."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    def start(self) -> None:
        """Start it; its log goes on where it was."""
        environ = {
            **a_shell(),
            "KUBECONFIG": str(self.kubeconfig),
            "HEADPOND_POD_NAMESPACE": self.namespace,
            "HEADPOND_IDENTITY": self.name,
            "HEADPOND_REDIS_URL": self.redis_url,
            "HEADPOND_PROBE_PORT": str(self.probe_port),
            **self.own,
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "headpond_operator"],
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, unless it is dead."""
        if self.pid:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, also when it is stopped; leave no zombie."""
        if self._process:
            self._process.kill()
            self._process.wait(ENDS_WITHIN_S)

    async def ended(self) -> int:
        """Wait for its end; return its exit code."""
        await until(lambda: not self.pid, ENDS_WITHIN_S)
        assert self._process is not None
        return int(self._process.returncode)

    def text(self) -> str:
        """Return all that it has written."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def last_words(self) -> str:
        """Return the end of it."""
        lines = "\n".join(self.text().splitlines()[-LAST_LINES:])
        return f"── {self.name} ──\n{lines}"

    async def says(self, words: str, times: int = 1, within_s: float = STARTS_WITHIN_S) -> None:
        """Wait until it has written these words so often."""

        def said() -> bool:
            assert self.pid, f"the operator has ended:\n{self.last_words()}"
            return self.text().count(words) >= times

        try:
            await until(said, within_s)
        except AssertionError as error:
            message = f"never said {words!r}:\n{self.last_words()}"
            raise AssertionError(message) from error

    def probe(self, path: str) -> tuple[int, str]:
        """Ask a probe; 0 while nobody answers."""
        url = f"http://127.0.0.1:{self.probe_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=PROBED_WITHIN_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    async def ready(self) -> None:
        """Wait until it knows the cluster, whether it leads or stands by."""
        await until(lambda: self.probe("/readyz")[0] == OK, STARTS_WITHIN_S)

    def figure(self, series: str) -> float | None:
        """Return the figure of a series of its metrics, `None` where it has none."""
        for line in self.probe("/metrics")[1].splitlines():
            name, _, value = line.rpartition(" ")
            if name == series:
                return float(value)
        return None

    async def leads(self, times: int = 1, within_s: float = STARTS_WITHIN_S) -> None:
        """Wait until it holds the Lease, for the first or a later time."""
        await self.says(LEADS, times, within_s)


def holder(lease: Mapping[str, Any] | None) -> str:
    """Return the name of the process that a Lease is held by, `""` when by none."""
    identity = str(((lease or {}).get("spec") or {}).get("holderIdentity") or "")
    return identity.rpartition("-")[0]
