"""What becomes of a queue whose QueueConfig is gone: its jobs stay, unless it said otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from typing_extensions import override

from headpond.errors import StoreUnavailable
from headpond.jobs import Done, JobId, JobState
from headpond.memory import MemoryQueueStore
from headpond.queues import QueueSettings
from headpond.testing import ManualClock
from headpond_operator.farewell import PATIENCE_S, Farewell
from operator_cases import a_declared
from verbs import jobs

if TYPE_CHECKING:
    from headpond.jobs import Claim

DELETE: Final = {"deletionPolicy": "Delete"}


class Ground:
    """A queue with jobs, and whoever sees it off."""

    def __init__(self, store: MemoryQueueStore | None = None) -> None:
        """Have nothing yet."""
        self.clock = ManualClock()
        self.store = store or MemoryQueueStore(self.clock)
        self.farewell = Farewell(self.store, lambda: self.clock.now_ms() / 1000)

    async def fill(self, queue: str = "attendance", active: int = 0) -> list[Claim]:
        """Put three jobs into the queue; so many of them run."""
        await self.store.configure(queue, QueueSettings(lease_ms=86_400_000))
        await self.store.enqueue(queue, jobs("a", "b", "c"))
        return list((await self.store.exchange(queue, "w", [], active)).claims)

    async def left(self, queue: str = "attendance") -> int:
        """Return how many jobs there are."""
        there = await self.store.read(queue, [JobId(name) for name in "abc"])
        return sum(each is not None for each in there)


async def test_jobs_outlive_their_queueconfig() -> None:
    """Retain is the default: a slip of kubectl costs nothing."""
    ground = Ground()
    await ground.fill()
    ground.farewell.take([a_declared()], ())
    await ground.farewell.settle()
    assert await ground.store.queues() == []
    assert await ground.left() == 3


async def test_jobs_go_where_it_was_asked_for() -> None:
    """In all states but active."""
    ground = Ground()
    claims = await ground.fill(active=1)
    await ground.store.exchange("attendance", "w", [Done(claims[0].id, claims[0].fence, b"", 1)], 0)
    ground.farewell.take([a_declared(DELETE)], ())
    await ground.farewell.settle()
    assert await ground.store.queues() == []
    assert await ground.left() == 0


async def test_jobs_that_run_may_end_first() -> None:
    """No new one starts meanwhile, and what has ended goes too."""
    ground = Ground()
    (claim,) = await ground.fill(active=1)
    ground.farewell.take([a_declared(DELETE)], ())
    await ground.farewell.settle()
    assert await ground.store.queues() == ["attendance"]
    assert await ground.left() == 1
    await ground.store.enqueue("attendance", jobs("late"))
    end = Done(claim.id, claim.fence, b"", 1)
    assert (await ground.store.exchange("attendance", "w", [end], 1)).held
    await ground.farewell.settle()
    assert await ground.store.queues() == []
    assert (await ground.store.page("attendance", JobState.WAITING, "", 10)).jobs == ()
    assert await ground.left() == 0


async def test_a_job_that_never_ends_is_not_waited_for_for_ever() -> None:
    """What ends after an hour stays, as if it had been retained."""
    ground = Ground()
    await ground.fill(active=1)
    ground.farewell.take([a_declared(DELETE)], ())
    ground.clock.advance_ms(round(PATIENCE_S * 1000) - 1)
    await ground.farewell.settle()
    assert await ground.store.queues() == ["attendance"]
    ground.clock.advance_ms(1)
    await ground.farewell.settle()
    assert await ground.store.queues() == []
    assert await ground.left() == 1


@pytest.mark.parametrize("spec", [{}, DELETE], ids=["retained", "deleted"])
async def test_a_queue_that_is_declared_again_is_left_alone(spec: dict[str, str]) -> None:
    """At once, or by the older one of two."""
    ground = Ground()
    await ground.fill()
    ground.farewell.take([a_declared(spec)], {"attendance"})
    await ground.farewell.settle()
    assert await ground.store.queues() == ["attendance"]
    assert await ground.left() == 3


async def test_a_queue_that_is_declared_again_while_it_goes_stays() -> None:
    """Whoever declares it again lifts the hold."""
    ground = Ground()
    await ground.fill(active=1)
    ground.farewell.take([a_declared(DELETE)], ())
    await ground.farewell.settle()
    ground.farewell.take([], {"attendance"})
    await ground.store.resume("attendance", "spec")
    await ground.farewell.settle()
    assert await ground.store.queues() == ["attendance"]
    sample = (await ground.store.sample(["attendance"]))["attendance"]
    assert not sample.is_held


async def test_one_that_was_never_valid_leaves_no_queue_behind() -> None:
    """It declared none: a queue of its name is somebody else's."""
    ground = Ground()
    await ground.fill()
    ground.farewell.take([a_declared({"nonsense": 1})], ())
    await ground.farewell.settle()
    assert await ground.store.queues() == ["attendance"]


class Away(MemoryQueueStore):
    """A store that can be away."""

    is_away = True

    @override
    async def forget(self, queue: str) -> None:
        """Be away, or forget."""
        if self.is_away:
            raise StoreUnavailable("It is away.")
        await super().forget(queue)


@pytest.mark.parametrize("spec", [{}, DELETE], ids=["retained", "deleted"])
async def test_a_store_that_is_away_is_told_later(spec: dict[str, str]) -> None:
    """Nothing is forgotten because Redis was restarted."""
    store = Away(ManualClock())
    ground = Ground(store)
    await ground.fill()
    ground.farewell.take([a_declared(spec)], ())
    with pytest.raises(StoreUnavailable):
        await ground.farewell.settle()
    store.is_away = False
    await ground.farewell.settle()
    assert await store.queues() == []


@pytest.mark.parametrize(("spec", "asked"), [(None, 0), (DELETE, 0), (DELETE, 1)])
async def test_who_leads_no_more_touches_nothing(spec: object, asked: int) -> None:
    """The successor sees to it; a queue may be declared again by then."""
    ground = Ground()
    await ground.fill()
    answers = iter([True] * asked)
    ground.farewell.may = lambda: next(answers, False)
    ground.farewell.take([a_declared(spec)], ())
    await ground.farewell.settle()
    assert await ground.store.queues() == ["attendance"]
    assert await ground.left() == 3
