"""The same load and the same losses where Redis has sentinels, is a cluster, or is behind TLS."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from certificates import Certificates
from chaos import World
from logins import LOGIN, add_login
from redis_nodes import Clustered, Server, Watched, soon
from redis_server import RedisServer
from until import until

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

    from chaos import Chaos
    from nursery import Nursery


@pytest.fixture
def world(chance: random.Random, tmp_path: Path, namespace: str, nursery: Nursery) -> World:
    """Give chance and workers; Redis is elsewhere."""
    return World(RedisServer(tmp_path), chance, tmp_path, namespace, nursery)


async def raging(chaos: Chaos, running: asyncio.Task[None]) -> None:
    """Kill workers in mid-job for as long as there is load."""
    while not running.done():
        await chaos.pause(0.2, 0.7)
        chaos.kill(chaos.chance.choice(chaos.alive))
        await chaos.staff(2)
    await running


# ── sentinels ──


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Run a primary, a replica and three sentinels."""
    watched = Watched(tmp_path / "sentinels")
    watched.dir.mkdir()
    try:
        watched.start()
        for server in watched.data:
            with server.client() as client:  # by itself a replica may wait five seconds for others
                client.config_set("repl-diskless-sync-delay", 0)
        watched.replicated()
        yield watched
    finally:
        watched.stop()


async def test_a_failover_loses_nothing_that_was_replicated(
    world: World, watched: Watched, seconds: float
) -> None:
    """SIGKILL of the primary: what a replica had confirmed is there, and all of it ends."""
    terms = {"durability": "replicated", "lease_ms": 3_000}
    async with world.chaos(worker_url=watched.url, **terms) as chaos:
        chaos.is_forgetful = True
        await chaos.staff(2)
        load = chaos.load()
        load.is_durable = True
        running = chaos.begin(load.run(seconds))
        rage = chaos.begin(raging(chaos, running))
        await chaos.pause(0.5, seconds / 2)
        lost = await asyncio.to_thread(watched.primary)
        async with chaos.away():
            await asyncio.to_thread(lost.kill)
            await until(lambda: watched.primary() is not lost)
        # The sentinels would make it a replica some seconds later: nothing is confirmed until then.
        new = f"127.0.0.1 {watched.primary().port}"
        lost.options = {**lost.options, "replicaof": new}
        await asyncio.to_thread(lost.start)
        await rage
        await chaos.verdict(within_s=20)


# ── a cluster ──


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Clustered]:
    """Run three primaries."""
    cluster = Clustered(tmp_path / "cluster")
    cluster.dir.mkdir()
    try:
        cluster.start()
        soon(lambda: all(map(is_up, cluster.nodes)))
        yield cluster
    finally:
        cluster.stop()


def is_up(node: Server) -> bool:
    """Say whether a node takes commands for its slots."""
    with node.client() as client:
        return bool(client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")


async def test_workers_are_killed_on_a_cluster(
    world: World, cluster: Clustered, seconds: float
) -> None:
    """Three primaries, of which the queue's is restarted as well."""
    async with world.chaos(worker_url=cluster.url, lease_ms=3_000) as chaos:
        own = cluster.node_of(chaos.mill.store.client.key("mill", "jobs"))
        with own.client() as client:
            client.config_set("appendfsync", "always")
        await chaos.staff(2)
        running = chaos.begin(chaos.load().run(seconds))
        rage = chaos.begin(raging(chaos, running))
        await chaos.pause(0.5, seconds / 2)
        async with chaos.away():
            await asyncio.to_thread(own.kill)
            await asyncio.to_thread(own.start)
            await asyncio.to_thread(soon, lambda: all(map(is_up, cluster.nodes)))
        await rage
        await chaos.verdict(within_s=20)


# ── TLS ──


@pytest.fixture
def guarded(tmp_path: Path, namespace: str) -> Iterator[tuple[Server, str]]:
    """Run a server behind TLS, with a login of just the rights it needs; give its address."""
    made = Certificates(tmp_path / "certificates")
    made.dir.mkdir()
    made.make()
    options = {
        "port": "0",
        "bind": "127.0.0.1",
        "save": "",
        "tls-cert-file": made.file("server.crt"),
        "tls-key-file": made.file("server.key"),
        "tls-ca-cert-file": made.file("ca.crt"),
        "tls-auth-clients": "yes",
    }
    own = {"ssl_certfile": made.file("client.crt"), "ssl_keyfile": made.file("client.key")}
    login = {"ssl": True, "ssl_cert_reqs": "none", **own}
    server = Server(tmp_path / "tls", options, login=login)
    server.options = {**options, "tls-port": str(server.port)}
    try:
        server.start()
        with server.client() as client:
            add_login(client, namespace)
        query = "&".join(
            f"{k}={v}" for k, v in {"ssl_ca_certs": made.file("ca.crt"), **own}.items()
        )
        yield server, f"rediss://{LOGIN}@127.0.0.1:{server.port}/0?{query}"
    finally:
        server.stop()


async def test_workers_are_killed_behind_tls_and_a_login(
    world: World, guarded: tuple[Server, str], seconds: float
) -> None:
    """Connections are closed, too: each has to prove itself again."""
    server, url = guarded
    async with world.chaos(worker_url=url, lease_ms=3_000) as chaos:
        await chaos.staff(2)
        running = chaos.begin(chaos.load().run(seconds))
        rage = chaos.begin(raging(chaos, running))
        with server.client() as client:
            while not running.done():
                await chaos.pause(0.2, 0.8)
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await rage
        await chaos.verdict()
