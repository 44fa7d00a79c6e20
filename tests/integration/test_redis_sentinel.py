"""Three sentinels, a primary and a replica: who leads is asked for, and asked again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from headpond.errors import HeadpondError, StoreUnavailable, StoreUnfit
from headpond.jobs import JobState
from headpond.queues import QueueSettings
from headpond.redis import RedisQueueStore
from logins import LOGIN, add_login
from mill import QUEUE, open_mill
from redis_nodes import MASTER, Watched, soon
from until import until
from verbs import BEAT, jobs, use

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from headpond.ports import LeaseKeeper


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Run them all."""
    watched = Watched(tmp_path_factory.mktemp("sentinel"))
    try:
        watched.start()
        yield watched
    finally:
        watched.stop()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Watched]:
    """Run others: after one failover the next has to wait."""
    watched = Watched(tmp_path)
    try:
        watched.start()
        yield watched
    finally:
        watched.stop()


@pytest_asyncio.fixture
async def store(watched: Watched, namespace: str) -> AsyncIterator[RedisQueueStore]:
    """Give a store that nobody has used."""
    store = RedisQueueStore(watched.url, namespace)
    yield store
    await store.close()
    with watched.primary().client() as client:
        client.flushall()


async def test_everything_works_at_the_primary(store: RedisQueueStore) -> None:
    """The sentinels' password and the primary's are two."""
    await use(store, ["a", "b"])


async def test_login_of_the_page_is_enough(watched: Watched, namespace: str) -> None:
    """The primary's role is asked for, too."""
    for server in watched.data:
        with server.client() as client:
            add_login(client, namespace)
    url = watched.url.replace("//:of%20redis@", f"//{LOGIN}@")
    store = RedisQueueStore(url, namespace)
    await use(store, ["a"])
    await store.close()


async def test_sentinels_that_are_away_are_passed_over(watched: Watched, namespace: str) -> None:
    """One that answers is enough, wherever it stands in the address."""
    away = watched.url.replace("127.0.0.1", "127.0.0.1:1,127.0.0.1", 1)
    store = RedisQueueStore(away, namespace)
    await store.ping()
    await store.close()


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (f"master={MASTER}", "master=others", "No sentinel says .* 'others' is"),
        ("sentinel_password=of%20sentinels", "", "sentinels refuse .* NOAUTH"),
        ("of%20redis@", "geheim@", "WRONGPASS"),
    ],
)
async def test_what_is_wrong_with_an_address_is_said(
    watched: Watched, right: str, wrong: str, said: str
) -> None:
    """Which of the two refuses, or that none knows the name."""
    store = RedisQueueStore(watched.url.replace(right, wrong))
    with pytest.raises((StoreUnavailable, StoreUnfit), match=said):
        await store.ping()
    await store.close()


async def test_primary_that_was_changed_is_followed(fresh: Watched, namespace: str) -> None:
    """An orderly change, with everything copied: the loop and the lease thread go along."""
    store = RedisQueueStore(fresh.url, namespace)
    await store.configure("q", QueueSettings())
    keeper = store.leases("q", "w")
    await asyncio.to_thread(keeper.renew, BEAT, [])
    fresh.replicated()
    await switch(fresh)
    for name in ("a", "b", "c"):
        await enqueued(store, name)
    await until(lambda: renewed(keeper))
    page = await store.page("q", JobState.WAITING, "", 10)
    assert [job.id for job in page.jobs] == ["a", "b", "c"]
    keeper.close()
    await store.close()


async def switch(watched: Watched) -> None:
    """Let the sentinels make the replica the primary; return when all of them say so."""
    old = watched.primary()
    with watched.sentinels[0].client() as sentinel:
        soon(lambda: sentinel.execute_command("SENTINEL", "FAILOVER", MASTER))
    await followed(watched, old.port)


async def followed(watched: Watched, old: int) -> None:
    """Return when every sentinel names another primary than the old one."""

    def named() -> set[int]:
        ports = set()
        for sentinel in watched.sentinels:
            with sentinel.client() as client:
                ports.add(client.sentinel_get_master_addr_by_name(MASTER)[1])
        return ports

    await until(lambda: old not in named())


async def enqueued(store: RedisQueueStore, name: str) -> None:
    """Enqueue a job, again while Redis is away."""

    async def added() -> bool:
        try:
            await store.enqueue("q", jobs(name))
        except StoreUnavailable:
            return False
        return True

    await until(added)


async def renewed(keeper: LeaseKeeper) -> bool:
    """Say whether a lease was renewed."""
    try:
        await asyncio.to_thread(keeper.renew, BEAT, [])
    except StoreUnavailable:
        return False
    return True


async def test_workers_go_on_after_the_primary_is_killed(
    fresh: Watched, tmp_path: Path, namespace: str
) -> None:
    """What was accepted and copied is there, and runs; the worker finds the new primary."""
    async with open_mill(fresh.url, namespace, tmp_path) as mill:
        (worker,) = await mill.start()
        before = await mill.send("grind", 20, seconds=0.01)
        await mill.over(*before)
        waiting = await mill.send("grind", 5, seconds=0)
        fresh.replicated()
        old = fresh.primary()
        old.kill()
        await followed(fresh, old.port)
        after: list[str] = []

        async def accepted() -> bool:
            try:
                after.extend(await mill.send("grind", 5))
            except HeadpondError:
                return False
            return True

        await until(accepted)
        ended = await mill.over(*before, *waiting, *after)
        assert {job.state for job in ended} == {JobState.COMPLETED}, ended
        assert worker.runs
        sample = (await mill.store.sample([QUEUE]))[QUEUE]
        assert [seen.id for seen in sample.workers] == [worker.id]
