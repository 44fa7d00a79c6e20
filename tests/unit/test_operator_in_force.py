"""Declared queues are put into force, and again when the store has lost them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from typing_extensions import override

from headpond.errors import Invalid, StoreUnavailable
from headpond.governor.in_force import InForce
from headpond.memory import MemoryQueueStore
from headpond.queues import Hold
from headpond.testing import ManualClock
from operator_cases import a_config

if TYPE_CHECKING:
    from headpond.config import QueueConfig
    from headpond.errors import HeadpondError
    from headpond.queues import QueueSettings

THREE: Final = ("a", "b", "c")


class Moody(MemoryQueueStore):
    """A store that takes each configuration but those of `faults`, and counts."""

    def __init__(self) -> None:
        """Take everything at first."""
        self.clock = ManualClock()
        super().__init__(self.clock)
        self.faults: dict[str, HeadpondError] = {}
        self.configured: list[str] = []

    @override
    async def configure(self, queue: str, settings: QueueSettings) -> int:
        """Refuse, or take it."""
        if queue in self.faults:
            raise self.faults[queue]
        self.configured.append(queue)
        return await super().configure(queue, settings)

    @override
    async def queues(self) -> list[str]:
        """Be away when all are."""
        if "*" in self.faults:
            raise self.faults["*"]
        return await super().queues()

    def again(self) -> list[str]:
        """Return which were configured since the last time."""
        said, self.configured = self.configured, []
        return said


def some(*names: str, spec: Any = None) -> dict[str, QueueConfig]:
    """Return configurations of these queues."""
    return {name: a_config(spec, name=name) for name in names}


async def in_force(store: Moody, *names: str) -> InForce:
    """Have these queues in force."""
    wanted = InForce(store, store.clock, wanted=some(*names))
    assert await wanted.settle()
    store.again()
    return wanted


async def held(store: Moody, queue: str = "a") -> tuple[Hold, ...]:
    """Return what holds a queue."""
    return (await store.sample([queue]))[queue].held


async def test_what_is_wanted_is_put_into_force_once() -> None:
    """The store has the settings, and is not asked again."""
    store = Moody()
    wanted = InForce(store, store.clock, wanted=some(*THREE, spec={"jobs": {"maxActive": 7}}))
    assert await wanted.settle()
    assert store.again() == ["a", "b", "c"]
    settings = await store.settings("a")
    assert settings is not None
    assert settings.max_active == 7
    assert await wanted.settle()
    assert (store.again(), wanted.pending) == ([], set())


async def test_only_what_has_changed_is_put_into_force_again() -> None:
    """Of a thousand queues one was edited."""
    store = Moody()
    wanted = await in_force(store, *THREE)
    wanted.want({**some("a", "c"), **some("b", spec={"jobs": {"retries": 7}}), **some("d")})
    await wanted.settle()
    assert store.again() == ["b", "d"]


async def test_what_is_wanted_no_more_is_left_alone() -> None:
    """Whoever says farewell sees to it."""
    store = Moody()
    wanted = InForce(store, store.clock, wanted=some(*THREE))
    wanted.want(some("b"))
    await wanted.settle()
    assert store.again() == ["b"]


async def test_a_pause_holds_and_its_end_lets_go() -> None:
    """By the spec's own hold: somebody's at run time stays."""
    store = Moody()
    wanted = await in_force(store, "a")
    await store.hold("a", Hold("runtime", "ana", "broken import", 1))
    wanted.want(some("a", spec={"pause": "Drain"}))
    await wanted.settle()
    spec = next(hold for hold in await held(store) if hold.source == "spec")
    assert (spec.by, spec.reason) == ("QueueConfig shop/a", "spec.pause is Drain.")
    assert spec.since_ms == store.clock.now_ms()
    wanted.want(some("a"))
    await wanted.settle()
    assert [hold.source for hold in await held(store)] == ["runtime"]


async def test_what_the_store_lost_is_put_into_force_again() -> None:
    """Redis was flushed, or an old copy of it was restored."""
    store = Moody()
    wanted = await in_force(store, *THREE)
    await store.forget("b")
    await wanted.find_lost()
    await wanted.settle()
    assert store.again() == ["b"]


async def test_a_store_that_is_away_has_lost_nothing() -> None:
    """It may come back with everything."""
    store = Moody()
    wanted = await in_force(store, *THREE)
    store.faults["*"] = StoreUnavailable("It is away.")
    await wanted.find_lost()
    assert wanted.pending == set()


async def test_everything_can_be_put_into_force_again() -> None:
    """After the store came back empty."""
    store = Moody()
    wanted = await in_force(store, *THREE)
    wanted.again()
    await wanted.settle()
    assert store.again() == ["a", "b", "c"]


async def test_what_a_store_that_is_away_did_not_take_is_tried_again() -> None:
    """From where it broke off."""
    store = Moody()
    store.faults["b"] = StoreUnavailable("It is away.")
    wanted = InForce(store, store.clock, wanted=some(*THREE))
    assert not await wanted.settle()
    assert (wanted.pending, wanted.refused) == ({"b", "c"}, {})
    store.faults.clear()
    assert await wanted.settle()
    assert store.again() == ["a", "b", "c"]


async def test_a_refusal_is_said_once_and_stops_nobody_else() -> None:
    """It is tried again each time, and said anew when it says something else."""
    said: list[tuple[str, str]] = []
    store = Moody()
    store.faults["b"] = Invalid("no")
    wanted = InForce(store, store.clock, lambda *what: said.append(what), some(*THREE))
    assert await wanted.settle()
    assert await wanted.settle()
    assert store.again() == ["a", "c"]
    assert said == [("b", "Queue 'b' can't be configured now: no")]
    assert wanted.refused == {"b": said[0][1]}
    store.faults["b"] = Invalid("never")
    await wanted.settle()
    assert len(said) == 2
    store.faults.clear()
    await wanted.settle()
    assert (wanted.refused, wanted.pending) == ({}, set())


async def test_a_change_that_comes_meanwhile_is_not_lost() -> None:
    """What was written is the one before; the new one is still to come."""
    changes = [some("a", spec={"pause": "Hold"})]

    class Slow(Moody):
        """Somebody applies another spec while it answers."""

        @override
        async def configure(self, queue: str, settings: QueueSettings) -> int:
            """Hear of the change, and take what was asked."""
            while changes:
                wanted.want(changes.pop())
            return await super().configure(queue, settings)

    store = Slow()
    wanted = InForce(store, store.clock, wanted=some("a"))
    await wanted.settle()
    assert wanted.pending == {"a"}
    await wanted.settle()
    assert wanted.pending == set()
    assert [hold.source for hold in await held(store)] == ["spec"]


async def test_one_queue_can_be_put_into_force_by_itself() -> None:
    """And one that nobody wants is not made."""
    store = Moody()
    wanted = InForce(store, store.clock, wanted=some(*THREE))
    await wanted.put("b")
    await wanted.put("nobody")
    assert await store.queues() == ["b"]


async def test_a_queue_that_was_made_anew_by_others_is_put_into_force_again() -> None:
    """Its name is there, and its limits and its hold are not."""
    store = Moody()
    wanted = InForce(store, store.clock, wanted=some("a", spec={"pause": "Hold"}))
    await wanted.settle()
    wanted.compare((await store.sample(["a"]))["a"])
    assert wanted.pending == set()
    lost = Moody()
    await lost.configure("a", a_config().spec.to_settings())
    wanted.compare((await lost.sample(["a"]))["a"])
    assert wanted.pending == {"a"}


async def test_another_epoch_alone_is_enough() -> None:
    """No hold is missing where none is wanted."""
    store, lost = Moody(), Moody()
    wanted = await in_force(store, "a")
    sample = (await store.sample(["a"]))["a"]
    wanted.compare(sample)
    wanted.compare(replace(sample, queue="nobody's"))
    assert wanted.pending == set()
    await lost.configure("a", a_config().spec.to_settings())
    wanted.compare(replace((await lost.sample(["a"]))["a"], epoch="another"))
    assert wanted.pending == {"a"}


@pytest.mark.parametrize(("asked", "configured"), [(0, []), (1, ["a"])])
async def test_who_leads_no_more_puts_nothing_into_force(asked: int, configured: list[str]) -> None:
    """Not even the second half: a successor's hold must not be lifted."""
    store = Moody()
    await store.configure("a", a_config().spec.to_settings())
    await store.hold("a", Hold("spec", "successor", "", store.clock.now_ms()))
    store.again()
    wanted = InForce(store, store.clock, wanted=some("a"))
    answers = iter([True] * asked)
    wanted.may = lambda: next(answers, False)
    await wanted.settle()
    assert store.again() == configured
    assert [hold.by for hold in await held(store)] == ["successor"]
