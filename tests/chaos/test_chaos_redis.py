"""Redis itself dies, hangs, is full or forgets its scripts, under load."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from history import Refused, Started, read

if TYPE_CHECKING:
    from chaos import Chaos, World


async def restarted(chaos: Chaos, number: signal.Signals) -> None:
    """End Redis by a signal, and start it again on the same data."""
    os.kill(chaos.server.pid, number)
    await asyncio.to_thread(chaos.server.stop)
    await chaos.pause(0.0, 0.5)
    await asyncio.to_thread(chaos.server.start)
    to_disk(chaos)


def to_disk(chaos: Chaos) -> None:
    """Let Redis answer only what is on the disk."""
    with chaos.server.client() as client:
        client.config_set("appendfsync", "always")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_redis_is_restarted(world: World, seconds: float, number: signal.Signals) -> None:
    """Each write is on the disk before its answer: nothing accepted is lost, whatever the end."""
    async with world.chaos(lease_ms=6_000) as chaos:
        to_disk(chaos)
        await chaos.staff(2)
        running = chaos.begin(chaos.load().run(seconds))
        for _ in range(2):
            await chaos.pause(0.4, seconds / 2)
            async with chaos.away():
                await restarted(chaos, number)
        await running
        await chaos.verdict(within_s=20)


async def test_redis_is_frozen_for_less_than_a_lease(world: World) -> None:
    """SIGSTOP for two seconds: nobody loses a job, and nobody starts one twice."""
    async with world.chaos(lease_ms=6_000) as chaos:
        await chaos.staff(2)
        running = chaos.begin(chaos.load().run(3.0))
        await chaos.pause(0.3, 0.6)
        os.kill(chaos.server.pid, signal.SIGSTOP)
        await asyncio.sleep(2.0)
        os.kill(chaos.server.pid, signal.SIGCONT)
        await running
        ending = await chaos.verdict()
        assert not any(job.crashes for job in ending.jobs)
        starts = [event for event in read(chaos.log.path) if isinstance(event, Started)]
        assert len(starts) == sum(job.attempts for job in ending.jobs)


async def test_redis_is_frozen_for_longer_than_a_lease(world: World) -> None:
    """All leases run out in its sleep: jobs run again, and each ends once nevertheless."""
    async with world.chaos(lease_ms=1_000) as chaos:
        await chaos.staff(2)
        running = chaos.begin(chaos.load().run(3.0))
        await chaos.pause(0.3, 0.6)
        async with chaos.away():
            os.kill(chaos.server.pid, signal.SIGSTOP)
            await asyncio.sleep(1.5)
            os.kill(chaos.server.pid, signal.SIGCONT)
        await running
        await chaos.verdict()


async def test_redis_is_full_for_a_while(world: World, seconds: float) -> None:
    """At maxmemory new jobs are refused, and not in; what runs can end; then all goes on."""
    async with world.chaos(lease_ms=6_000) as chaos:
        await chaos.staff(2)
        load = chaos.load()
        running = chaos.begin(load.run(seconds))
        with chaos.server.client() as client:
            await chaos.pause(0.3, 0.6)
            client.config_set("maxmemory", int(client.info("memory")["used_memory"]))
            await asyncio.sleep(min(1.5, seconds / 2))
            client.config_set("maxmemory", 0)
        await running
        ending = await chaos.verdict()
        assert not any(job.crashes for job in ending.jobs)
        assert any(isinstance(event, Refused) for event in read(chaos.log.path)), "it was not full"


async def test_redis_forgets_its_scripts_again_and_again(world: World, seconds: float) -> None:
    """SCRIPT FLUSH in a loop: they are loaded again, and nobody notices."""
    async with world.chaos(lease_ms=6_000) as chaos:
        await chaos.staff(2)
        running = chaos.begin(chaos.load().run(seconds))
        with chaos.server.client() as client:
            while not running.done():
                client.script_flush()
                await chaos.pause(0.02, 0.1)
        await running
        ending = await chaos.verdict()
        assert not any(job.crashes for job in ending.jobs)
