"""What `headpond up` keeps in force in a Redis that is not its own, and may lose everything."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from headpond.app import App
from headpond.app.catalog import Catalog
from headpond.cli.up import steering
from headpond.cli.up.steering import Source, Steering
from headpond.clock import SystemClock
from headpond.redis import RedisQueueStore
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from redis_server import RedisServer

HELD = """\
apiVersion: headpond.dev/v1alpha1
kind: QueueConfig
metadata: {name: mail}
spec: {pause: Hold}
"""


@dataclass
class Bench:
    """Two queues, `mail` (held by its document) and `reports`, kept in force."""

    store: RedisQueueStore
    running: asyncio.Task[None]
    said: list[str] = field(default_factory=list)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steering, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(steering, "LOST_EVERY_S", 0.05)


@asynccontextmanager
async def bench(url: str, namespace: str, folder: Path) -> AsyncIterator[Bench]:
    """Run the steering."""
    app = App("office")
    app.queue("mail")
    app.queue("reports")
    (folder / "q.yaml").write_text(HELD)
    store = RedisQueueStore(url, namespace)
    said: list[str] = []
    source = Source(Catalog([app]), folder / "q.yaml", 2)
    kept = Steering(source, store, SystemClock(), said.append)
    await kept.apply()
    running = asyncio.create_task(kept.run())
    try:
        yield Bench(store, running, said)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await store.close()


async def test_a_store_that_was_emptied_is_configured_again(
    redis_server: RedisServer, redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """Settings and holds are back soon, and nobody has to restart anything."""
    async with bench(redis_url, namespace, tmp_path) as it:
        with redis_server.client() as client:
            client.flushall()

        async def healed() -> bool:
            samples = await it.store.sample(["mail", "reports"])
            return len(samples) == 2 and samples["mail"].is_held

        await until(healed)
        assert await it.store.queues() == ["mail", "reports"]


async def test_a_queue_that_can_t_be_configured_stops_no_other(
    redis_server: RedisServer, redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """It is said once, tried again, and the tree goes on."""
    async with bench(redis_url, namespace, tmp_path) as it:
        broken = it.store.client.key("mail", "meta")
        with redis_server.client() as client:
            client.pipeline().flushall().set(broken, "no hash").execute()
            await until(lambda: it.said)

            async def other() -> bool:
                return "reports" in await it.store.queues()

            await until(other)
            client.delete(broken)

        async def mended() -> bool:
            return await it.store.settings("mail") is not None

        await until(mended)
        assert not it.running.done()
        (sentence,) = it.said
        assert sentence.startswith("Queue 'mail' can't be configured now: Redis answered with")
