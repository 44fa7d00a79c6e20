"""The start-up gate: a Redis that would lose jobs is refused, one that may is spoken of."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import redis

from headpond.clock import SystemClock
from headpond.errors import StoreUnavailable, StoreUnfit
from headpond.findings import Severity
from headpond.redis import RedisQueueStore
from headpond.redis.gate import PolicyWatch, findings
from headpond.redis.rights import TRIAL
from headpond.testing import ManualClock
from redis_server import RedisServer, find_binary, free_port
from until import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def configured(server: RedisServer, name: str, value: str) -> Iterator[None]:
    """Let Redis be configured so meanwhile."""
    with server.client() as client:
        before = client.config_get(name)[name]
        client.config_set(name, value)
        try:
            yield
        finally:
            client.config_set(name, before)


async def pass_gate(url: str, namespace: str) -> None:
    """Start a store and close it."""
    store = RedisQueueStore(url, namespace)
    try:
        await store.start()
    finally:
        await store.close()


async def test_a_sound_redis_passes_and_keeps_nothing_of_it(
    redis_server: RedisServer,
    redis_url: str,
    namespace: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The word that was written as a trial is gone, and there is nothing to say."""
    await pass_gate(redis_url, namespace)
    with redis_server.client() as client:
        assert client.dbsize() == 0
    assert caplog.messages == []


async def test_a_redis_that_may_evict_is_refused(
    redis_server: RedisServer, redis_url: str, namespace: str
) -> None:
    """It would drop jobs when its memory is full."""
    with (
        configured(redis_server, "maxmemory-policy", "allkeys-lru"),
        pytest.raises(StoreUnfit, match="set it to 'noeviction'"),
    ):
        await pass_gate(redis_url, namespace)


async def test_a_redis_that_takes_no_writes_now_is_not_there_yet(
    redis_server: RedisServer, redis_url: str, namespace: str
) -> None:
    """What starts waits for it instead of failing at the first job."""
    with (
        configured(redis_server, "min-replicas-to-write", "1"),
        pytest.raises(StoreUnavailable, match="can't do it now: NOREPLICAS"),
    ):
        await pass_gate(redis_url, namespace)


async def test_a_full_redis_passes(
    redis_server: RedisServer, redis_url: str, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Workers that start now are how it gets emptier."""
    with configured(redis_server, "maxmemory", "1"):
        await pass_gate(redis_url, namespace)
    assert "maxmemory" in caplog.text


async def test_a_redis_that_writes_nothing_down_is_spoken_of(
    tmp_path: Path, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be meant so, for a test; a restart loses every job."""
    server = RedisServer(tmp_path)  # its own: what turns the log on again can't stop at once
    server.start()
    try:
        with server.client() as client:
            client.config_set("appendonly", "no")
        await pass_gate(server.url, namespace)
        (sentence,) = caplog.messages
        assert "keeps nothing on disk" in sentence
        caplog.clear()
        with configured(server, "save", "900 1"):
            await pass_gate(server.url, namespace)
        assert caplog.messages == []
    finally:
        server.stop()


async def test_nothing_is_said_where_the_configuration_may_not_be_read(
    redis_server: RedisServer, redis_url: str, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Many hosts of Redis forbid it, and see to the disk themselves."""
    with redis_server.client() as client:
        client.acl_setuser(
            "worker",
            enabled=True,
            passwords=["+pw"],
            commands=["+@all", "-config"],
            keys=["*"],
            channels=["*"],
        )
        try:
            await pass_gate(redis_url.replace("://", "://worker:pw@"), namespace)
        finally:
            client.acl_deluser("worker")
    assert caplog.messages == []


async def test_a_replica_is_refused_and_its_primary_named(
    redis_server: RedisServer, tmp_path: Path, namespace: str
) -> None:
    """What is written to it is refused, or lost at the next sync."""
    replica = RedisServer(tmp_path)
    replica.start()
    try:
        with replica.client() as client:
            client.config_set("appendonly", "no")  # a log that begins anew can't be stopped at once
            client.replicaof("127.0.0.1", redis_server.port)
        with pytest.raises(StoreUnfit, match=rf"is a replica .*\(127.0.0.1:{redis_server.port}\)"):
            await pass_gate(replica.url, namespace)
    finally:
        replica.stop()


async def test_a_sentinel_is_refused(tmp_path: Path, namespace: str) -> None:
    """Its port is easily taken for the one of Redis."""
    port = free_port()
    config = tmp_path / "sentinel.conf"
    config.write_text(f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\n")
    command = [find_binary(), str(config), "--sentinel"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as sentinel:  # noqa: ASYNC220 (it returns at once)
        try:
            url = f"redis://127.0.0.1:{port}/0"
            await until(lambda: _answers(url))
            with pytest.raises(StoreUnfit, match="This is a sentinel, which holds no jobs"):
                await pass_gate(url, namespace)
        finally:
            sentinel.terminate()


def _answers(url: str) -> bool:
    with suppress(redis.ConnectionError), redis.Redis.from_url(url) as client:
        return bool(client.ping())
    return False


async def test_clocks_that_differ_are_spoken_of(redis_url: str, namespace: str) -> None:
    """The machine's clock is an hour late; times in its logs and its run_at mislead."""
    store = RedisQueueStore(redis_url, namespace)
    try:
        late = ManualClock(SystemClock().now_ms() - 3_600_000)
        (clock,) = (each for each in await findings(store.client, late) if each.name == "clock")
    finally:
        await store.close()
    assert clock.severity is Severity.WARN
    assert clock.sentence.startswith("Redis' clock is 3,600 s ahead of this machine's.")


async def test_a_policy_that_changes_at_run_time_is_noticed_once(
    redis_server: RedisServer, redis_url: str, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The gate looked at the start; somebody may configure Redis after that."""
    store = RedisQueueStore(redis_url, namespace)
    watch = PolicyWatch(store.client, every_s=0)
    try:
        await watch.look()
        await watch.look()
        assert caplog.messages == []
        with configured(redis_server, "maxmemory-policy", "volatile-lru"):
            await watch.look()
            await watch.look()
        await watch.look()
    finally:
        await store.close()
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "Redis may evict jobs from now on",
        "maxmemory-policy is 'noeviction' again",
    ]


async def test_others_may_speak_while_the_gate_tries_to_listen(
    redis_server: RedisServer, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Words for others, on the very channels that are tried, are no answers to it."""
    words = [f"{namespace}:wake", f"{namespace}:control:{TRIAL}"]
    done = asyncio.Event()

    def speak() -> None:
        with redis_server.client() as client:
            while not done.is_set():
                for channel in words:
                    client.publish(channel, "word")

    speaking = asyncio.create_task(asyncio.to_thread(speak))
    for _ in range(20):
        await pass_gate(redis_server.url, namespace)
    done.set()
    await speaking
    assert "transport" not in caplog.text
