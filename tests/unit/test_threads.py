"""Threads for synchronous handlers: one more when needed, none that keeps the process."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from typing import Any

import pytest

from headpond_workers.threads import HandlerExit, Threads

word: contextvars.ContextVar[str] = contextvars.ContextVar("word")


def handlers() -> set[threading.Thread]:
    """Return the handler threads there are."""
    return {each for each in threading.enumerate() if each.name == "headpond-handler"}


async def test_a_function_runs_in_a_daemon_thread_with_this_context() -> None:
    """It sees context variables; its thread would not keep the process from ending."""
    word.set("granite")

    def look() -> tuple[str, bool]:
        return word.get(), threading.current_thread().daemon

    assert await Threads().run(look) == ("granite", True)


async def test_idle_threads_are_used_again() -> None:
    """One after the other needs one thread; two at once need two."""
    threads, before = Threads(), handlers()
    for _ in range(20):
        await threads.run(int)
    assert len(handlers() - before) == 1
    both = threading.Barrier(2, timeout=10)
    await asyncio.gather(threads.run(both.wait), threads.run(both.wait))
    assert len(handlers() - before) == 2


async def test_a_stuck_thread_is_left_and_another_takes_its_place() -> None:
    """A cancelled run leaves its thread to itself; later runs wait for nobody."""
    threads, release = Threads(), threading.Event()
    stuck = asyncio.create_task(threads.run(release.wait))
    await asyncio.sleep(0)
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck
    assert await threads.run(lambda: "next") == "next"
    release.set()


@pytest.mark.parametrize("kind", [ValueError, asyncio.TimeoutError])
async def test_errors_come_back(kind: type[Exception]) -> None:
    """What the function raises is raised here."""

    def fail() -> None:
        raise kind("no luck")

    with pytest.raises(kind, match="no luck"):
        await Threads().run(fail)


def stop() -> None:
    """Raise what a future refuses."""
    raise StopIteration("over")


def press() -> None:
    """Do as Ctrl-C does."""
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("function", "text"),
    [(sys.exit, "SystemExit"), (press, "KeyboardInterrupt"), (stop, "StopIteration: over")],
)
async def test_what_no_future_carries_is_wrapped(function: Any, text: str) -> None:
    """Exits and StopIteration end the job and neither the loop nor the thread."""
    threads, before = Threads(), handlers()
    with pytest.raises(HandlerExit, match=text):
        await threads.run(function)
    assert await threads.run(lambda: 1) == 1
    assert len(handlers() - before) == 1


def test_an_end_after_the_loop_has_closed_is_dropped() -> None:
    """A handler that ends when the process is ending finds nobody, and its thread lives."""
    threads, release, ended = Threads(), threading.Event(), threading.Event()

    def late() -> None:
        release.wait(10)
        ended.set()

    async def leave() -> None:
        running = asyncio.ensure_future(threads.run(late))
        await asyncio.sleep(0)
        running.cancel()

    before = handlers()
    asyncio.run(leave())
    release.set()
    assert ended.wait(10)
    (thread,) = handlers() - before
    assert asyncio.run(threads.run(threading.current_thread)) is thread
