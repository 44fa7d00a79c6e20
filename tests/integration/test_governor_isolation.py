"""One queue's defect is one queue's: the others are governed, and their wake-ups are heard."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from typing_extensions import override

from headpond.clock import SystemClock
from headpond.events import Event, RoundDone, RoundFailed
from headpond.governor import Governor
from headpond.governor.wake import Alarm
from headpond.jobs import JobId, NewJob
from headpond.memory import MemoryQueueStore
from headpond.ports import FleetView, ScheduleEntry
from headpond.queues import QueueSettings
from headpond.scaling import Policy
from headpond.timetable import Schedule, pack_schedule
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence


class Fleet:
    """A fleet of several queues that does as it is told."""

    def __init__(self) -> None:
        """Begin without workers."""
        self.wanted: dict[str, int] = {}

    async def observe(self, queues: Sequence[str]) -> Mapping[str, FleetView]:
        """Say what was last asked for."""
        return {queue: FleetView(self.wanted.get(queue, 0), 0) for queue in queues}

    async def scale(self, queue: str, replicas: int, victims: Sequence[str] = ()) -> None:
        """Take the number."""
        del victims
        self.wanted[queue] = replicas


class Notes:
    """A sink that keeps what it hears."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self.events: list[Event] = []

    def receive(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)


async def test_defect_of_one_queue_stops_no_other() -> None:
    """The others get their workers in the same round; the defect is told once, with its queue."""
    store, fleet, notes = MemoryQueueStore(SystemClock()), Fleet(), Notes()
    for queue in ("bad", "good"):
        await store.configure(queue, QueueSettings())
        await store.enqueue(queue, [NewJob(JobId("a"), b"{}")])
    policies = {"bad": Policy(slots=0), "good": Policy()}
    governor = Governor(store, fleet, lambda: policies, [notes], SystemClock())
    for _ in range(3):
        await governor.turn()
    assert fleet.wanted == {"good": 1}
    told = [event for event in notes.events if isinstance(event, RoundFailed)]
    assert [event.reason.partition(":")[0] for event in told] == ["bad"]
    assert len([event for event in notes.events if isinstance(event, RoundDone)]) == 3


class Moody(MemoryQueueStore):
    """A store whose schedules can be read now and then."""

    is_odd = True

    @override
    async def schedules(self, queue: str) -> list[ScheduleEntry]:
        if self.is_odd:
            raise KeyError("odd")
        return await super().schedules(queue)


async def test_defect_of_schedules_is_told_once_each_time_that_it_comes() -> None:
    """Not in each round; and again after a firing that went well."""
    store, notes = Moody(SystemClock()), Notes()
    await store.configure("mill", QueueSettings())
    governor = Governor(store, Fleet(), lambda: {"mill": Policy()}, [notes], SystemClock())
    hourly = pack_schedule(Schedule("hourly", "grind", every_ms=3_600_000))
    for is_odd in (True, True, False, True):
        store.is_odd = is_odd
        await store.put_schedule("mill", ScheduleEntry("hourly", hourly, 1))
        await governor.turn()
    told = [event for event in notes.events if isinstance(event, RoundFailed)]
    assert [event.reason for event in told] == ["mill: schedules: KeyError: 'odd'"] * 2


async def test_alarm_outlives_whatever_a_store_raises() -> None:
    """A wake-up that can't be read ends the listening of a moment, not that of a lifetime."""
    heard = 0

    async def wakes() -> AsyncIterator[str]:
        nonlocal heard
        heard += 1
        if heard == 1:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no name of a queue")
        yield "q"

    alarm = Alarm(wakes, 0.0)
    listening = asyncio.create_task(alarm.listen())
    assert await until(lambda: heard > 1, within_s=5)
    assert await alarm.rest(5.0, asyncio.Event()) == {"q"}
    listening.cancel()
