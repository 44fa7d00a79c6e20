"""Enqueue: `python -m harness.produce SIDE VERB [N] [RATE]`; the last line printed is JSON.

A process of its own, so that both sides start from nothing and none carries the other's load.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from statistics import median
from typing import TYPE_CHECKING, Final

import uvloop

from harness.side import NAP, NOOP, load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from harness.side import Side

AT_ONCE: Final = 50
"""Coroutines of the single enqueues, each sending one job after the other."""
BULK: Final = 1000
WARM: Final = 0.25
"""Part of every run that is sent, but not timed."""
DRAINED_WITHIN_S: Final = 120.0


async def fill(side: Side, jobs: int, job_type: str = NOOP) -> dict[str, float]:
    """Enqueue the jobs in the fastest way, untimed."""
    for first in range(0, jobs, BULK):
        await side.many(first, min(BULK, jobs - first), job_type)
    return {}


async def fill_naps(side: Side, jobs: int) -> dict[str, float]:
    """Enqueue jobs that take a millisecond."""
    return await fill(side, jobs, NAP)


async def work(side: Side, jobs: int) -> dict[str, float]:
    """Enqueue the jobs, and return when they have ended well."""
    await fill(side, jobs)
    return await drained(side)


async def single(side: Side, jobs: int) -> dict[str, float]:
    """Enqueue one by one, from coroutines at the same time."""

    async def send(numbers: Iterator[int]) -> None:
        for number in numbers:
            await side.one(number)

    async def run(first: int, last: int) -> None:
        numbers = iter(range(first, last))
        await asyncio.gather(*(send(numbers) for _ in range(AT_ONCE)))

    return await _timed(jobs, run)


async def bulk(side: Side, jobs: int) -> dict[str, float]:
    """Enqueue a thousand at a time."""

    async def run(first: int, last: int) -> None:
        for at in range(first, last, BULK):
            await side.many(at, min(BULK, last - at))

    return await _timed(jobs, run)


async def _timed(jobs: int, run: Callable[[int, int], Awaitable[None]]) -> dict[str, float]:
    warm = int(jobs * WARM)
    await run(0, warm)
    began, cpu = time.perf_counter(), time.process_time()
    await run(warm, jobs)
    timed = jobs - warm
    return {
        "per_second": timed / (time.perf_counter() - began),
        "cpu_us": (time.process_time() - cpu) / timed * 1e6,
    }


async def pace(side: Side, jobs: int, rate: int) -> dict[str, float]:
    """Enqueue at a fixed rate, and tell the store's median round trip, taken in between."""
    trips: list[float] = []

    async def send() -> None:
        await side.stamp(time.monotonic_ns())

    async def ping() -> None:
        began = time.perf_counter()
        await side.ping()
        trips.append((time.perf_counter() - began) * 1e3)

    loop = asyncio.get_running_loop()
    began = loop.time()
    pinging: asyncio.Task[None] | None = None
    async with asyncio.TaskGroup() as group:
        for number in range(jobs):
            await _until(began + number / rate)
            group.create_task(send())
            await _until(began + (number + 0.5) / rate)
            if pinging is None or pinging.done():  # one at a time: a stall is one slow ping
                pinging = group.create_task(ping())
    return {"round_trip_ms": median(trips)}


async def _until(moment: float) -> None:
    left = moment - asyncio.get_running_loop().time()
    if left > 0:
        await asyncio.sleep(left)


async def waiting(side: Side) -> dict[str, float]:
    """Count the jobs that have not ended; without a worker, all that were accepted."""
    return {"jobs": await side.left()}


async def drained(side: Side) -> dict[str, float]:
    """Return when every job has ended well; a benchmark that loses jobs measures nothing."""
    deadline = time.monotonic() + DRAINED_WITHIN_S
    while left := await side.left():
        if time.monotonic() > deadline:
            raise SystemExit(f"{left} jobs have not ended well.")
        await asyncio.sleep(0.05)
    return {}


_SENDS: Final = {"fill": fill, "fill_naps": fill_naps, "work": work, "single": single, "bulk": bulk}
_LOOKS: Final = {"waiting": waiting, "drained": drained}


async def main(name: str, verb: str, *figures: str) -> None:
    """Connect, do it, and print what came of it."""
    side = load(name)
    await side.open()
    try:
        jobs = int(figures[0]) if figures else 0
        if verb == "pace":
            found = await pace(side, jobs, int(figures[1]))
        elif verb in _LOOKS:
            found = await _LOOKS[verb](side)
        else:
            found = await _SENDS[verb](side, jobs)
    finally:
        await side.close()
    print(json.dumps(found))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
