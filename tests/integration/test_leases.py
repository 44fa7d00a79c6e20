"""The lease thread: it renews in time, says a change of state at once, and never ends by itself."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from headpond.errors import StoreUnavailable
from headpond.jobs import JobId
from headpond.ports import Renewal, WorkerBeat
from headpond.queues import WorkerState
from headpond_workers.leases import RENEWALS, LeaseThread
from until import until

if TYPE_CHECKING:
    from collections.abc import Sequence


class Keeper:
    """The blocking side of a store that notes what it is asked, and fails when told to."""

    def __init__(self) -> None:
        """Answer everything."""
        self.states: list[WorkerState] = []
        self.held: list[list[tuple[JobId, str]]] = []
        self.faults: list[Exception] = []
        self.deaf: list[Exception] = []
        self.words = threading.Event()
        self.left = self.closed = False

    def renew(self, beat: WorkerBeat, held: Sequence[tuple[JobId, str]]) -> Renewal:
        """Note it."""
        if self.faults:
            raise self.faults.pop()
        self.states.append(beat.state)
        self.held.append(list(held))
        return Renewal((), draining=False, settings_version=len(self.states), now_ms=1)

    def hear(self, timeout_s: float) -> bool:
        """Wait for a word."""
        if self.deaf:
            raise self.deaf.pop()
        said = self.words.wait(timeout_s / 10)
        self.words.clear()
        return said

    def leave(self) -> None:
        """Note it."""
        self.left = True

    def close(self) -> None:
        """Note it."""
        self.closed = True


class Worker:
    """What the thread asks and tells."""

    def __init__(self) -> None:
        """Begin at work, holding one job."""
        self.state = WorkerState.WORKING
        self.versions: list[int] = []
        self.keeper = Keeper()
        self.thread = LeaseThread(self.keeper, self.beat, self.held, self.heard)

    def beat(self) -> WorkerBeat:
        """Say what it does."""
        return WorkerBeat("w", self.state, slots=1, started_ms=1)

    def held(self) -> list[tuple[JobId, str]]:
        """Say what it holds."""
        return [(JobId("j"), "w.1")]

    def heard(self, renewal: Renewal, asked: dict[JobId, str]) -> None:
        """Note it."""
        assert asked == {"j": "w.1"}
        self.versions.append(renewal.settings_version)


async def test_leases_are_renewed_thrice_in_their_time() -> None:
    """However long a lease is; the answer reaches the worker."""
    worker = Worker()
    worker.thread.follow(lease_ms=60)
    assert worker.thread.every_s == 0.06 / RENEWALS
    worker.thread.start()
    await until(lambda: len(worker.versions) >= 4)
    await asyncio.to_thread(worker.thread.stop)
    assert worker.keeper.held[0] == [("j", "w.1")]
    assert worker.keeper.left
    assert worker.keeper.closed


async def test_a_new_state_and_a_word_are_not_kept_waiting() -> None:
    """A drain is acknowledged at once, and what was published is asked for at once."""
    worker = Worker()
    worker.thread.follow(lease_ms=3_600_000)
    worker.thread.start()
    await until(lambda: worker.keeper.states == [WorkerState.WORKING])
    worker.state = WorkerState.DRAINED
    await until(lambda: worker.keeper.states[-1] is WorkerState.DRAINED, within_s=2)
    renewed = len(worker.keeper.states)
    worker.keeper.words.set()
    await until(lambda: len(worker.keeper.states) > renewed, within_s=2)
    await asyncio.to_thread(worker.thread.stop)


async def test_nothing_ends_it() -> None:
    """A store that is away, and errors that nobody expected, when renewing and when listening."""
    worker = Worker()
    worker.thread.follow(lease_ms=60)
    worker.keeper.faults = [StoreUnavailable("away"), KeyError("strange")]
    worker.keeper.deaf = [StoreUnavailable("away"), KeyError("strange")]
    worker.thread.start()
    await until(lambda: len(worker.versions) >= 3)
    assert worker.keeper.faults == worker.keeper.deaf == []
    await asyncio.to_thread(worker.thread.stop)
