"""Child processes: they write where they shall, and don't outlive us."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from headpond.governor import processes
from headpond.governor.processes import Launch, last_words, spawn, stop
from until import until

if TYPE_CHECKING:
    from pathlib import Path

PARENT = """
import asyncio, sys
from pathlib import Path
from headpond.governor.processes import Launch, spawn

async def main():
    child = await spawn(Launch([sys.executable, "-c", sys.argv[1]], log=Path(sys.argv[2])))
    print(child.pid, flush=True)
    await child.wait()

asyncio.run(main())
"""

CHILD = """
import signal, sys, time

def leave(*_):
    print("got SIGTERM", flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
signal.pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux' kernel tells children")
async def test_a_child_gets_sigterm_when_its_parent_is_killed(tmp_path: Path) -> None:
    """SIGKILL leaves the parent no time to tell it; the kernel does."""
    log = tmp_path / "child.log"
    command = [sys.executable, "-c", PARENT, CHILD, str(log)]
    with subprocess.Popen(  # noqa: ASYNC220 (killed on purpose)
        command, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        child = int(await asyncio.to_thread(parent.stdout.readline))
        await until(lambda: log.exists() and "ready" in log.read_text())
        parent.kill()
    await until(lambda: not psutil.pid_exists(child))
    assert last_words(log) == "got SIGTERM"


async def test_a_child_leads_a_session_of_its_own(tmp_path: Path) -> None:
    """So a Ctrl-C at the terminal reaches us alone."""
    child = await spawn(Launch([sys.executable, "-c", CHILD], log=tmp_path / "log"))
    assert os.getsid(child.pid) == child.pid
    await until((tmp_path / "log").read_text)
    assert await stop(child, patience_s=10)
    assert child.returncode == 0


async def test_who_does_not_listen_is_killed_with_all_it_started(tmp_path: Path) -> None:
    """A shell that ignores SIGTERM, and its child."""
    script = "trap '' TERM; sleep 60 & echo $!; wait; sleep 60"
    child = await spawn(Launch(["/bin/sh", "-c", script], log=tmp_path / "log"))
    grandchild = int(await until(lambda: (tmp_path / "log").read_text().strip()))
    assert not await stop(child, patience_s=0.2)
    assert child.returncode == -signal.SIGKILL
    await until(lambda: not _runs(grandchild))


async def test_a_log_that_has_grown_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One old part is kept."""
    monkeypatch.setattr(processes, "LARGEST_LOG", 10)
    log = tmp_path / "log"
    for words in ("the first of all", "second"):
        child = await spawn(Launch(["/bin/echo", words], log=log))
        await child.wait()
    assert (log.read_text(), log.with_name("log.1").read_text()) == (
        "second\n",
        "the first of all\n",
    )


def test_there_are_no_last_words_without_a_log(tmp_path: Path) -> None:
    """Nor in an empty one."""
    assert last_words(tmp_path / "none") == ""
    (tmp_path / "empty").write_text("\n\n")
    assert last_words(tmp_path / "empty") == ""


def _runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
