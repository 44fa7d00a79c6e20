"""Connections that are cut, and a Redis that starts again: everything goes on by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from headpond.errors import StoreUnavailable
from headpond.jobs import Done, JobState
from headpond.queues import QueueSettings
from headpond.redis import RedisQueueStore
from redis_nodes import Server
from until import until
from verbs import BEAT, jobs, use

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from headpond.ports import LeaseKeeper


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Run a server at a Unix socket as well, which may be stopped."""
    options = {
        "bind": "127.0.0.1",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "always",
        "unixsocket": str(tmp_path / "redis.sock"),
    }
    server = Server(tmp_path / "data", options)
    server.start()
    yield server
    server.stop()


@pytest_asyncio.fixture(params=["port", "socket"])
async def store(
    request: pytest.FixtureRequest, server: Server, tmp_path: Path, namespace: str
) -> AsyncIterator[RedisQueueStore]:
    """Give a store at either of them."""
    url = f"redis://127.0.0.1:{server.port}"
    if request.param == "socket":
        url = f"unix://{tmp_path}/redis.sock"
    store = RedisQueueStore(url, namespace)
    yield store
    await store.close()


def cut(server: Server) -> None:
    """End every connection."""
    with server.client() as client:
        for kind in ("normal", "pubsub"):
            client.execute_command("CLIENT", "KILL", "TYPE", kind)


def restart(server: Server) -> None:
    """Let Redis start again: it has its data, and forgets its scripts."""
    server.stop()
    server.start()


def crash(server: Server) -> None:
    """Let it start again after SIGKILL."""
    server.kill()
    server.start()


async def test_everything_works_here_too(store: RedisQueueStore) -> None:
    """By a port as by a Unix socket."""
    await use(store, ["a", "b"])


@pytest.mark.parametrize("fault", [cut, restart, crash])
async def test_everything_goes_on(
    store: RedisQueueStore, server: Server, fault: Callable[[Server], None]
) -> None:
    """Enqueue, wait, exchange, leases, words to workers and wake-ups, each on its connection."""
    await store.configure("q", QueueSettings())
    await store.enqueue("q", jobs("a"))
    await store.wait("q", 5)
    (a,) = (await store.exchange("q", "w", [], 1)).claims
    keeper = store.leases("q", "w")
    await asyncio.to_thread(keeper.renew, BEAT, [(a.id, a.fence)])
    await asyncio.to_thread(keeper.hear, 0.01)
    woken: list[str] = []
    listening = asyncio.create_task(listen(store, woken))
    waiting = asyncio.create_task(store.wait("q", 5))
    await until(lambda: crossed(store, woken))

    await asyncio.to_thread(fault, server)

    await asyncio.wait({waiting})
    assert waiting.exception() is None or isinstance(waiting.exception(), StoreUnavailable)
    await until(lambda: renewed(keeper, (a.id, a.fence)))
    await until(lambda: heard(store, keeper))
    assert not (await store.exchange("q", "w", [Done(a.id, a.fence, b"", 1)], 0)).stale
    woken.clear()
    await until(lambda: crossed(store, woken))
    assert (await store.sample(["q"]))["q"].completed == 1
    listening.cancel()
    await asyncio.wait({listening})
    keeper.close()


async def listen(store: RedisQueueStore, woken: list[str]) -> None:
    """Note every wake-up."""
    async for queue in store.wakes():
        woken.append(queue)  # noqa: PERF401 (others look meanwhile)


async def crossed(store: RedisQueueStore, woken: list[str]) -> bool:
    """Cross the queue's mark; say whether it was ever heard."""
    try:
        await store.clear("q", [JobState.WAITING])
        await store.set_wake("q", 1)
        await store.enqueue("q", jobs("b"))
    except StoreUnavailable:
        return False
    return bool(woken)


async def renewed(keeper: LeaseKeeper, *held: tuple[str, str]) -> bool:
    """Say whether leases were renewed."""
    try:
        return not (await asyncio.to_thread(keeper.renew, BEAT, held)).lost  # type: ignore[arg-type]
    except StoreUnavailable:
        return False


async def heard(store: RedisQueueStore, keeper: LeaseKeeper) -> bool:
    """Say something to the queue's workers; say whether it was heard."""
    try:
        await asyncio.to_thread(keeper.hear, 0.01)
        await store.drain("q", ["nobody"])
        return await asyncio.to_thread(keeper.hear, 1)
    except StoreUnavailable:
        return False
