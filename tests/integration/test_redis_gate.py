"""The start-up gate: a Redis that would lose jobs is refused, one that may is spoken of."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from headpond.errors import StoreUnavailable, StoreUnfit
from headpond.redis import RedisQueueStore
from headpond.redis.gate import version_of
from redis_server import RedisServer

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


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("7.0.15", (7, 0, 15)),
        ("7.4.0-rc1", (7, 4, 0)),
        ("7.2", (7, 2, 0)),
        ("8", (8, 0, 0)),
        ("6.2.6-v9-enterprise", (6, 2, 6)),
        ("255.255.255", (255, 255, 255)),
        ("unstable", None),
        ("", None),
    ],
)
def test_versions_are_read_as_they_are_written(
    text: str, version: tuple[int, int, int] | None
) -> None:
    """Candidates and distributions add words of their own."""
    assert version_of(text) == version


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


async def test_a_login_that_may_not_write_is_refused(
    redis_server: RedisServer, redis_url: str, namespace: str
) -> None:
    """A sentence at the start is better than an error at the first job."""
    with redis_server.client() as client:
        client.acl_setuser(
            "reader", enabled=True, passwords=["+pw"], categories=["+@all"], keys=["%R~*"]
        )
        try:
            with pytest.raises(StoreUnfit, match="refuses the login or the rights: NOPERM"):
                await pass_gate(redis_url.replace("://", "://reader:pw@"), namespace)
        finally:
            client.acl_deluser("reader")


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
