"""A job that takes as long as it is told, and tells where and when it ran.

Workers in pods get this very file by a ConfigMap, as the module `slow`.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from headpond import App

IMPORTED_S: Final = time.time()
QUEUE: Final = "slow"
STARTED_AT: Final = 19
"""Place of a process's start among what follows its name in /proc/self/stat."""

app = App("bench-slow")


class Nap(BaseModel):
    """How long to take."""

    seconds: float


def process_began_s() -> float:
    """Return when this process began, Unix time, to a hundredth of a second."""
    ticks = int(Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()[STARTED_AT])
    booted_s = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted_s + ticks / os.sysconf("SC_CLK_TCK")


@app.queue(QUEUE, concurrency=1).job("nap")
async def nap(payload: Nap) -> dict[str, str | float]:
    """Take so long."""
    began_s = time.time()
    await asyncio.sleep(payload.seconds)
    return {
        "pod": os.environ.get("HEADPOND_WORKER_ID", ""),
        "process_s": process_began_s(),
        "imported_s": IMPORTED_S,
        "began_s": began_s,
        "ended_s": time.time(),
    }
