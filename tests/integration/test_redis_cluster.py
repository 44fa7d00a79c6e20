"""A Redis Cluster of three primaries: queues live on different nodes, and move."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from headpond.errors import HeadpondError, StoreUnavailable, StoreUnfit
from headpond.jobs import Done, JobId, JobState
from headpond.queues import QueueSettings
from headpond.redis import RedisQueueStore
from headpond.redis.cluster import LOOK_S
from headpond.redis.keys import queue_key
from logins import LOGIN, add_login
from mill import QUEUE, open_mill
from redis_nodes import Clustered, soon
from until import until
from verbs import BEAT, jobs, use

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from redis_nodes import Server
    from redis_server import RedisServer

NAMES = [f"q{at}" for at in range(20)]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clustered]:
    """Run three primaries, the first of which has a replica."""
    cluster = Clustered(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start(replicas=1)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def cluster(started: Clustered, namespace: str) -> Iterator[Clustered]:
    """Give it empty; afterwards every key must belong to the test's namespace."""
    yield started
    strangers = [
        key for key in started.clear() if not key.startswith((f"{namespace}:", f"{{{namespace}:"))
    ]
    assert not strangers, f"keys outside the namespace {namespace}: {strangers}"


@pytest_asyncio.fixture
async def store(cluster: Clustered, namespace: str) -> AsyncIterator[RedisQueueStore]:
    """Give a store that nobody has used."""
    store = RedisQueueStore(cluster.url, namespace)
    yield store
    await store.close()


def spread(store: RedisQueueStore, cluster: Clustered) -> dict[int, str]:
    """Return a queue of each primary, by its position."""
    return {cluster.nodes.index(cluster.node_of(store.client.key(q, "jobs"))): q for q in NAMES}


async def test_everything_works_with_queues_on_every_node(
    store: RedisQueueStore, cluster: Clustered
) -> None:
    """Whatever a queue's node is, and whichever one the store begins with."""
    queues = spread(store, cluster)
    assert len(queues) == 3
    await use(store, list(queues.values()))


async def test_login_of_the_page_is_enough(cluster: Clustered, namespace: str) -> None:
    """It may ask who serves what, and speak and listen everywhere."""
    for node in cluster.nodes:
        with node.client() as client:
            add_login(client, namespace)
    store = RedisQueueStore(cluster.url.replace("//", f"//{LOGIN}@"), namespace)
    await use(store, list(spread(store, cluster).values()))
    await store.close()


async def test_scripts_that_one_node_forgot_are_loaded_again(
    store: RedisQueueStore, cluster: Clustered
) -> None:
    """Reports and claims of one write run once each; so does a renewal."""
    queue = spread(store, cluster)[1]
    await store.configure(queue, QueueSettings())
    await store.enqueue(queue, jobs("a", "b"))
    (a,) = (await store.exchange(queue, "w", [], 1)).claims
    keeper = store.leases(queue, "w")
    for node in cluster.nodes:
        with node.client() as client:
            client.script_flush()
    await asyncio.to_thread(keeper.renew, BEAT, [(a.id, a.fence)])
    with cluster.nodes[1].client() as client:
        client.script_flush()
    answer = await store.exchange(queue, "w", [Done(a.id, a.fence, b"", 1)], 1)
    assert (answer.stale, [claim.id for claim in answer.claims]) == ((), ["b"])
    keeper.close()


async def test_queue_moves_to_another_node_while_it_is_used(
    store: RedisQueueStore, cluster: Clustered
) -> None:
    """What is asked meanwhile is answered or refused, and nothing is lost or done twice."""
    queue = spread(store, cluster)[1]
    await store.configure(queue, QueueSettings())
    keeper = store.leases(queue, "w")
    added = [str(at) for at in range(300)]
    for at in range(0, 300, 10):
        await store.enqueue(queue, jobs(*added[at : at + 10]))
    (first,) = (await store.exchange(queue, "w", [], 1)).claims
    await asyncio.to_thread(keeper.renew, BEAT, [(first.id, first.fence)])
    waiting = asyncio.create_task(store.wait(queue, 5))
    refused = 0
    for _ in move(store, cluster, queue, 1, 2):
        try:
            await store.enqueue(queue, jobs(f"x{len(added)}"))
            added.append(f"x{len(added)}")
        except StoreUnavailable:
            refused += 1
    await asyncio.wait({waiting}, timeout=10)
    lost = (await asyncio.to_thread(keeper.renew, BEAT, [(first.id, first.fence)])).lost
    assert not lost
    keeper.close()
    done = [Done(first.id, first.fence, b"", 1)]
    claims = (await store.exchange(queue, "w", done, 1000)).claims
    assert sorted([first.id, *(claim.id for claim in claims)]) == sorted(added)
    await store.enqueue(queue, jobs("late"))
    await store.wait(queue, 5)
    for _ in move(store, cluster, queue, 2, 1):
        pass
    ended = [Done(claim.id, claim.fence, b"", 1) for claim in claims]
    answer = await store.exchange(queue, "w", ended, 1)
    assert (answer.stale, [claim.id for claim in answer.claims]) == ((), ["late"])


def move(
    store: RedisQueueStore, cluster: Clustered, queue: str, source: int, target: int
) -> Iterator[None]:
    """Move a queue's slot as redis-cli does, and pause after each step."""
    here, there = cluster.nodes[source], cluster.nodes[target]
    with here.client() as giving, there.client() as taking:
        key = store.client.key(queue, "jobs")
        slot = giving.execute_command("CLUSTER", "KEYSLOT", key)
        names = cluster.id(here), cluster.id(there)
        taking.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", names[0])
        giving.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", names[1])
        yield
        while keys := giving.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 4):
            giving.migrate("127.0.0.1", there.port, keys, 0, 5000)
            yield
        for client in (taking, giving):
            client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", names[1])
            yield


async def test_single_commands_follow_a_queue_on_its_way(
    store: RedisQueueStore, cluster: Clustered
) -> None:
    """While a slot moves, what has gone is asked for at the node to which it went (ASK)."""
    queue = spread(store, cluster)[2]
    await store.configure(queue, QueueSettings())
    key = store.client.key(queue, "decisions")
    await store.record(queue, "{}")
    for _ in move(store, cluster, queue, 2, 1):
        assert await store.client.command(("LRANGE", key, 0, 0)) == [b"{}"]
    for _ in move(store, cluster, queue, 1, 2):
        pass


async def test_node_that_is_away_hides_its_own_queues_alone(
    store: RedisQueueStore, cluster: Clustered
) -> None:
    """The others are sampled, ticked and worked on; it comes back by itself."""
    queues = spread(store, cluster)
    for queue in queues.values():
        await store.configure(queue, QueueSettings())
        await store.enqueue(queue, jobs("a"))
    cluster.nodes[1].kill()
    try:
        rest = {queues[0], queues[2]}
        async with asyncio.timeout(10):
            for look in (store.sample, store.tick, store.sample):
                assert set(await look(list(queues.values()))) == rest
            with pytest.raises(StoreUnavailable):
                await store.sample([queues[1]])
            with pytest.raises(StoreUnavailable):
                await store.enqueue(queues[1], jobs("b"))
            await store.enqueue(queues[2], jobs("b"))
            await store.ping()
    finally:
        cluster.nodes[1].start()

    async def all_known() -> bool:
        return set(await store.sample(list(queues.values()))) == set(queues.values())

    await until(all_known)
    cluster.settled()
    assert (await store.sample([queues[1]]))[queues[1]].waiting == 1


async def test_node_that_is_frozen_hides_its_own_queues_alone(
    store: RedisQueueStore, cluster: Clustered
) -> None:
    """It accepts connections and answers nothing; nobody waits for it for long."""
    queues = spread(store, cluster)
    for queue in queues.values():
        await store.configure(queue, QueueSettings())
    cluster.nodes[2].send(signal.SIGSTOP)
    try:
        for look in (store.sample, store.tick):
            async with asyncio.timeout(LOOK_S + 2):
                assert set(await look(list(queues.values()))) == {queues[0], queues[1]}
    finally:
        cluster.nodes[2].send(signal.SIGCONT)

    async def all_known() -> bool:
        return set(await store.sample(list(queues.values()))) == set(queues.values())

    await until(all_known)
    cluster.settled()


async def test_replica_takes_over_from_its_primary(
    store: RedisQueueStore, cluster: Clustered
) -> None:
    """Whoever holds the queue next is found by the loop, the lease thread and the waits."""
    queue = spread(store, cluster)[0]
    await store.configure(queue, QueueSettings())
    await store.enqueue(queue, jobs("a", "b"))
    keeper = store.leases(queue, "w")
    (a,) = (await store.exchange(queue, "w", [], 1)).claims
    await asyncio.to_thread(keeper.renew, BEAT, [(a.id, a.fence)])
    with cluster.nodes[0].client() as client:
        assert client.wait(1, 10_000) == 1
    hearing = asyncio.create_task(heard_again(store, queue))
    cluster.nodes[0].kill()
    try:

        async def finished() -> bool:
            try:
                answer = await store.exchange(queue, "w", [Done(a.id, a.fence, b"", 1)], 1)
            except StoreUnavailable:
                return False
            return [claim.id for claim in answer.claims] == ["b"]

        async def renewed() -> bool:
            try:
                return not (await asyncio.to_thread(keeper.renew, BEAT, [])).lost
            except StoreUnavailable:
                return False

        await until(finished)
        await until(renewed)
        assert await hearing
    finally:
        keeper.close()
        cluster.nodes[0].start()
        give_back(cluster.nodes[0], cluster.nodes[3])


async def test_workers_go_on_after_their_node_is_killed(cluster: Clustered, tmp_path: Path) -> None:
    """What was accepted and copied runs at the replica, without a restart of anything."""
    names = (f"t{at}" for at in range(1000))
    namespace = next(
        name
        for name in names
        if cluster.node_of(queue_key(name, QUEUE, "jobs")) is cluster.nodes[0]
    )
    async with open_mill(cluster.url, namespace, tmp_path) as mill:
        (worker,) = await mill.start()
        waiting = await mill.send("grind", 20, seconds=0.02)
        with cluster.nodes[0].client() as client:
            assert client.wait(1, 10_000) == 1
        cluster.nodes[0].kill()
        try:
            after: list[str] = []

            async def accepted() -> bool:
                try:
                    after.extend(await mill.send("grind", 5))
                except StoreUnavailable:
                    return False
                return True

            await until(accepted)
            ended = await mill.over(*waiting, *after)
        finally:
            cluster.nodes[0].start()
            give_back(cluster.nodes[0], cluster.nodes[3])
        assert {job.state for job in ended} == {JobState.COMPLETED}
        assert worker.runs
    cluster.clear()


async def heard_again(store: RedisQueueStore, queue: str) -> str:
    """Cross the queue's mark until it is heard, whatever happens to its node."""

    async def cross() -> None:
        while True:
            try:
                await store.set_wake(queue, 1)
                await store.enqueue(queue, jobs(f"{asyncio.get_running_loop().time()}"))
            except HeadpondError:
                pass
            await asyncio.sleep(0.1)

    crossing = asyncio.create_task(cross())
    try:
        async for word in store.wakes():
            return word
    finally:
        crossing.cancel()
    return ""


def give_back(first: Server, replica: Server) -> None:
    """Make the first node the primary again."""
    with first.client() as client, replica.client() as other:
        soon(lambda: client.info("replication").get("master_link_status") == "up")
        client.execute_command("CLUSTER", "FAILOVER")
        soon(lambda: other.info("replication").get("master_link_status") == "up")


async def test_address_of_another_kind_is_said(
    cluster: Clustered, redis_server: RedisServer, redis_url: str, namespace: str
) -> None:
    """A node taken for all, and one Redis taken for a cluster: each is told what to write."""
    plain = RedisQueueStore(f"redis://127.0.0.1:{cluster.nodes[0].port}", namespace)
    everywhere = [("GET", f"{namespace}:{at}") for at in range(20)]
    with pytest.raises(StoreUnfit, match=r"redis\+cluster://"):
        await plain.client.pipeline(everywhere)
    await plain.close()
    other = RedisQueueStore(redis_url.replace("redis:", "redis+cluster:"), namespace)
    with pytest.raises(StoreUnfit, match="no Redis Cluster"):
        await other.read("q", [JobId("a")])
    await other.close()
