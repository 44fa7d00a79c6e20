"""Everything that can happen happens, in an order that chance decides."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from headpond.errors import StoreUnavailable
from headpond.queues import Hold
from history import Snapped
from mill import QUEUE
from tcp_proxy import TcpProxy
from until import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chaos import Chaos, World

STAFF = 3


async def test_everything_at_random(world: World, seconds: float) -> None:
    """Kills, freezes, restarts, cuts, losses and holds, some at once: the history is in order."""
    async with (
        TcpProxy(world.server.port).open() as proxy,
        world.chaos(lease_ms=5_000, worker_url=proxy.url) as chaos,
    ):
        storm = Storm(chaos, proxy)
        storm.write_to_disk()
        await chaos.staff(STAFF)
        running = chaos.begin(chaos.load().run(seconds))
        while not running.done():
            await chaos.pause(0.05, 0.4)
            chaos.log.tell(Snapped())
            await chaos.chance.choice(storm.faults)()
        await storm.ends()
        await running
        await chaos.verdict(within_s=20)


class Storm:
    """What may be done to a mill; all of it passes."""

    def __init__(self, chaos: Chaos, proxy: TcpProxy) -> None:
        """Name the faults, the frequent ones more than once."""
        self._chaos = chaos
        self._proxy = proxy
        self.faults: list[Callable[[], Awaitable[None]]] = [
            *(self.kill, self.kill, self.freeze, self.freeze, self.thaw, self.dismiss),
            *(self.cut, self.cut, self.lose, self.lose, self.slow, self.flush),
            *(self.hold, self.resume, self.restart_redis, self.freeze_redis),
        ]

    async def ends(self) -> None:
        """Let everything be well again."""
        while self._chaos.frozen:
            await self.thaw()
        self._proxy.delay_s = 0
        await until(self._resumed)
        await self._chaos.staff(STAFF)

    def write_to_disk(self) -> None:
        """Let Redis answer only what is on the disk."""
        with self._chaos.server.client() as client:
            client.config_set("appendfsync", "always")

    # ── workers ──

    async def kill(self) -> None:
        """SIGKILL; another comes."""
        if self._chaos.alive:
            self._chaos.kill(self._chaos.chance.choice(self._chaos.alive))
        await self._chaos.staff(STAFF)

    async def freeze(self) -> None:
        """SIGSTOP, until chance or the end lets it go on; another takes its place."""
        if self._chaos.alive:
            self._chaos.freeze(self._chaos.chance.choice(self._chaos.alive))
        await self._chaos.staff(STAFF)

    async def thaw(self) -> None:
        """SIGCONT of one of the frozen."""
        if self._chaos.frozen:
            self._chaos.thaw(self._chaos.chance.choice(self._chaos.frozen))

    async def dismiss(self) -> None:
        """SIGTERM; another comes."""
        if self._chaos.alive:
            await self._chaos.dismiss(self._chaos.chance.choice(self._chaos.alive))
        await self._chaos.staff(STAFF)

    # ── the network ──

    async def cut(self) -> None:
        """Reset every connection."""
        self._proxy.cut_all()

    async def lose(self) -> None:
        """Lose replies."""
        self._proxy.lose_replies(self._chaos.chance, 0.5)

    async def slow(self) -> None:
        """Delay replies, or no more."""
        self._proxy.delay_s = self._chaos.chance.choice([0, 0, 0.02, 0.1])

    # ── Redis ──

    async def flush(self) -> None:
        """Make it forget the scripts."""
        with self._chaos.server.client() as client:
            client.script_flush()

    async def hold(self) -> None:
        """Hold the queue."""
        with suppress(StoreUnavailable):
            await self._chaos.mill.store.hold(QUEUE, Hold("runtime", "chance", "a test", 0))

    async def resume(self) -> None:
        """Let jobs start again."""
        await self._resumed()

    async def _resumed(self) -> bool:
        try:
            await self._chaos.mill.store.resume(QUEUE, "runtime")
        except StoreUnavailable:
            return False
        return True

    async def restart_redis(self) -> None:
        """Kill it, and start it again."""
        async with self._chaos.away():
            os.kill(self._chaos.server.pid, signal.SIGKILL)
            await asyncio.to_thread(self._chaos.server.stop)
            await self._chaos.pause(0.0, 0.3)
            await asyncio.to_thread(self._chaos.server.start)
            self.write_to_disk()

    async def freeze_redis(self) -> None:
        """Let it sleep for a moment."""
        async with self._chaos.away():
            os.kill(self._chaos.server.pid, signal.SIGSTOP)
            await self._chaos.pause(0.1, 1.0)
            os.kill(self._chaos.server.pid, signal.SIGCONT)
