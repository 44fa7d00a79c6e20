"""Workers are killed, frozen and replaced under load; the history of it is checked."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

from headpond.jobs import JobState
from history import Ended, Started, read
from until import until

if TYPE_CHECKING:
    from chaos import World


async def test_workers_are_killed_in_mid_job_again_and_again(world: World, seconds: float) -> None:
    """SIGKILL of one of three, and a new one in its place: nothing is lost, nothing ends twice."""
    async with world.chaos() as chaos:
        await chaos.staff(3)
        load = chaos.load()
        running = chaos.begin(load.run(seconds))
        while not running.done():
            await chaos.pause(0.2, 0.7)
            chaos.kill(chaos.chance.choice(chaos.alive))
            await chaos.staff(3)
        await running
        ending = await chaos.verdict()
        assert len(ending.jobs) == len(load.ids)
        assert sum(job.crashes for job in ending.jobs) > 0, "no job was hit"


async def test_workers_are_frozen_past_their_leases(world: World, seconds: float) -> None:
    """SIGSTOP past the lease, then SIGCONT: each late report is stale, counted, changes nothing."""
    async with world.chaos(lease_ms=1_000) as chaos:
        await chaos.staff(3)
        running = chaos.begin(chaos.load().run(seconds))
        while not running.done():
            await chaos.pause(0.1, 0.4)
            victim = chaos.chance.choice(chaos.alive)
            chaos.freeze(victim)
            await chaos.pause(0.2, 2.0)
            chaos.thaw(victim)
        await running
        await chaos.verdict()


async def test_the_late_end_of_a_frozen_worker_is_stale_and_counted(world: World) -> None:
    """The same, looked at closely: the job ended elsewhere; its result stays as it is."""
    async with world.chaos(lease_ms=1_000) as chaos:
        (frozen,) = await chaos.staff(1)
        (job_id,) = await chaos.mill.send("toil", seconds=0.8)
        await chaos.mill.told("start")
        chaos.freeze(frozen)
        (other,) = await chaos.staff(1)
        (job,) = await chaos.mill.ended(job_id)
        assert (await chaos.mill.sample()).stale_total == 0
        chaos.thaw(frozen)

        async def is_counted() -> bool:
            return (await chaos.mill.sample()).stale_total == 1

        await until(is_counted)
        assert await chaos.mill.job(job_id) == job
        assert job.state is JobState.COMPLETED
        assert (job.attempts, job.crashes) == (1, 1)
        starts = [event for event in read(chaos.log.path) if isinstance(event, Started)]
        assert [start.worker for start in starts] == [frozen.id, other.id]


async def test_rolling_restarts_under_load_interrupt_nothing(world: World, seconds: float) -> None:
    """SIGTERM of all workers in turn, with grace: each job runs once, and no crash is counted."""
    async with world.chaos(lease_ms=15_000) as chaos:
        await chaos.staff(3)
        running = chaos.begin(chaos.load().run(seconds))
        while not running.done():
            await chaos.pause(0.0, 0.3)
            leaving = chaos.chance.sample(chaos.alive, chaos.chance.randint(1, 2))
            dismissed = chaos.begin(chaos.dismiss(*leaving))
            await asyncio.sleep(0)
            await chaos.staff(3)
            await dismissed
        await running
        ending = await chaos.verdict()
        assert not any(job.crashes for job in ending.jobs)
        assert ending.sample.stale_total == 0
        ends = [event for event in read(chaos.log.path) if isinstance(event, Ended)]
        assert sum(job.attempts for job in ending.jobs) == len(ends)


async def test_a_storm_of_sigterm_without_grace_loses_nothing(world: World, seconds: float) -> None:
    """Jobs that outlast the grace go back, no attempt counted, and run elsewhere at once."""
    async with world.chaos(lease_ms=15_000) as chaos:
        await chaos.staff(3, "--grace", "0.05")
        running = chaos.begin(chaos.load().run(seconds))
        while not running.done():
            await chaos.pause(0.0, 0.3)
            leaving = chaos.chance.sample(chaos.alive, 2)
            dismissed = chaos.begin(chaos.dismiss(*leaving))
            await asyncio.sleep(0)
            for worker in leaving:
                worker.send(signal.SIGTERM)  # once more: whoever stops things may be impatient
            await dismissed
            await chaos.staff(3, "--grace", "0.05")
        await running
        ending = await chaos.verdict()
        assert not any(job.crashes for job in ending.jobs)


async def test_a_job_of_a_killed_worker_is_rerun_within_the_real_lease(world: World) -> None:
    """An idle queue, the lease as it is in production: rerun within 15 s and a tick."""
    async with world.chaos(lease_ms=15_000, max_deliveries=3) as chaos:
        (first,) = await chaos.staff(1)
        (job_id,) = await chaos.mill.send("toil", seconds=25)
        await chaos.mill.told("start")
        (second,) = await chaos.staff(2)
        chaos.kill(first)
        killed = time.time()
        start = (await chaos.mill.told("start", 2))[1]
        assert (start["id"], start["worker"]) == (job_id, second.id)
        assert start["at"] - killed < 15 + 1
