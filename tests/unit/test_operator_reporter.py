"""What is told of a queue and how often: facts at once, figures seldom, Events when it is news."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from typing_extensions import override

from headpond.events import Decided, DrainAsked, Scaled
from headpond_operator.kube import CONFLICT, NOT_FOUND, Kube, KubeFault
from headpond_operator.leader import Leader, NotLeading
from headpond_operator.objects import Key, declared
from headpond_operator.pods import FINE, Verdict
from headpond_operator.reporter import (
    EVENTS_BURST,
    FACTS_EVERY_S,
    FIGURES_EVERY_S,
    MOST_EVENTS,
    Announcer,
    Reporter,
)
from operator_cases import KEY, a_look, a_queueconfig, some_facts
from scaling_cases import NOW_MS, a_sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headpond_operator.conditions import Facts

CRASHING: Final = Verdict("CrashLoopBackOff", "1 of 1 pods don't start.", is_stuck=True)
AWAY: Final = a_look(sample=None)


class Leads(Leader):
    """Holds the Lease, or doesn't."""

    leads = True

    @property
    @override
    def is_leading(self) -> bool:
        """Say so."""
        return self.leads


class Room(Kube):
    """Some QueueConfigs, where the API server would keep them, and their reporter."""

    def __init__(self, *names: str) -> None:
        """Begin at NOW_MS with these, of which nothing has been said."""
        super().__init__()
        self.now_s = NOW_MS / 1000
        self.leader = Leads(self, Key("shop", "lease"), "me")
        self.reporter = Reporter(self, self.leader, lambda: self.now_s)
        self.reporter.facts = self.facts
        self.seen: dict[Key, Facts] = {}
        self.statuses: dict[Key, Mapping[str, Any]] = {}
        self.written: list[Key] = []
        self.events: list[tuple[str, str, str]] = []
        self.fault: KubeFault | None = None
        for name in names:
            self.see(name)

    def facts(self, key: Key) -> Facts | None:
        """Return what is to be said."""
        found = self.seen.get(key)
        body = a_queueconfig(key.name, status=self.statuses.get(key, {}))
        return found and replace(found, declared=declared(body))

    def see(self, name: str = "attendance", failed: int = 0, **changes: Any) -> None:
        """Have the reporter look at other facts of a queue."""
        look = a_look(sample=a_sample(failed=failed))
        self.seen[Key("shop", name)] = some_facts(**{"look": look, **changes})
        self.reporter.touch(Key("shop", name))

    async def settle(self, after_s: float = FACTS_EVERY_S) -> list[str]:
        """Have the reporter settle; return whose status was written."""
        self.now_s += after_s
        self.written.clear()
        await self.reporter.settle()
        return sorted(key.name for key in self.written)

    def told(self) -> list[tuple[str, str]]:
        """Return type and reason of each Event since the last time."""
        said, self.events = self.events, []
        return [(kind, reason) for kind, reason, _ in said]

    @override
    async def patch(self, path: str, body: Any, kind: Any = "merge") -> dict[str, Any]:
        """Take a status."""
        if self.fault is not None:
            raise self.fault
        test, add = body
        key = Key("shop", path.split("/")[-2])
        assert test == {"op": "test", "path": "/metadata/uid", "value": f"uid-{key.name}"}
        self.statuses[key] = add["value"]
        self.written.append(key)
        return {}

    @override
    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Take an Event."""
        if self.fault is not None:
            raise self.fault
        self.events.append((body["type"], body["reason"], body["message"]))
        return {}


@pytest.fixture
async def room() -> Room:
    """Give the room of one queue of which everything has been said."""
    place = Room("attendance")
    assert await place.settle() == ["attendance"]
    place.told()
    await place.settle(after_s=60)
    return place


# ── how often ──


async def test_what_was_said_is_not_said_again(room: Room) -> None:
    """However often it is touched."""
    room.reporter.touch(KEY)
    assert await room.settle() == []


async def test_facts_are_said_at_once(room: Room) -> None:
    """A condition that turned, a decision, a pause."""
    room.see(verdict=CRASHING)
    assert await room.settle() == ["attendance"]
    room.see(verdict=FINE)
    assert await room.settle() == ["attendance"]


async def test_a_decision_that_somebody_edited_is_healed(room: Room) -> None:
    """Its number and its rule may be as we wrote them: the rest is ours too."""
    key = Key("shop", "attendance")
    before = room.statuses[key]
    forged = {**before, "lastDecision": {**before["lastDecision"], "reason": "a whim"}}
    room.statuses[key] = forged
    room.reporter.touch(key)
    assert await room.settle() == ["attendance"]
    assert room.statuses[key]["lastDecision"] == before["lastDecision"]


async def test_figures_of_a_queue_are_said_seldom(room: Room) -> None:
    """A status may be a few seconds old."""
    room.see(failed=1)
    assert await room.settle() == ["attendance"]
    room.see(failed=2)
    assert await room.settle(after_s=FIGURES_EVERY_S - 0.1) == []
    assert await room.settle() == ["attendance"]
    assert room.statuses[KEY]["queue"]["failed"] == 2


async def test_figures_of_many_queues_are_said_in_turn() -> None:
    """A busy queue must not keep the others from being told of: each has its turn."""
    names = [f"queue-{number}" for number in range(20)]
    room = Room(*names)
    await room.settle()
    await room.settle(after_s=60)
    turns = dict.fromkeys(names, 0)
    for second in range(1, 31):
        for name in names:
            room.see(name, failed=second)
        for name in await room.settle(after_s=1):
            turns[name] += 1
    assert sum(turns.values()) <= 2 * 30 + 5
    assert min(turns.values()) >= max(turns.values()) - 1 >= 1


async def test_many_facts_are_said_within_seconds() -> None:
    """Redis is gone, and a thousand queues say so: a hundred a second."""
    names = [f"queue-{number:03}" for number in range(250)]
    room = Room(*names)
    said = [len(await room.settle(after_s=1)) for _ in range(4)]
    assert said == [100, 100, 50, 0]


async def test_who_does_not_lead_says_nothing(room: Room) -> None:
    """A leader of before must not write over its successor's word."""
    room.leader.leads = False
    with pytest.raises(NotLeading):
        room.leader.check()
    room.see(verdict=CRASHING)
    assert await room.settle() == []
    assert room.told() == []


async def test_a_write_that_met_another_is_tried_again(room: Room) -> None:
    """At once: the watch has the newer one by then."""
    room.fault = KubeFault(CONFLICT, "Conflict", "newer")
    room.see(verdict=CRASHING)
    assert await room.settle() == []
    room.fault = None
    assert await room.settle() == ["attendance"]


async def test_a_write_that_was_refused_is_tried_later(room: Room) -> None:
    """Rights and webhooks change unseen."""
    room.fault = KubeFault(403, "Forbidden", "no")
    room.see(verdict=CRASHING)
    await room.settle()
    room.fault = None
    assert await room.settle(after_s=FIGURES_EVERY_S - 0.1) == []
    assert await room.settle() == ["attendance"]


async def test_a_queueconfig_that_is_gone_is_let_go(room: Room) -> None:
    """The watch will say so."""
    room.fault = KubeFault(NOT_FOUND, "NotFound", "gone")
    room.see(verdict=CRASHING)
    await room.settle()
    room.fault = None
    assert await room.settle(after_s=60) == []
    room.see(failed=1)
    room.reporter.forget(KEY)
    assert await room.settle(after_s=60) == []


async def test_a_look_that_says_the_same_is_no_news(room: Room) -> None:
    """The governor thinks of idle queues now and then."""
    look = a_look(sample=a_sample(waiting=1))
    room.seen[KEY] = some_facts(look=look)
    room.reporter.note(KEY, look)
    assert await room.settle() == ["attendance"]
    room.seen[KEY] = some_facts(look=AWAY)
    room.reporter.note(KEY, look)
    room.reporter.note(KEY, a_look(sample=a_sample(waiting=1)))
    assert await room.settle() == []
    room.reporter.note(KEY, AWAY)
    assert await room.settle() == ["attendance"]


async def test_workers_in_trouble_are_news_though_the_decision_is_the_same(room: Room) -> None:
    """Nothing else tells of it: neither the queue nor the Deployment has changed."""
    look = a_look()
    room.seen[KEY] = some_facts(look=look)
    room.reporter.note(KEY, look)
    await room.settle()
    room.seen[KEY] = some_facts(look=look, verdict=CRASHING)
    room.reporter.note(KEY, a_look(trouble=CRASHING.sentence))
    assert await room.settle() == ["attendance"]


# ── Events ──


async def test_a_new_queue_that_is_served_is_told_of_once() -> None:
    """One Event, and no warning."""
    room = Room("attendance")
    await room.settle()
    assert room.told() == [("Normal", "Serving")]


async def test_a_queue_that_nobody_has_looked_at_is_no_alarm() -> None:
    """Each new QueueConfig is one for a second."""
    room = Room()
    room.see(look=None)
    await room.settle()
    assert room.told() == []


async def test_what_turns_bad_is_told_once_and_its_end_too(room: Room) -> None:
    """Ready repeats the same reason, and is left out."""
    room.see(verdict=CRASHING)
    await room.settle()
    assert room.told() == [("Warning", "CrashLoopBackOff")]
    room.see(verdict=replace(CRASHING, sentence="2 of 2 pods don't start."))
    await room.settle(after_s=60)
    assert room.told() == []
    room.see()
    await room.settle()
    assert room.told() == [("Normal", "Serving")]


async def test_another_reason_is_told(room: Room) -> None:
    """It is still bad, and for something else."""
    room.see(verdict=CRASHING)
    await room.settle()
    room.told()
    room.see(verdict=replace(CRASHING, reason="ErrImagePull"))
    await room.settle()
    assert room.told() == [("Warning", "ErrImagePull")]


async def test_what_only_ready_says_is_told(room: Room) -> None:
    """No other condition speaks of the settings."""
    room.see(unsettled="Redis is too old.")
    await room.settle()
    assert room.events == [("Warning", "NotConfigured", "Redis is too old.")]


async def test_a_flood_of_events_is_bounded(room: Room) -> None:
    """A hundred at once, then one a second; the oldest of too many are dropped."""
    for number in range(MOST_EVENTS + 1):
        room.reporter.tell(KEY, is_warning=False, reason="ScaledUp", message=str(number))
    await room.settle()
    for _ in range(round(EVENTS_BURST)):
        await room.settle(after_s=0)
    assert len(room.events) == EVENTS_BURST
    assert room.events[0][2] == "1"
    await room.settle(after_s=3)
    assert len(room.events) == EVENTS_BURST + 3


async def test_an_event_that_is_not_taken_keeps_none_of_the_others(room: Room) -> None:
    """Nor does one about an object that is gone."""
    room.reporter.tell(KEY, is_warning=True, reason="Lost", message="x" * 5000)
    room.fault = KubeFault(403, "Forbidden", "no")
    await room.settle()
    room.fault = None
    room.reporter.tell(Key("shop", "gone"), is_warning=True, reason="Gone", message="")
    room.reporter.tell(KEY, is_warning=True, reason="Taken", message="x" * 5000)
    await room.settle()
    assert room.events == [("Warning", "Taken", "x" * 1024)]


SCALED: Final = Scaled(NOW_MS, "attendance", 3, 12, ())
DECIDED: Final = Decided(NOW_MS, "attendance", 3, 12, "demand", "4,812 waiting", writes=True)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([DECIDED], []),
        ([DECIDED, SCALED], [("Normal", "ScaledUp", "3→12: 4,812 waiting")]),
        (
            [
                replace(DECIDED, reason="nothing to do for 2m"),
                replace(SCALED, before=12, replicas=10, victims=("a", "b")),
            ],
            [("Normal", "ScaledDown", "12→10: nothing to do for 2m (a, b had nothing to do)")],
        ),
        ([DECIDED, replace(SCALED, replicas=3)], []),
        ([DECIDED, replace(SCALED, queue="somebody-elses")], []),
        ([DrainAsked(NOW_MS, "attendance", ("a",))], []),
    ],
    ids=["decided", "up", "down", "nowhere", "another queue", "a drain"],
)
async def test_moves_that_were_written_become_events(
    room: Room, events: list[Any], told: list[tuple[str, str, str]]
) -> None:
    """With the decision's own sentence."""
    announcer = Announcer(room.reporter, {"attendance": KEY}.get)
    for event in events:
        announcer.receive(event)
    await room.settle()
    assert room.events == told
