"""How the store wakes governors: once, by an enqueue that brings the backlog to their mark."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from bench import a_job
from headpond.jobs import JobState
from headpond.queues import QueueSettings
from until import until_done

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench import Bench

LONG_S = 4.0
"""Far more than any answer takes on a busy machine."""


class Ear:
    """Collects the names of queues whose mark was crossed."""

    def __init__(self, bench: Bench) -> None:
        """Listen to the bench's store."""
        self._bench = bench
        self._wakes = bench.store.wakes()
        self._next: asyncio.Task[str] | None = None

    async def next(self) -> str:
        """Return the next name, not counting the ones that `open` has made."""
        while True:
            if self._next is None:
                self._next = asyncio.ensure_future(anext(self._wakes))
            done, _ = await asyncio.wait({self._next}, timeout=LONG_S)
            assert done, "nobody was woken"
            name, self._next = self._next.result(), None
            if name != "doorbell":
                return name

    async def open(self) -> None:
        """Return when the ear hears: ring at a queue of its own until something comes."""
        store = self._bench.store
        await store.configure("doorbell", QueueSettings())
        self._next = asyncio.ensure_future(anext(self._wakes))
        rings = iter(range(1000))

        async def ring() -> None:
            await store.set_wake("doorbell", 1)
            await store.enqueue("doorbell", [a_job(f"ring-{next(rings)}")])

        await until_done(self._next, ring)

    async def close(self) -> None:
        """Stop listening."""
        if self._next is not None:
            self._next.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await self._next
        await self._wakes.aclose()  # type: ignore[attr-defined]


@pytest.fixture
async def ear(bench: Bench) -> AsyncIterator[Ear]:
    """Give a governor's ear that hears already."""
    ear = Ear(bench)
    await ear.open()
    yield ear
    await ear.close()


async def test_the_governor_is_woken_once_when_the_mark_is_crossed(bench: Bench, ear: Ear) -> None:
    """Under the mark nobody is told, at it once, beyond it no more until a new mark is left."""
    last = bench.another("last")
    await last.configure()
    await bench.store.set_wake(bench.name, 3)
    await bench.store.set_wake("last", 1)
    await bench.add("a", "b")
    await bench.add("c")
    await bench.add("d", "e")
    await last.add("end")
    assert [await ear.next(), await ear.next()] == ["line", "last"]


async def test_a_new_mark_wakes_again(bench: Bench, ear: Ear) -> None:
    """The governor leaves the next mark after each decision; one bulk may cross it by far."""
    for mark in (1, 5, 20):
        await bench.store.set_wake(bench.name, mark)
        await bench.add(*[f"job-{mark}-{number}" for number in range(mark)])
        assert await ear.next() == "line"


async def test_no_mark_wakes_nobody(bench: Bench, ear: Ear) -> None:
    """0 takes the mark away; duplicates cross none."""
    last = bench.another("last")
    await last.configure()
    await bench.add("a")
    await bench.store.set_wake(bench.name, 1)
    await bench.add("a")
    await bench.store.set_wake(bench.name, 0)
    await bench.add("b", "c", "d")
    await bench.store.set_wake("last", 1)
    await last.add("end")
    assert await ear.next() == "last"


async def test_jobs_that_ended_don_t_count_towards_the_mark(bench: Bench, ear: Ear) -> None:
    """The mark is about the backlog: what waits, not what was ever enqueued."""
    last = bench.another("last")
    await last.configure()
    await bench.store.set_wake(bench.name, 3)
    await bench.run("a", "b", "c", "d")
    await bench.store.set_wake("last", 1)
    await last.add("end")
    assert await ear.next() == "last"
    assert len(await bench.ids(JobState.COMPLETED)) == 4
