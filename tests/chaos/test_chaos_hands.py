"""People cancel, fail, retry, move and hold, while workers claim, run, crash and report."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from headpond.jobs import JobId, JobState
from headpond.queues import Hold
from history import Asked, Started, read
from mill import QUEUE

if TYPE_CHECKING:
    from chaos import Chaos, World
    from chaos_load import Load


class Hand:
    """Somebody who does something to one job after the other, and writes down the answers."""

    def __init__(self, chaos: Chaos, load: Load) -> None:
        """Reach for the jobs of a producer."""
        self._chaos = chaos
        self._load = load
        self._store = chaos.mill.store

    async def acts(self) -> None:
        """Do anything to a job, most likely to one of the newest."""
        chance, ids = self._chaos.chance, self._load.ids
        if not ids:
            return
        job = JobId(chance.choice(ids[-40:]))
        verb = chance.choice(["cancel", "cancel", "fail", "retry", "retry", "amend"])
        since = time.time()
        if verb == "amend":
            priority, due_ms = chance.choice([None, 0, 9]), chance.choice([None, 0, 0])
            await self._store.amend(QUEUE, job, priority=priority, due_ms=due_ms)
            return
        if verb == "retry":
            (state,) = await self._store.retry(QUEUE, [job])
            answer = f"{state}"
        else:
            (said,) = await self._store.cancel(QUEUE, [job], fail=verb == "fail")
            answer = f"{said}"
        self._chaos.log.tell(Asked(id=job, verb=verb, answer=answer, since=since))


async def test_jobs_are_cancelled_and_retried_while_they_are_claimed(
    world: World, seconds: float
) -> None:
    """Every answer agrees with what happened, with workers killed beside it."""
    async with world.chaos(lease_ms=1_500) as chaos:
        await chaos.staff(3)
        load = chaos.load()
        hand = Hand(chaos, load)
        running = chaos.begin(load.run(seconds))
        while not running.done():
            for _ in range(20):
                await hand.acts()
                await chaos.pause(0, 0.02)
            chaos.kill(chaos.chance.choice(chaos.alive))
            await chaos.staff(3)
        await running
        ending = await chaos.verdict()
        assert {job.state for job in ending.jobs} >= {JobState.COMPLETED, JobState.CANCELLED}


async def test_nothing_starts_while_the_queue_is_held(world: World, seconds: float) -> None:
    """Hold and resume in a loop under load: no claim begins inside a hold."""
    async with world.chaos(lease_ms=6_000) as chaos:
        await chaos.staff(3)
        running = chaos.begin(chaos.load().run(seconds))
        holds: list[tuple[float, float]] = []
        while not running.done():
            await chaos.mill.store.hold(QUEUE, Hold("runtime", "chance", "a test", 0))
            since = time.time()
            await chaos.pause(0.1, 0.4)
            holds.append((since, time.time()))
            await chaos.mill.store.resume(QUEUE, "runtime")
            await chaos.pause(0.0, 0.3)
        await running
        await chaos.verdict()
        ahead_s = 0.15  # what was claimed before the hold starts within 100 ms, or goes back
        for event in read(chaos.log.path):
            if isinstance(event, Started):
                assert not any(since + ahead_s < event.at < until for since, until in holds)
