"""Batches through an app: opened once, complete when their jobs have ended."""

from __future__ import annotations

from typing import Any

import pytest

from headpond import App, BatchState, JobType
from headpond.envelope import Outcome, pack
from headpond.errors import BatchLocked, PayloadInvalid
from headpond.jobs import Done
from headpond.memory import MemoryQueueStore
from headpond.queues import QueueSettings
from headpond.testing import ManualClock

GOOD = pack(Outcome(1, 1))


class Mill:
    """A queue with a job type for the work, and one for what follows it."""

    def __init__(self) -> None:
        """Declare them."""
        self.clock = ManualClock()
        self.store = MemoryQueueStore(self.clock)
        app = App("mill")
        app.bind(self.store)
        self.queue = app.queue("grain")

        @self.queue.job("grind")
        def grind(payload: Any) -> None: ...

        @self.queue.job("tell")
        def tell(payload: Any) -> None: ...

        @app.queue("flour").job("pack")
        def pack(payload: Any) -> None: ...

        self.grind: JobType = grind
        self.tell: JobType = tell
        self.pack: JobType = pack

    async def run_all(self) -> list[str]:
        """Run what waits; return the ids."""
        claims = (await self.store.exchange("grain", "w", [], 100)).claims
        ended = [Done(claim.id, claim.fence, GOOD, 1) for claim in claims]
        await self.store.exchange("grain", "w", ended, 0)
        return [claim.id for claim in claims]

    async def state(self, name: str) -> BatchState:
        """Return a batch, which must be there."""
        state = await self.queue.batch_status(name)
        assert state is not None
        return state


@pytest.fixture
async def mill() -> Mill:
    """Give an empty mill."""
    it = Mill()
    await it.store.configure("grain", QueueSettings())
    return it


async def test_a_batch_is_complete_when_its_jobs_have_ended(mill: Mill) -> None:
    """An id counts once, however often it is sent; then the callback is there, once."""
    await mill.grind.enqueue("bran", job_id="c")
    on_complete = mill.tell.call("all ground", job_id="tell-march")
    async with mill.queue.batch("march", total=3, on_complete=on_complete) as batch:
        await mill.grind.enqueue("rye", job_id="a", batch=batch)
        await mill.grind.enqueue_many(
            [
                mill.grind.call("oats", job_id="b", batch="march"),
                mill.grind.call("oats", job_id="b", batch=batch),
                mill.grind.call("bran", job_id="c", batch=batch),
            ]
        )
    state = await batch.status()
    assert state is not None
    assert (state.total, state.added, state.skipped, state.remaining) == (3, 2, 1, 2)
    assert await mill.run_all() == ["c", "a", "b"]
    state = await mill.state("march")
    assert (state.is_completed, state.completed) == (True, 2)
    assert await mill.run_all() == ["tell-march"]


async def test_a_batch_that_is_worked_on_is_opened_by_nobody_else(mill: Mill) -> None:
    """`open_batch` says so, `async with` raises; once the lock has run out it may be opened."""
    assert await mill.queue.open_batch("march", total=1, lock="1m")
    assert not await mill.queue.open_batch("march", total=1)
    with pytest.raises(BatchLocked, match="'march'"):
        async with mill.queue.batch("march", total=1):
            pass
    mill.clock.advance_ms(60_001)
    assert await mill.queue.open_batch("march", total=1)


async def test_unknown_batches_are_none(mill: Mill) -> None:
    """Never opened, or forgotten."""
    assert await mill.queue.batch_status("march") is None


@pytest.mark.parametrize(
    ("name", "options", "pointer"),
    [
        ("", {}, "/batch"),
        ("{march}", {}, "/batch"),
        (7, {}, "/batch"),
        ("march", {"total": -1}, "/batch/total"),
        ("march", {"total": 10_000_001}, "/batch/total"),
        ("march", {"total": 1.5}, "/total"),
        ("march", {"lock": -1}, "/lock"),
        ("march", {"keep": "2 moons"}, "/keep"),
        ("march", {"on_complete": "tell"}, "/on_complete"),
    ],
)
async def test_batches_that_make_no_sense_are_refused(
    mill: Mill, name: Any, options: dict[str, Any], pointer: str
) -> None:
    """By name, and nothing is opened."""
    with pytest.raises(PayloadInvalid) as caught:
        await mill.queue.open_batch(name, **{"total": 1, **options})
    assert caught.value.errors[0].pointer == pointer


async def test_a_callback_is_a_job_of_the_same_queue(mill: Mill) -> None:
    """Another queue's could not be enqueued in the same step."""
    with pytest.raises(PayloadInvalid) as caught:
        mill.queue.batch("march", total=1, on_complete=mill.pack.call("flour"))
    assert caught.value.errors[0].pointer == "/on_complete"
