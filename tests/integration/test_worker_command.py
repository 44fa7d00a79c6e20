"""`headpond worker`: what it says when it can't work."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from up_tree import environ

if TYPE_CHECKING:
    from redis_server import RedisServer


def run(*words: str, **own: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, which is expected at once."""
    return subprocess.run(
        [sys.executable, "-m", "headpond_workers", *words],
        env=environ(**own),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_an_unknown_queue_is_answered_with_those_there_are() -> None:
    """Exit code 2, one sentence; without HEADPOND_APPS the installed apps are asked."""
    ended = run("--queue", "attendence")
    assert ended.returncode == 2
    assert "Did you mean 'attendance'?" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_app_that_is_not_there() -> None:
    """The module is named."""
    ended = run("--queue", "mill", HEADPOND_APPS="no_such_app")
    assert ended.returncode == 2
    assert "'no_such_app' can't be imported" in ended.stderr


def test_a_redis_that_would_lose_jobs_is_refused(redis_server: RedisServer, redis_url: str) -> None:
    """The start-up gate speaks before anything is claimed."""
    with redis_server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            ended = run("--queue", "mill", HEADPOND_APPS="mill_app", HEADPOND_REDIS_URL=redis_url)
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert ended.returncode == 2
    assert "maxmemory-policy is 'allkeys-lru'" in ended.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HEADPOND_GRACE_S", "-1"),
        ("HEADPOND_PROBE_PORT", "http"),
        ("HEADPOND_LOG_LEVEL", "loud"),
        ("HEADPOND_WORKER_ID", "a|b"),
        ("HEADPOND_REDIS_URL", "ftp://x"),
    ],
)
def test_settings_that_make_no_sense(variable: str, value: str) -> None:
    """Exit code 2, and the variable is named."""
    ended = run("--queue", "mill", **{"HEADPOND_APPS": "mill_app", variable: value})
    assert ended.returncode == 2
    assert variable in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_probe_port_that_is_taken(redis_server: RedisServer, redis_url: str) -> None:
    """Exit code 2, and the port is named."""
    ended = run(
        "--queue",
        "mill",
        "--probe-port",
        str(redis_server.port),
        HEADPOND_APPS="mill_app",
        HEADPOND_REDIS_URL=redis_url,
    )
    assert ended.returncode == 2
    assert str(redis_server.port) in ended.stderr
    assert "Traceback" not in ended.stderr
