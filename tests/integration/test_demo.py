"""The demonstration, in small: the whole system, as `make demo` runs it."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DEMO = str(ROOT / "examples" / "attendance_demo.py")

LINE = re.compile(
    r"demo: (?P<sent>\d+) sent, (?P<accepted>\d+) accepted, (?P<duplicates>\d+) duplicates,"
    r" (?P<rejected>\d+) rejected, (?P<rows>\d+) rows, (?P<lost>\d+) lost,"
    r" (?P<doubled>\d+) doubled, workers 0→(?P<most>\d+)→0, [\d.]+ s"
)


async def demonstrate(*options: str) -> tuple[int, list[str]]:
    """Run it to its end; return exit code and lines."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, DEMO, *options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    said = (await process.stdout.read()).decode()
    return await process.wait(), said.splitlines()


def figures(lines: list[str]) -> dict[str, int]:
    """Return the figures of the last line."""
    found = LINE.fullmatch(lines[-1])
    assert found, "\n".join(lines)
    return {name: int(value) for name, value in found.groupdict().items()}


@pytest.mark.timeout(120)
async def test_every_mark_is_recorded_once(tmp_path: Path) -> None:
    """All figures are those of the plan, and the workers come and go."""
    code, lines = await demonstrate("--marks", "500", "--data", str(tmp_path / "demo"))
    assert code == 0, "\n".join(lines)
    found = figures(lines)
    assert 1 <= found.pop("most") <= 4
    assert found == {
        "sent": 500,
        "accepted": 498,
        "duplicates": 10,
        "rejected": 2,
        "rows": 488,
        "lost": 0,
        "doubled": 0,
    }


@pytest.mark.timeout(180)
async def test_nothing_is_lost_when_processes_are_killed(tmp_path: Path) -> None:
    """The whole tree dies, then a busy worker: each accepted mark still has its effect once."""
    options = ("--marks", "1500", "--crash", "--kill", "--data", str(tmp_path / "demo"))
    code, lines = await demonstrate(*options)
    assert code == 0, "\n".join(lines)
    assert sum("killed" in line for line in lines) == 2
    found = figures(lines)
    assert (found["rows"], found["lost"], found["doubled"]) == (1464, 0, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_demonstration_leaves_no_process(
    number: signal.Signals, tmp_path: Path
) -> None:
    """Ctrl-C ends the whole tree, and the exit code says so."""
    command = (sys.executable, DEMO, "--data", str(tmp_path / "demo"))
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    while b"ready" not in (line := await process.stdout.readline()):
        assert line, "it ended before it was ready"
    tree = psutil.Process(process.pid).children(recursive=True)
    assert len(tree) >= 3  # up, Redis, the API
    process.send_signal(number)
    await process.stdout.read()
    assert await process.wait() == 130
    assert not [each for each in tree if each.is_running()]


async def test_a_folder_that_was_used_is_refused(tmp_path: Path) -> None:
    """The marks of an earlier run would look like duplicates."""
    (tmp_path / "something").touch()
    code, lines = await demonstrate("--data", str(tmp_path))
    assert code == 2
    assert "is not empty" in lines[-1]
