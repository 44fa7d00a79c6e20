"""The network to Redis fails: resets, lost replies, delays, half-open connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from history import Snapped, Started, read
from tcp_proxy import lease_for, through_proxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos import Chaos, World


async def raging(chaos: Chaos, seconds: float, fault: Callable[[], None]) -> None:
    """Load the mill and do it harm, over and over."""
    running = chaos.begin(chaos.load().run(seconds))
    while not running.done():
        await chaos.pause(0.05, 0.3)
        fault()
        chaos.log.tell(Snapped())
    await running


@pytest.mark.parametrize("kind", ["normal", "pubsub"])
async def test_redis_closes_connections(world: World, seconds: float, kind: str) -> None:
    """CLIENT KILL in a loop: what was under way is asked again, and happens once."""
    async with world.chaos(lease_ms=lease_for(seconds)) as chaos:
        await chaos.staff(2)
        with chaos.server.client() as client:

            def kill() -> None:
                client.execute_command("CLIENT", "KILL", "TYPE", kind)

            await raging(chaos, seconds, kill)
        await chaos.verdict()


async def test_replies_are_lost_after_their_commands_were_applied(
    world: World, seconds: float
) -> None:
    """The worst moment: the store has done it, and whoever asked doesn't know."""
    async with through_proxy(world, seconds) as (proxy, chaos):
        await raging(chaos, seconds, lambda: proxy.lose_replies(chaos.chance, 0.3))
        await chaos.verdict(within_s=seconds + 15)


async def test_the_network_goes_and_comes(world: World, seconds: float) -> None:
    """Resets, then nobody gets through for a moment, at any moment of a job's life."""
    async with through_proxy(world, seconds) as (proxy, chaos):

        def blink() -> None:
            proxy.refuses = not proxy.refuses
            proxy.cut_all()

        await raging(chaos, seconds, blink)
        proxy.refuses = False
        await chaos.verdict(within_s=seconds + 15)


async def test_slow_replies_change_nothing_but_the_pace(world: World, seconds: float) -> None:
    """Each reply 0 to 300 ms late: every job starts once per attempt, no lease is lost."""
    async with through_proxy(world, seconds) as (proxy, chaos):

        def slow() -> None:
            proxy.delay_s = chaos.chance.uniform(0, 0.3)

        await raging(chaos, seconds, slow)
        proxy.delay_s = 0
        ending = await chaos.verdict()
        assert not any(job.crashes for job in ending.jobs)
        starts = [event for event in read(chaos.log.path) if isinstance(event, Started)]
        assert len(starts) == sum(job.attempts for job in ending.jobs)


async def test_half_open_connections_are_given_up(world: World, seconds: float) -> None:
    """Connections that pass nothing any more look alive; who waits too long for a word leaves."""
    async with through_proxy(world, 3.0, "?socket_timeout=1") as (proxy, chaos):
        running = chaos.begin(chaos.load().run(min(seconds, 1.0)))
        await chaos.pause(0.3, 0.6)
        proxy.deafen(chaos.chance, 0.5)
        chaos.log.tell(Snapped())
        await running
        await chaos.verdict(within_s=30)
