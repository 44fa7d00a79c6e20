"""Jobs that outlive their worker: the first run of each stays until it is killed."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from headpond import App

QUEUES: Final = 10
LOG: Final = "BENCH_LOG"
"""Environment variable of a worker: where its queue's runs are written down."""

app = App("bench-victims")


class Victim(BaseModel):
    """Which one it is."""

    number: int


def note(log: Path, number: int) -> int:
    """Write down that a job begins, here and now; return how often it has."""
    line = {"number": number, "pid": os.getpid(), "at_ns": time.monotonic_ns()}
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return sum(run["number"] == number for run in runs(log))


def runs(log: Path) -> list[dict[str, int]]:
    """Return the runs written down so far."""
    if not log.exists():
        return []
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()]


async def stay(payload: Victim) -> None:
    """Stay, the first time."""
    if note(Path(os.environ[LOG]), payload.number) == 1:
        await asyncio.Event().wait()


NAMES: Final = tuple(f"victims-{number}" for number in range(QUEUES))
JOB_TYPES: Final = {
    name: app.queue(name, concurrency=1).job(f"stay-{name}")(stay) for name in NAMES
}
