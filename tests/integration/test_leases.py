"""The lease thread: it renews in time, says a change of state at once, and never ends by itself."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from headpond.errors import StoreFull, StoreUnavailable
from headpond.jobs import JobId
from headpond.ports import Renewal, WorkerBeat
from headpond.queues import WorkerState
from headpond_workers import leases
from headpond_workers.leases import RENEWALS, LeaseThread
from until import until

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


class Keeper:
    """The blocking side of a store that notes what it is asked, and fails when told to."""

    def __init__(self) -> None:
        """Answer everything."""
        self.states: list[WorkerState] = []
        self.held: list[list[tuple[JobId, str]]] = []
        self.faults: list[Exception] = []
        self.deaf: list[Exception] = []
        self.stuck: list[Exception] = []
        self.rude: list[Exception] = []
        self.words = threading.Event()
        self.released: list[tuple[JobId, str]] = []
        self.left = self.closed = False

    def renew(self, beat: WorkerBeat, held: Sequence[tuple[JobId, str]]) -> Renewal:
        """Note it."""
        if self.faults:
            raise self.faults.pop()
        self.states.append(beat.state)
        self.held.append(list(held))
        return Renewal((), draining=False, settings_version=len(self.states), now_ms=1)

    def release(self, held: Sequence[tuple[JobId, str]]) -> None:
        """Note it."""
        self.released += held
        if self.stuck:
            raise self.stuck.pop()

    def hear(self, timeout_s: float) -> bool:
        """Wait for a word."""
        if self.deaf:
            raise self.deaf.pop()
        said = self.words.wait(timeout_s / 10)
        if said:
            self.words.clear()
        return said

    def leave(self) -> None:
        """Note it."""
        self.left = True
        if self.rude:
            raise self.rude.pop()

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
        self.kept = [(JobId("j"), "w.1")]
        self.unstarted: list[tuple[JobId, str]] = []
        self.is_turning = True
        self.is_lost = threading.Event()
        self._turns = 0
        self.thread = LeaseThread(self.keeper, self)

    def beat(self) -> WorkerBeat:
        """Say what it does."""
        return WorkerBeat("w", self.state, slots=1, started_ms=1)

    def held(self) -> list[tuple[JobId, str]]:
        """Say what it holds."""
        return self.kept

    def turns(self) -> int:
        """Turn, or not."""
        self._turns += self.is_turning
        return self._turns

    def give_back(self) -> list[tuple[JobId, str]]:
        """Give what has not started, once."""
        spare, self.unstarted = self.unstarted, []
        return spare

    def lost(self) -> None:
        """Note it, and end the thread as the process would."""
        self.is_lost.set()
        self.thread.stop_soon()

    def heard(self, renewal: Renewal, asked: dict[JobId, str]) -> None:
        """Note it."""
        assert asked == dict(self.kept)
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


async def test_after_a_word_it_asks_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that somebody cancels may have been claimed in this very moment; then it is quiet."""
    monkeypatch.setattr(leases, "AGAIN_S", 0.05)
    worker = Worker()
    worker.thread.follow(lease_ms=3_600_000)
    worker.thread.start()
    await until(lambda: len(worker.keeper.states) == 1)
    worker.keeper.words.set()
    await until(lambda: len(worker.keeper.states) == 3, within_s=5)
    await asyncio.sleep(0.2)
    assert len(worker.keeper.states) == 3
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


async def test_nothing_ends_it_while_the_loop_is_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be handed back is not what keeps the other leases from being renewed."""
    monkeypatch.setattr(leases, "STILL_S", 0.05)
    worker = Worker()
    worker.thread.follow(lease_ms=60)
    worker.unstarted, worker.is_turning = [(JobId("k"), "w.2")], False
    worker.keeper.stuck = [StoreFull("full")]
    worker.keeper.rude = [KeyError("strange")]
    worker.thread.start()
    await until(lambda: worker.keeper.released == [("k", "w.2")])
    renewed = len(worker.versions)
    await until(lambda: len(worker.versions) > renewed)
    await asyncio.to_thread(worker.thread.stop)
    assert worker.keeper.left
    assert worker.keeper.closed


async def test_what_a_blocked_loop_cannot_start_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs without a start are released; what runs is kept; the process goes on."""
    monkeypatch.setattr(leases, "STILL_S", 0.05)
    worker = Worker()
    worker.unstarted = [(JobId("k"), "w.2")]
    worker.thread.start()
    await until(lambda: worker.versions)
    assert worker.keeper.released == []
    worker.is_turning = False
    await until(lambda: worker.keeper.released == [("k", "w.2")])
    assert not worker.is_lost.is_set()
    await asyncio.to_thread(worker.thread.stop)


async def test_a_loop_blocked_for_good_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once nothing is left to keep, somebody else shall start afresh."""
    monkeypatch.setattr(leases, "STILL_S", 0.05)
    monkeypatch.setattr(leases, "LOST_S", 0.1)
    worker = Worker()
    worker.is_turning = False
    worker.thread.start()
    await until(lambda: worker.versions)
    assert not worker.is_lost.wait(0.3)
    worker.kept = []
    await until(worker.is_lost.is_set)
    assert worker.keeper.left
