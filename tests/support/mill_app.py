"""The app that worker processes under test run: handlers that behave in every way one can.

Each tells of its starts and ends in the file that `MILL_STORY` names, a line each: Redis may be
down meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

import history
from headpond import App, Fail, Job, Retry, Snooze

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKER = os.environ.get("HEADPOND_WORKER_ID", "")
KNOWN_TO = os.environ.get("MILL_KNOWS", "")

RUNS = itertools.count(1)

app = App("mill")
mill = app.queue("mill", concurrency=2, retries=1, backoff="fixed:50ms", timeout="30s")


class Grain(BaseModel):
    """What a job of the mill is about."""

    seconds: float = 0
    steps: int = 0


def tell(what: str, job: Job, **more: Any) -> None:
    """Write a line; one write, so that lines of several processes never mix."""
    line = {"what": what, "id": job.id, "worker": WORKER, "at": time.time(), **more}
    with open(os.environ["MILL_STORY"], "a", encoding="utf-8") as story:  # noqa: PTH123 (append)
        story.write(json.dumps(line) + "\n")


@mill.job()
async def grind(payload: Grain, job: Job) -> dict[str, int]:
    """Take as long as it is told, with grace."""
    tell("start", job, attempt=job.attempt)
    await asyncio.sleep(payload.seconds)
    tell("end", job)
    return {"attempt": job.attempt}


@mill.job()
def grind_in_thread(payload: Grain, job: Job) -> str:
    """Take as long as it is told, in a thread, and look whether anybody still waits."""
    tell("start", job, attempt=job.attempt)
    ends = time.monotonic() + payload.seconds
    while time.monotonic() < ends:
        if job.cancelled:
            tell("cancelled", job)
            return "cancelled"
        time.sleep(0.02)
    tell("end", job)
    return "ground"


mill.job("watch", timeout="300ms", retries=0)(grind_in_thread.handler)


@mill.job(timeout="60s")
async def block(payload: Grain, job: Job) -> None:
    """Block the event loop."""
    tell("start", job)
    time.sleep(payload.seconds)  # noqa: ASYNC251 (that is the point)
    tell("end", job)


@mill.job(timeout="300ms", retries=0)
async def hang(payload: Grain, job: Job) -> None:
    """Never end by itself."""
    tell("start", job)
    await asyncio.Event().wait()


@mill.job(timeout="300ms", retries=0)
def hang_in_thread(payload: Grain, job: Job) -> None:
    """Never end, and look at nothing."""
    tell("start", job)
    time.sleep(3600)


@mill.job(timeout="300ms", retries=0)
async def hang_deaf(payload: Grain, job: Job) -> None:
    """Never end, and swallow every cancellation."""
    tell("start", job)
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            tell("cancelled", job)


@mill.job(timeout="60s")
async def deaf(payload: Grain, job: Job) -> None:
    """Swallow every cancellation, for a minute."""
    tell("start", job)
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            tell("cancelled", job)


@mill.job(timeout="60s")
async def deaf_thread(payload: Grain, job: Job) -> None:
    """Wait for a thread that Python itself would wait for at its end."""
    tell("start", job)
    await asyncio.to_thread(time.sleep, 60)


@mill.job(timeout="60s")
async def tidy(payload: Grain, job: Job) -> None:
    """Never end by itself, and clean up when stopped."""
    tell("start", job)
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(payload.seconds)
        tell("tidied", job)


@mill.job(timeout="60s")
async def finish_anyway(payload: Grain, job: Job) -> str:
    """End well although stopped."""
    tell("start", job)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    return "finished"


@mill.job(timeout="60s", retries=5)
async def break_when_stopped(payload: Grain, job: Job) -> None:
    """Answer a cancellation with an error of its own."""
    tell("start", job)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise ValueError("broken") from None


@mill.job(timeout="60s")
def sleep_in_thread(payload: Grain, job: Job) -> str:
    """Look at nothing, and end well in the end."""
    tell("start", job)
    time.sleep(payload.seconds)
    tell("end", job)
    return "slept"


@mill.job(timeout="60s")
async def count(payload: Grain, job: Job) -> None:
    """Say after each step how far it is."""
    tell("start", job)
    for step in range(payload.steps):
        await job.progress(step + 1, payload.steps, f"step {step + 1}")
        await asyncio.sleep(payload.seconds)


@mill.job(timeout="60s")
def count_in_thread(payload: Grain, job: Job) -> None:
    """Do so in a thread."""
    tell("start", job)
    for step in range(payload.steps):
        job.report_progress(step + 1, payload.steps, f"step {step + 1}")
        time.sleep(payload.seconds)


@mill.job()
async def raise_error(payload: Grain, job: Job) -> None:
    """Raise what nobody expects."""
    tell("start", job)
    raise ValueError("\ud800 broken stone")


@mill.job()
def raise_stop_iteration(payload: Grain, job: Job) -> None:
    """Raise what no future can carry."""
    tell("start", job)
    raise StopIteration


@mill.job()
async def exit_async(payload: Grain, job: Job) -> None:
    """Try to end the process."""
    tell("start", job)
    sys.exit(7)


@mill.job()
def exit_sync(payload: Grain, job: Job) -> None:
    """Try to end the process, in a thread."""
    tell("start", job)
    sys.exit(7)


@mill.job()
async def interrupt(payload: Grain, job: Job) -> None:
    """Do as if somebody had pressed Ctrl-C."""
    tell("start", job)
    raise KeyboardInterrupt


@mill.job()
async def give_up(payload: Grain, job: Job) -> None:
    """Say that no retry helps."""
    tell("start", job)
    raise Fail("the stone is broken")


@mill.job(retries=3)
async def try_again(payload: Grain, job: Job) -> int:
    """Ask for a retry twice."""
    tell("start", job, attempt=job.attempt)
    if job.attempt < 3:
        raise Retry(after=0.1)
    return job.attempt


@mill.job(retries=0)
async def snooze(payload: Grain, job: Job) -> int:
    """Put it off once."""
    tell("start", job, attempt=job.attempt)
    if sum(line["id"] == job.id for line in story()) < 2:
        raise Snooze(0.1)
    return job.attempt


@mill.job()
async def yield_strange(payload: Grain, job: Job) -> object:
    """Return what can't be stored: which, say the steps."""
    tell("start", job)
    return [object(), float("nan"), "\ud800", "x" * 1_000_000, {(1, 2): 3}, 2**70][payload.steps]


@mill.job()
async def crash(payload: Grain, job: Job) -> None:
    """Take the whole process down."""
    tell("start", job)
    os._exit(9)


# ── what the chaos suite sends: its runs are told in full ──


class Toil(BaseModel):
    """How long it takes, and how often it goes wrong before it goes well."""

    seconds: float = 0
    fails: int = 0


@functools.cache
def log() -> history.Log:
    """Return where events are told."""
    return history.Log(Path(os.environ["MILL_STORY"]))


@contextlib.contextmanager
def told(job: Job) -> Iterator[None]:
    """Tell the beginning of a run and, however it comes, its end."""
    run = f"{WORKER}.{next(RUNS)}"
    log().tell(history.Started(id=job.id, worker=WORKER, run=run, attempt=job.attempt))
    how = "stopped"
    try:
        yield
        how = "stopped" if job.cancelled else "returned"
    except Exception:
        how = "raised"
        raise
    finally:
        log().tell(history.Ended(id=job.id, worker=WORKER, run=run, how=how))


@mill.job(retries=3)
async def toil(payload: Toil, job: Job) -> int:
    """Take as long as it is told, and raise as often."""
    with told(job):
        await asyncio.sleep(payload.seconds)
        if job.attempt <= payload.fails:
            raise ValueError(f"attempt {job.attempt} goes wrong")
    return job.attempt


@mill.job(retries=3)
def toil_in_thread(payload: Toil, job: Job) -> int:
    """Do the same in a thread."""
    with told(job):
        ends = time.monotonic() + payload.seconds
        while time.monotonic() < ends and not job.cancelled:
            time.sleep(0.01)
        if job.attempt <= payload.fails and not job.cancelled:
            raise ValueError(f"attempt {job.attempt} goes wrong")
    return job.attempt


if KNOWN_TO != "little":

    @mill.job()
    async def novelty(payload: Grain, job: Job) -> str:
        """Run only where the newer version of the app is installed."""
        tell("start", job)
        return "new"


if "MILL_SWEEPS" in os.environ:

    @mill.job(every=os.environ["MILL_SWEEPS"])
    async def sweep(job: Job) -> None:
        """Come by itself."""
        tell("start", job)


def story() -> list[dict[str, Any]]:
    """Return everything told so far."""
    with open(os.environ["MILL_STORY"], encoding="utf-8") as lines:  # noqa: PTH123 (as above)
        return [json.loads(line) for line in lines]
