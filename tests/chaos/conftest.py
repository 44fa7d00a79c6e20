"""Fixtures of the chaos suite, and how long, how often and by what chance it rages.

`pytest tests/chaos --chaos-seconds 30 --chaos-rounds 20` rages longer, and twenty times.
`--chaos-seed` repeats the chance of a run that has failed: its output names the seed. Chance
decides what is done; when exactly it happens, the machine decides.
"""

from __future__ import annotations

import random
import secrets
from typing import TYPE_CHECKING

import pytest

from chaos import World
from nursery import Nursery
from redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 3.0
"""Of faults in each test, unless told otherwise: all of them together in two minutes."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; they need `tests/chaos` to be named on the command line."""
    group = parser.getgroup("chaos")
    group.addoption("--chaos-seconds", type=float, default=SECONDS, help="faults in each test")
    group.addoption("--chaos-rounds", type=int, default=1, help="how often each test is run")
    group.addoption("--chaos-seed", type=int, default=None, help="the chance of an earlier run")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat each test."""
    rounds = metafunc.config.getoption("--chaos-rounds", 1)
    if rounds > 1:
        metafunc.fixturenames.append("chaos_round")
        metafunc.parametrize("chaos_round", range(rounds), indirect=True)


@pytest.fixture
def chaos_round(request: pytest.FixtureRequest) -> int:
    """Count the repetitions."""
    return int(getattr(request, "param", 0))


@pytest.fixture
def seconds(request: pytest.FixtureRequest) -> float:
    """Say for how long the faults last."""
    return float(request.config.getoption("--chaos-seconds", SECONDS))


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Give chance, and print its seed: a test that fails shows it."""
    given = request.config.getoption("--chaos-seed", None)
    seed = secrets.randbits(32) if given is None else given
    print(f"--chaos-seed {seed}")  # noqa: T201 (shown when the test fails)
    return random.Random(seed)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Have one process that bears all workers."""
    it = Nursery()
    yield it
    it.close()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Start a Redis that nobody else uses: it will suffer."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def world(
    own_redis: RedisServer,
    chance: random.Random,
    tmp_path: Path,
    namespace: str,
    nursery: Nursery,
) -> World:
    """Give a test all it needs for its own chaos."""
    return World(own_redis, chance, tmp_path, namespace, nursery)
