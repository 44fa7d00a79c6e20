"""Waiting for what will happen, and no longer: the tests' only way to pass real time."""

from __future__ import annotations

import asyncio
import inspect
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
