"""Waiting for what will happen, and no longer: the tests' only way to pass real time."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


async def until(condition: Callable[[], Any], within_s: float = 20.0) -> Any:
    """Return the condition's first true value; it may be a coroutine function."""
    deadline_s = asyncio.get_running_loop().time() + within_s
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if asyncio.get_running_loop().time() > deadline_s:
            message = f"not within {within_s} s: {condition}"
            raise AssertionError(message)
        await asyncio.sleep(0.02)


async def until_done(
    task: asyncio.Task[Any], act: Callable[[], Coroutine[Any, Any, object]]
) -> None:
    """Act until the task ends: whoever listens may not be connected yet."""
    while not task.done():
        await act()
        await asyncio.wait({task}, timeout=0.05)


def until_seen(look: Callable[[], Any], within_s: float, what: str) -> Any:
    """Return the first true value of `look`, for tests that ask programs: five times a second."""
    deadline_s = time.monotonic() + within_s
    while not (value := look()):
        if time.monotonic() > deadline_s:
            message = f"not within {within_s:g} s: {what}"
            raise AssertionError(message)
        time.sleep(0.2)
    return value


def stays(look: Callable[[], Any], value: object, for_s: float) -> None:
    """Look again and again for so long: it must be this value each time."""
    deadline_s = time.monotonic() + for_s
    while time.monotonic() < deadline_s:
        assert look() == value
        time.sleep(0.2)
