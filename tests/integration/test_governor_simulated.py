"""The governor with a simulated queue, fleet and time: whole stories in milliseconds."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from headpond.events import (
    Decided,
    DrainAcknowledged,
    DrainAsked,
    DrainWithdrawn,
    Event,
    FleetFailed,
    RoundDone,
    RoundFailed,
    Scaled,
    StoreBack,
    StoreLost,
)
from headpond.governor import Governor
from headpond.governor.simulated import World
from headpond.scaling import Behavior, Mode, Pause, Policy
from headpond.telemetry.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headpond.ports import FleetView

QUICK = Policy(slots=10, max=50, scale_down=Behavior(5.0), idle_after_s=5.0)


class Story:
    """A world and its governor, moved together second by second."""

    def __init__(self, world: World, policy: Policy = QUICK) -> None:
        """Begin with a policy that may be replaced on the way."""
        self.world = world
        self.policy = policy
        self.events: list[Event] = []
        self.governor = self.new_governor()

    def new_governor(self) -> Governor:
        """Start a governor that knows nothing."""
        return Governor(
            self.world, self.world, lambda: {self.world.queue: self.policy}, (self,), self.world
        )

    def receive(self, event: Event) -> None:
        """Keep what happens, but for the rounds."""
        if not isinstance(event, RoundDone):
            self.events.append(event)

    async def play(self, seconds: float, load_per_s: int = 0) -> None:
        """Let seconds pass, with a round of the governor in each."""
        for _ in range(int(seconds)):
            self.world.enqueue(load_per_s)
            await self.governor.turn()
            self.world.advance(1000)

    def told(self, kind: type[Event]) -> list[Event]:
        """Return the events of one class."""
        return [event for event in self.events if isinstance(event, kind)]


async def test_burst_from_zero_and_back() -> None:
    """One write up to all that is needed, no job hurt, down to zero by acknowledged drains."""
    story = Story(World())
    await story.play(3)
    story.world.enqueue(500)
    await story.play(60)
    assert story.world.writes[0][1] == 50
    assert (story.world.wanted, story.world.workers, story.world.interrupted) == (0, {}, 0)
    assert story.world.ended == 500
    ups = [to for before, to in _moves(story.world.writes) if to > before]
    assert ups == [50]


async def test_fixed_load_reaches_a_fixed_point() -> None:
    """A steady load ends at a number that stays, that suffices, and that is not lavish."""
    story = Story(World(), Policy(slots=10, max=50))
    await story.play(600, load_per_s=80)
    before = len(story.world.writes)
    waits = len(story.world.waits_ms)
    await story.play(300, load_per_s=80)
    assert story.world.writes[before:] == []
    assert 8 <= story.world.wanted <= 12
    assert max(story.world.waits_ms[waits:]) <= 30_000


async def test_no_job_is_interrupted_in_a_hundred_lowerings() -> None:
    """Loads that come and go, short jobs and long ones: nobody is stopped while at work."""
    chance = random.Random(7)
    world = World(service_ms=lambda number: 200 if number % 10 else 20_000)
    story = Story(world, Policy(slots=5, max=40, scale_down=Behavior(3.0), idle_after_s=3.0))
    lowered = 0
    for _ in range(600):
        await story.play(5, load_per_s=chance.choice([0, 0, 5, 40]))
        lowered = sum(1 for before, to in _moves(world.writes) if to < before)
        if lowered >= 100:
            break
    assert lowered >= 100
    assert world.interrupted == 0


async def test_lowering_is_exactly_what_was_acknowledged() -> None:
    """Each write down names as many victims as it takes away."""
    world = World(service_ms=lambda number: 1000 + number % 7 * 3000)
    story = Story(world)
    world.enqueue(300)
    await story.play(120)
    downs = [e for e in story.told(Scaled) if isinstance(e, Scaled) and e.replicas < e.before]
    assert downs
    assert all(down.before - down.replicas == len(down.victims) for down in downs)
    acknowledged = {name for e in story.told(DrainAcknowledged) for name in e.workers}  # type: ignore[union-attr]
    assert {name for down in downs for name in down.victims} == acknowledged


async def test_returning_load_takes_draining_workers_back() -> None:
    """Whoever drains when jobs come again works on, and nobody new is started for them."""
    world = World(slots=1, service_ms=lambda _: 8000)
    story = Story(world, Policy(slots=1, max=10, scale_down=Behavior(1.0), idle_after_s=1.0))
    story.policy = Policy(mode=Mode.MANUAL, replicas=10, slots=1)
    world.enqueue(10)
    await story.play(4)
    story.policy = Policy(mode=Mode.MANUAL, replicas=2, slots=1)
    await story.play(2)
    assert story.told(DrainAsked)
    story.policy = Policy(mode=Mode.MANUAL, replicas=10, slots=1)
    await story.play(2)
    assert story.told(DrainWithdrawn)
    assert (world.wanted, len(world.workers), world.interrupted) == (10, 10, 0)
    assert not any(worker.marked for worker in world.workers.values())


async def test_store_away_changes_nothing_and_says_so() -> None:
    """Unknown is not zero; when the store is back everything goes on."""
    story = Story(World())
    story.world.enqueue(300)
    await story.play(5)
    written = list(story.world.writes)
    story.world.store_away = True
    delays = [await story.governor.turn() for _ in range(8)]
    assert delays == sorted(delays)
    assert delays[-1] == 5.0
    await story.play(60)
    assert story.world.writes == written
    assert len(story.told(StoreLost)) == 1
    unknown = story.told(Decided)[-1]
    assert isinstance(unknown, Decided)
    assert unknown.rule == "unknown"
    story.world.store_away = False
    assert await story.governor.turn() == 1.0
    assert len(story.told(StoreBack)) == 1
    await story.play(90)
    assert (story.world.wanted, story.world.interrupted) == (0, 0)


async def test_store_that_comes_back_empty_lowers_nothing_for_a_window() -> None:
    """A new epoch is no empty queue."""
    story = Story(World(), Policy(slots=10, min=3))
    await story.play(70)
    story.policy = Policy(slots=10)
    story.world.epoch = "e2"
    await story.play(59)
    assert story.world.wanted == 3
    await story.play(130)
    assert story.world.wanted == 0


async def test_a_new_governor_goes_on_with_the_drains_of_the_old() -> None:
    """It knows nothing, learns who is draining from the workers, and stops them after its guard."""
    world = World(slots=1, service_ms=lambda _: 3000)
    story = Story(world, Policy(mode=Mode.MANUAL, replicas=6, slots=1))
    world.enqueue(6)
    await story.play(3)
    story.policy = Policy(mode=Mode.MANUAL, replicas=1, slots=1)
    await story.play(1)
    assert sum(worker.marked for worker in world.workers.values()) == 5
    story.governor = story.new_governor()
    await story.play(10)
    assert (world.wanted, len(world.workers), world.interrupted) == (1, 1, 0)


async def test_a_new_governor_knows_how_long_jobs_take() -> None:
    """It reads it from the last decision on record."""
    story = Story(World())
    story.world.enqueue(500)
    await story.play(60)
    assert story.world.wanted == 0
    story.governor = story.new_governor()
    await story.play(1)
    inputs = story.governor.latest["attendance"].decision.inputs
    assert inputs.service_s == pytest.approx(1.0)


async def test_held_queue_starts_nobody_and_resumes_at_once() -> None:
    """Under a hold the backlog asks for nothing; afterwards for all that it needs."""
    story = Story(World(held=True))
    story.world.enqueue(200)
    await story.play(5)
    assert story.world.writes == []
    story.world.held = False
    await story.play(1)
    assert [to for _, to in story.world.writes] == [20]


async def test_drain_ends_at_zero_with_jobs_waiting() -> None:
    """Running jobs end, the others wait, the workers are gone."""
    story = Story(World(service_ms=lambda _: 4000), Policy(slots=10, max=5, min=1))
    story.world.enqueue(200)
    await story.play(4)
    assert story.world.active == 50
    story.policy = Policy(slots=10, max=5, min=1, pause=Pause.DRAIN)
    story.world.held = True
    await story.play(8)
    assert (story.world.wanted, story.world.interrupted, story.world.ended) == (0, 0, 50)
    assert len(story.world.waiting) == 150


@pytest.mark.parametrize("mode", [Mode.RECOMMEND, Mode.FROZEN])
async def test_modes_that_write_nothing(mode: Mode) -> None:
    """They decide, tell and record; the fleet hears nothing."""
    story = Story(World(), Policy(slots=10, mode=mode))
    story.world.enqueue(100)
    await story.play(3)
    assert story.world.writes == []
    assert all(isinstance(e, Decided) and not e.writes for e in story.told(Decided))


async def test_fleet_that_fails_is_told_of_once_and_tried_again() -> None:
    """The loop goes on, and the number is written as soon as it can be."""

    class Broken(World):
        broken = True

        @override
        async def scale(self, queue: str, replicas: int, victims: Sequence[str] = ()) -> None:
            if self.broken:
                raise OSError(11, "no more processes")
            await super().scale(queue, replicas, victims)

    world = Broken()
    story = Story(world)
    world.enqueue(100)
    await story.play(5)
    assert len(story.told(FleetFailed)) == 1
    world.broken = False
    await story.play(1)
    assert world.wanted == 10


async def test_records_and_lines_say_the_same() -> None:
    """What is on record is what was told, in the same words."""
    lines: list[str] = []
    story = Story(World())
    story.world.enqueue(120)
    await story.play(1)
    for event in story.events:
        Lines(lines.append).receive(event)
    record = json.loads(story.world.recorded[0])
    why = "120 waiting need 12 workers of 10 slots: a slot for each until the first has ended"
    assert lines == [f"attendance 0→12: {why}"]
    assert (record["from"], record["to"], record["reason"]) == (0, 12, why)


async def test_a_quiet_queue_costs_nothing_but_the_sample() -> None:
    """Nothing is written, recorded or marked again while nothing changes."""
    story = Story(World())
    await story.play(2)
    assert story.world.mark == 1
    story.world.mark = -7
    look = story.governor.latest["attendance"]
    await story.play(20)
    assert story.governor.latest["attendance"] is look
    await story.play(30)
    assert story.governor.latest["attendance"] is not look
    assert (story.world.mark, story.world.recorded, story.events) == (-7, [], [])


async def test_fleet_that_cannot_be_asked_is_not_guessed_at() -> None:
    """Without a count of the workers nothing is decided; it is told of once."""

    class Blind(World):
        blind = True

        @override
        async def observe(self, queues: Sequence[str]) -> Mapping[str, FleetView]:
            if self.blind:
                raise OSError(5, "no list of processes")
            return await super().observe(queues)

    world = Blind()
    story = Story(world)
    world.enqueue(100)
    await story.play(3)
    assert (len(story.told(FleetFailed)), world.writes) == (1, [])
    world.blind = False
    await story.play(1)
    assert world.wanted == 10


async def test_victims_that_could_not_be_stopped_are_tried_again() -> None:
    """A fleet that fails on the way down stops the same workers later, and nobody else."""

    class Stuck(World):
        stuck = False

        @override
        async def scale(self, queue: str, replicas: int, victims: Sequence[str] = ()) -> None:
            if self.stuck and victims:
                raise OSError(1, "not permitted")
            await super().scale(queue, replicas, victims)

    world = Stuck()
    story = Story(world, Policy(mode=Mode.MANUAL, replicas=4))
    await story.play(4)
    story.policy, world.stuck = Policy(mode=Mode.MANUAL, replicas=1), True
    world.enqueue(1)
    await story.play(5)
    assert (world.wanted, len(story.told(FleetFailed))) == (4, 1)
    acknowledged = len(story.told(DrainAcknowledged))
    world.stuck = False
    await story.play(3)
    assert (world.wanted, world.interrupted) == (1, 0)
    assert len(story.told(DrainAcknowledged)) == acknowledged


async def test_defects_end_a_round_and_not_the_loop() -> None:
    """An error that nobody foresaw is told, and the delay grows."""
    story = Story(World())
    none: dict[str, dict[str, Policy]] = {}
    governor = Governor(story.world, story.world, lambda: none["file"], (story,), story.world)
    assert await governor._survive() == 0.25  # noqa: SLF001 - run() is this in a loop
    assert await governor._survive() == 0.5  # noqa: SLF001
    assert len(story.told(RoundFailed)) == 2


def _moves(writes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    numbers = [0, *(to for _, to in writes)]
    return list(pairwise(numbers))
