"""What happens in a cluster when a part of Headpond dies: the others go on, and it comes back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from release import REDIS, a_queue
from until import stays, until_seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from release import Release

STANDBY_BAR_S = 15
UNKNOWN_BAR_S = 5
ON_TWO_CORES = 2
"""Figures may be so much worse here: a test shares the machine with its cluster and others."""


def rise(replicas: list[int], number: int) -> None:
    """Wait until so many workers are asked for."""
    until_seen(lambda: replicas[-1] >= number, 40, f"{number} workers are asked for")


@pytest.mark.timeout(200)
def test_an_operator_dies_while_workers_are_wanted(
    release: Release, measured: Callable[[str, float, float], None]
) -> None:
    """Killed, deleted, or both at once: each time the number is written soon, by one alone."""
    release.install("--set=operator.replicas=2")
    # Ten waiting jobs for each worker, which has one that lasts: twenty more are two workers more.
    long = a_queue(work_ms=60_000, max=6, target={"backlogPerReplica": 10})
    long["spec"]["jobs"] |= {"concurrency": 1, "timeout": "90s"}
    release.declare(long)
    deaths: dict[str, Callable[[], object]] = {
        "killed": lambda: release.kill(release.leader()),
        "deleted": lambda: release.kube.kubectl("delete", "pod", release.leader(), "--wait=false"),
        "and standby killed": lambda: release.kill(*release.operators()),
    }
    with release.watched() as replicas, release.api() as api:
        for number, (death, die) in enumerate(deaths.items(), start=1):
            until_seen(lambda: len(release.operators()) == 2, 60, "there are two operators")
            die()
            began_s = time.monotonic()
            api.send(f"wave-{number}", 20)
            rise(replicas, 2 * number)
            took_s = time.monotonic() - began_s
            measured(f"operator {death}: backlog to /scale, s", took_s, STANDBY_BAR_S)
            assert took_s < STANDBY_BAR_S * ON_TWO_CORES
    assert replicas == [0, 2, 4, 6]


@pytest.mark.timeout(200)
def test_redis_goes_and_comes_back(
    release: Release, measured: Callable[[str, float, float], None]
) -> None:
    """Not to know the backlog is no reason to change anything; nothing is lost meanwhile."""
    release.install()
    release.declare(a_queue(work_ms=2_000, max=3))
    with release.watched() as replicas, release.api() as api:
        api.send("before", 200)
        until_seen(lambda: release.ready() == 3, 60, "three workers are ready")
        release.kube.kubectl("scale", REDIS, "--replicas=0")
        release.kube.wait("delete", "pod/headpond-redis-0", within_s=60)
        began_s = time.monotonic()
        until_seen(lambda: release.condition("BacklogKnown")[0] == "False", 20, "it says so")
        measured("Redis gone: the object says so, s", time.monotonic() - began_s, UNKNOWN_BAR_S)
        # Longer than a lease, and than every window after which workers would go.
        stays(lambda: (replicas[-1], release.ready()), (3, 3), 16)
        release.kube.kubectl("scale", REDIS, "--replicas=1")
        until_seen(lambda: release.condition("BacklogKnown")[0] == "True", 60, "it is known again")
        until_seen(lambda: api.stats()["completed"] == 200, 60, "all jobs are completed")
        assert api.stats()["failed"] == 0
        until_seen(lambda: replicas[-1] == 0, 60, "the workers go")
    assert replicas[:2] == [0, 3]
    assert replicas[1:] == sorted(replicas[1:], reverse=True)
    assert {job for _, job in release.rows()} == {f"before-{number}" for number in range(200)}
