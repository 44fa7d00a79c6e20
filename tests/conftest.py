"""Fixtures for every tier: a Redis of the tests' own, a namespace of each test's own."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Run one redis-server per pytest process (so one per xdist worker)."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def namespace() -> str:
    """Name this test's part of the key space."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def redis_url(redis_server: RedisServer, namespace: str) -> Iterator[str]:
    """Give an empty database; afterwards every key must belong to the test's namespace."""
    if not redis_server.pid:
        redis_server.start()
    yield redis_server.url
    if not redis_server.pid:
        redis_server.start()
    with redis_server.client() as client:
        keys = [key.decode() for key in client.scan_iter(count=1000)]
        client.flushall()
        client.config_resetstat()
    strangers = [key for key in keys if not key.startswith((f"{namespace}:", f"{{{namespace}:"))]
    assert not strangers, f"keys outside the namespace {namespace}: {strangers}"
