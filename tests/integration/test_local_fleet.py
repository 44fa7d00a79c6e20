"""The fleet of local processes: what is wanted runs, the dead are replaced, victims are named.

The processes are bare interpreters; the test beats for them where the store shall hear of them.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from headpond.clock import SystemClock
from headpond.governor import local
from headpond.governor.local import LocalFleet
from headpond.governor.processes import Launch
from headpond.memory import MemoryQueueStore
from headpond.ports import WorkerBeat
from headpond.queues import QueueSettings, WorkerState
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    import pytest

    from headpond.ports import FleetView

LIVES = "import signal; signal.pause()"
HANGS = "import signal; print('importing', flush=True); signal.pause()"
DIES = "import sys; print('no such module'); sys.exit(3)"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True);"
    " signal.pause()"
)


@dataclass
class Bench:
    """A fleet for one queue, `q`."""

    store: MemoryQueueStore
    folder: Path
    code: str = LIVES
    fleet: LocalFleet = field(init=False)
    said: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    launching: asyncio.Event = field(default_factory=asyncio.Event)

    def launch(self, queue: str, worker_id: str) -> Launch:
        """Start an interpreter with this bench's code."""
        self.started.append(worker_id)
        self.launching.set()
        return Launch([sys.executable, "-c", self.code], log=self.folder / f"{queue}.log")

    async def view(self) -> FleetView:
        """Observe the queue."""
        return (await self.fleet.observe(["q"]))["q"]

    def pids(self) -> dict[str, int]:
        """Return the processes by worker."""
        return self.fleet.pids("q")

    async def beat(self, worker_id: str) -> None:
        """Let the store hear of a worker."""
        beat = WorkerBeat(worker_id, WorkerState.WORKING, slots=1, started_ms=1)
        await asyncio.to_thread(self.store.leases("q", worker_id).renew, beat, [])


@asynccontextmanager
async def bench(folder: Path, code: str = LIVES, grace_s: float = 5.0) -> AsyncIterator[Bench]:
    """Run a fleet, and leave no process behind."""
    store = MemoryQueueStore(SystemClock())
    await store.configure("q", QueueSettings())
    it = Bench(store, folder, code)
    it.fleet = fleet = LocalFleet(store, it.launch, it.said.append, grace_s)
    running = asyncio.create_task(fleet.run())
    try:
        yield it
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        fleet.kill()
        await fleet.close()


async def test_as_many_run_as_are_wanted(tmp_path: Path) -> None:
    """Up and down, and the numbers that the governor sees are those."""
    async with bench(tmp_path) as it:
        await it.fleet.scale("q", 3)
        assert len(it.pids()) == 3
        view = await it.view()
        assert (view.replicas, view.starting) == (3, 3)
        await it.fleet.scale("q", 1)
        await until(lambda: len(it.pids()) == 1)
        assert (await it.view()).replicas == 1


async def test_a_worker_is_starting_until_the_store_has_heard_of_it(tmp_path: Path) -> None:
    """Then the fleet also knows how long a cold start takes."""
    async with bench(tmp_path) as it:
        await it.fleet.scale("q", 2)
        await it.beat(it.started[0])
        view = await it.view()
        assert (view.replicas, view.starting) == (2, 1)
        assert 0 < view.cold_start_s < 20


async def test_exactly_the_victims_are_stopped(tmp_path: Path) -> None:
    """They are the drained ones; any other may hold jobs."""
    async with bench(tmp_path) as it:
        await it.fleet.scale("q", 4)
        victims = [it.started[0], it.started[2]]
        await it.fleet.scale("q", 2, victims)
        await until(lambda: len(it.pids()) == 2)
        assert set(it.pids()) == {it.started[1], it.started[3]}
        assert it.said == []


async def test_without_victims_the_youngest_go(tmp_path: Path) -> None:
    """Those that the store has never heard of first of all."""
    async with bench(tmp_path) as it:
        await it.fleet.scale("q", 3)
        await it.beat(it.started[0])
        await it.beat(it.started[2])
        await it.view()
        await it.fleet.scale("q", 1)
        await until(lambda: len(it.pids()) == 1)
        assert set(it.pids()) == {it.started[0]}


async def test_a_victim_that_died_before_costs_nobody_else(tmp_path: Path) -> None:
    """The other victim still goes, and what is then missing is started."""
    async with bench(tmp_path) as it:
        await it.fleet.scale("q", 3)
        os.kill(it.pids()[it.started[0]], signal.SIGKILL)
        await until(lambda: it.started[0] not in it.pids())
        await it.fleet.scale("q", 2, [it.started[0], it.started[1]])
        await until(lambda: len(it.pids()) == 2 and it.started[1] not in it.pids())
        assert it.started[2] in it.pids()


async def test_a_killed_worker_is_replaced_and_spoken_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that had worked is replaced at once."""
    monkeypatch.setattr(local, "QUICK_S", 0.0)
    async with bench(tmp_path) as it:
        await it.fleet.scale("q", 1)
        (first,) = it.started
        await it.beat(first)
        await it.view()
        os.kill(it.pids()[first], signal.SIGKILL)
        await until(lambda: len(it.pids()) == 1 and first not in it.pids(), within_s=0.9)
        assert it.said == [f"Worker {first} was killed by SIGKILL. Another one takes its place."]


async def test_workers_that_die_at_once_are_a_crash_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are started ever more slowly, and the view says so with their last words."""
    monkeypatch.setattr(local, "FIRST_PAUSE_S", 0.05)
    async with bench(tmp_path, DIES) as it:
        await it.fleet.scale("q", 1)
        await until(it_is_looping(it))
        view = await it.view()
        assert view.replicas == view.starting == 1
        assert view.trouble.startswith("New workers die: Worker q-")
        assert "exited with code 3 (no such module)." in view.trouble
        assert [line.rpartition("in ")[2] for line in it.said[:3]] == [
            "0.05 s.",
            "0.1 s.",
            "0.2 s.",
        ]


async def test_a_crash_loop_ends_when_a_worker_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The governor may then raise the number again."""
    monkeypatch.setattr(local, "FIRST_PAUSE_S", 0.05)
    async with bench(tmp_path, DIES) as it:
        await it.fleet.scale("q", 1)
        await until(it_is_looping(it))
        it.code = LIVES
        await until(it.pids)
        (worker,) = await until(lambda: list(it.pids()) if len(it.said) >= 3 else [])
        monkeypatch.setattr(local, "QUICK_S", 0.1)
        await it.beat(worker)
        await until(it_is_fine(it))
        assert (await it.view()).trouble == ""


async def test_siblings_that_die_together_count_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten workers that find one broken module are one mishap, not ten."""
    monkeypatch.setattr(local, "FIRST_PAUSE_S", 30.0)
    async with bench(tmp_path, DIES) as it:
        await it.fleet.scale("q", 4)
        await until(lambda: len(it.said) == 4)
        assert not (await it.view()).crash_looping


async def test_a_worker_that_ignores_sigterm_is_killed_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only after its grace and a margin, so that its own end comes first."""
    monkeypatch.setattr(local, "MARGIN_S", 0.1)
    async with bench(tmp_path, STUBBORN, grace_s=0.1) as it:
        await it.fleet.scale("q", 1)
        await until(lambda: "deaf" in (tmp_path / "q.log").read_text())
        await it.fleet.scale("q", 0)
        await until(lambda: not it.pids())
        assert it.said == []


async def test_closing_waits_for_every_worker(tmp_path: Path) -> None:
    """And a closed fleet starts nothing more."""
    async with bench(tmp_path) as it:
        await it.fleet.scale("q", 2)
        pids = list(it.pids().values())
        await it.fleet.close()
        assert not any(psutil.pid_exists(pid) for pid in pids)
        await it.fleet.scale("q", 5)
        assert it.pids() == {}


async def test_a_worker_that_hangs_at_its_start_is_killed_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would pass for one that is about to come, and nobody would take its place."""
    monkeypatch.setattr(local, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(local, "STARTS_WITHIN_S", 0.3)
    async with bench(tmp_path, HANGS) as it:
        await it.fleet.scale("q", 1)
        await until(it_is_looping(it))
        view = await it.view()
        assert "did not start within 0.3 s and was killed" in view.trouble
        assert len(it.started) >= 3


async def test_a_worker_that_was_heard_of_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline is for the start alone, and begins when it could be heard of."""
    monkeypatch.setattr(local, "STARTS_WITHIN_S", 0.3)
    async with bench(tmp_path) as it:
        await it.fleet.scale("q", 1)
        (worker,) = it.pids()
        await it.beat(worker)
        assert (await it.view()).starting == 0
        await asyncio.sleep(0.4)
        assert (await it.view()).starting == 0
        assert (list(it.pids()), it.said) == ([worker], [])


async def test_a_worker_that_is_heard_of_no_more_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stopped or stuck, though its process lives; a beat in time keeps it."""
    monkeypatch.setattr(local, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(local, "SILENT_S", 0.2)
    monkeypatch.setattr(local, "FIRST_PAUSE_S", 0.01)
    async with bench(tmp_path) as it:
        await it.store.configure("q", QueueSettings(lease_ms=100))
        await it.fleet.scale("q", 1)
        (silent,) = it.pids()
        await it.beat(silent)
        assert (await it.view()).starting == 0

        async def is_replaced() -> bool:
            await it.view()
            return bool(it.pids()) and silent not in it.pids()

        await until(is_replaced)
        assert any("was not heard of for 0.2 s and was killed" in line for line in it.said)


async def test_closing_also_ends_a_worker_that_is_just_being_started(tmp_path: Path) -> None:
    """Its process was not there yet when the others were told to go."""
    async with bench(tmp_path) as it:
        scaling = asyncio.create_task(it.fleet.scale("q", 2))
        await it.launching.wait()
        assert it.pids() == {}
        async with asyncio.timeout(10):
            await it.fleet.close()
        await scaling
        assert it.pids() == {}
        assert len(it.started) == 1


async def test_what_can_t_be_started_is_a_crash_loop_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing interpreter is said, and nothing breaks."""
    monkeypatch.setattr(local, "FIRST_PAUSE_S", 0.01)
    async with bench(tmp_path) as it:
        monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
        await it.fleet.scale("q", 1)
        await until(it_is_looping(it))
        assert "can't be started" in it.said[0]


def it_is_looping(it: Bench) -> Callable[[], Awaitable[bool]]:
    """Return a condition to wait for."""

    async def looping() -> bool:
        return (await it.view()).crash_looping

    return looping


def it_is_fine(it: Bench) -> Callable[[], Awaitable[bool]]:
    """Return a condition to wait for."""

    async def fine() -> bool:
        return not (await it.view()).crash_looping

    return fine
