"""Kept children: started until ready, mended when they die, ended when told."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import UserDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import psutil
import pytest
from typing_extensions import override

from headpond.cli.up import redis_server
from headpond.cli.up.folder import DataFolder, try_lock
from headpond.cli.up.kept import Kept, Role
from headpond.cli.up.redis_server import claim_data
from headpond.errors import Conflict, Unavailable
from headpond.governor.processes import Launch
from until import until

if TYPE_CHECKING:
    from collections.abc import KeysView, Mapping
    from pathlib import Path

READY = "import signal; print('ready', flush=True); signal.pause()"
DIES = "import sys; print('no disk left.'); sys.exit(4)"
SILENT = "import signal; signal.pause()"


@dataclass
class Bench:
    """A role that is ready when its log says so."""

    folder: Path
    said: list[str] = field(default_factory=list)
    returns: int = 0

    def kept(self, code: str, within_s: float = 20.0) -> Kept:
        """Keep an interpreter with this code."""
        launch = Launch([sys.executable, "-c", code], log=self.folder / "log")
        role = Role("It", launch, self._is_ready, within_s, 10.0, self._returned)
        return Kept(role, self.said.append)

    async def _is_ready(self) -> bool:
        log = self.folder / "log"
        return log.exists() and "ready" in log.read_text()

    async def _returned(self) -> None:
        self.returns += 1


class Watched(UserDict[str, str]):
    """An environment that tells when it is read: a process is being made."""

    read: asyncio.Event

    def __init__(self, given: Mapping[str, str]) -> None:
        """Nobody has read it."""
        super().__init__(given)
        self.read = asyncio.Event()

    @override
    def keys(self) -> KeysView[str]:
        self.read.set()
        return super().keys()


async def test_it_is_started_again_when_it_dies(tmp_path: Path) -> None:
    """Said, mended, and whoever depends on it is told."""
    it = Bench(tmp_path)
    kept = it.kept(READY)
    await kept.start()
    running = asyncio.create_task(kept.run())
    first = kept.pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: it.returns == 1)
    assert kept.pid not in (0, first)
    assert it.said == ["It was killed by SIGKILL; it starts again in 0.2 s.", "It is back."]
    await kept.stop()
    await running
    assert (kept.pid, it.returns) == (0, 1)


async def test_one_that_can_t_begin_is_refused_with_its_last_words(tmp_path: Path) -> None:
    """Whoever starts it learns why without looking for a log."""
    with pytest.raises(Unavailable) as caught:
        await Bench(tmp_path).kept(DIES).start()
    assert str(caught.value) == "It exited with code 4 (its log ends: no disk left)."


async def test_one_that_is_never_ready_is_killed_and_refused(tmp_path: Path) -> None:
    """A hanging start is no start."""
    kept = Bench(tmp_path).kept(SILENT, within_s=0.2)
    with pytest.raises(Unavailable, match=r"It was not ready within 0\.2 s\."):
        await kept.start()
    assert not kept.pid


async def test_one_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A missing program is said as such."""
    role = Role(
        "It", Launch([str(tmp_path / "gone")]), lambda: asyncio.sleep(0, result=False), 1, 1
    )
    with pytest.raises(Unavailable, match=r"It can't be started: .*No such file"):
        await Kept(role, print).start()


async def test_one_that_fails_to_return_is_tried_again(tmp_path: Path) -> None:
    """Ever more slowly, and each failure is said."""
    it = Bench(tmp_path)
    kept = it.kept(
        f"import os, sys; os.path.exists({str(tmp_path / 'bad')!r}) and sys.exit(4); {READY}"
    )
    await kept.start()
    (tmp_path / "bad").touch()
    (tmp_path / "log").write_text("")
    running = asyncio.create_task(kept.run())
    os.kill(kept.pid, signal.SIGKILL)
    await until(lambda: "It exited with code 4." in it.said)
    (tmp_path / "bad").unlink()
    await until(lambda: it.returns == 1)
    pauses = [line.rpartition("in ")[2] for line in it.said if "starts again" in line]
    assert pauses[:2] == ["0.2 s.", "0.4 s."]
    await kept.stop()
    await running


async def test_one_that_is_just_being_mended_is_ended_too(tmp_path: Path) -> None:
    """A stop that comes while the next process is made leaves none behind."""
    it = Bench(tmp_path)
    kept = it.kept(READY)
    environ = Watched(os.environ)
    kept.role = replace(kept.role, launch=replace(kept.role.launch, env=environ))
    others = set(psutil.Process().children())
    await kept.start()
    (first,) = set(psutil.Process().children()) - others
    environ.read.clear()
    running = asyncio.create_task(kept.run())
    os.kill(first.pid, signal.SIGKILL)
    await environ.read.wait()
    await kept.stop()
    assert set(psutil.Process().children()) <= others
    await running
    assert it.said == ["It was killed by SIGKILL; it starts again in 0.2 s."]


async def test_killing_ends_it_at_once(tmp_path: Path) -> None:
    """For who is in a hurry."""
    kept = Bench(tmp_path).kept(READY)
    await kept.start()
    pid = kept.pid
    kept.kill()
    await kept.stop()
    assert not psutil.pid_exists(pid)


async def test_data_wait_for_the_server_of_the_run_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two servers on one log would destroy it."""
    folder = DataFolder(tmp_path)
    folder.lock()
    before = await claim_data(folder)
    waiting = asyncio.create_task(claim_data(folder))
    await asyncio.sleep(0)
    os.close(before)
    after = await waiting
    monkeypatch.setattr(redis_server, "GONE_WITHIN_S", 0.1)
    with pytest.raises(Conflict, match="an earlier run still uses"):
        await claim_data(folder)
    assert try_lock(after)
    os.close(after)
    folder.release()
