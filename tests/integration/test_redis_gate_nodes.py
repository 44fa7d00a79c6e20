"""The start-up gate where Redis is several servers: each primary is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headpond.errors import StoreUnfit
from headpond.redis import RedisQueueStore
from redis_nodes import SLOTS, Clustered, Watched, soon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from redis_nodes import Server


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clustered]:
    """Run three primaries."""
    made = Clustered(tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


def is_whole(node: Server) -> bool:
    """Say whether a node sees all slots served."""
    with node.client() as client:
        said = client.execute_command("CLUSTER INFO")
        return (said["cluster_state"], said["cluster_slots_ok"]) == ("ok", str(SLOTS))


async def pass_gate(url: str, namespace: str) -> None:
    """Start a store and close it."""
    store = RedisQueueStore(url, namespace)
    try:
        await store.start()
    finally:
        await store.close()


async def test_a_sound_cluster_passes(
    cluster: Clustered, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With nothing to say, and nothing left of the trial on any node."""
    await pass_gate(cluster.url, namespace)
    assert caplog.messages == []
    assert cluster.clear() == []


async def test_one_node_that_may_evict_is_named(cluster: Clustered, namespace: str) -> None:
    """Its queues would lose jobs, and nobody knows which queues will be its own."""
    node = cluster.nodes[1]
    with node.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            with pytest.raises(StoreUnfit, match=rf"^127.0.0.1:{node.port}: Redis may evict jobs"):
                await pass_gate(cluster.url, namespace)
        finally:
            client.config_set("maxmemory-policy", "noeviction")


async def test_a_node_must_be_called_one_of_a_cluster(cluster: Clustered, namespace: str) -> None:
    """With the address of a single server two thirds of the queues would fail."""
    url = f"redis://127.0.0.1:{cluster.nodes[0].port}/0"
    with pytest.raises(StoreUnfit, match=r"is a node of a Cluster: write redis\+cluster://"):
        await pass_gate(url, namespace)


async def test_a_node_that_is_away_keeps_nobody_from_starting(
    cluster: Clustered, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The queues on the others are served all the same."""
    node = cluster.nodes[2]
    node.kill()
    try:
        await pass_gate(cluster.url, namespace)
    finally:
        node.start()
        soon(lambda: all(is_whole(each) for each in cluster.nodes))
    assert f"Redis at 127.0.0.1:{node.port} can't be reached" in caplog.text


async def test_the_primary_that_sentinels_name_is_looked_at(
    tmp_path: Path, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """By the address of the sentinels."""
    watched = Watched(tmp_path)
    try:
        watched.start()
        await pass_gate(watched.url, namespace)
        assert caplog.messages == []
        with watched.primary().client() as client:
            client.config_set("maxmemory-policy", "volatile-ttl")
        with pytest.raises(StoreUnfit, match="'volatile-ttl'"):
            await pass_gate(watched.url, namespace)
    finally:
        watched.stop()
