"""The whole way, as users go it: `helm install`, `kubectl apply`, jobs by HTTP, workers up, down.

`--times 5` walks it five times.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from headpond_school.marks import Mark
from release import a_job, a_queue
from until import until_seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from release import Release

JOBS = 2000
MOST_WORKERS = 4
INSTALL_BAR_S = 60


def expected_jobs(outside: str, inside: str) -> set[str]:
    """Return the ids of all jobs: half of each side's, the last quarter being the app's own."""
    half, quarter = JOBS // 2, JOBS // 4
    marks = [a_job(f"{inside}-{number}")["payload"] for number in range(quarter, half)]
    return (
        {f"{outside}-{number}" for number in range(half)}
        | {f"{inside}-{number}" for number in range(quarter)}
        | {Mark.model_validate(mark).job_id for mark in marks}
    )


@pytest.mark.timeout(240)
def test_the_whole_way(
    release: Release, turn: int, measured: Callable[[str, float, float], None]
) -> None:
    """2,000 jobs call for four workers in one step, all run once, and the workers go again."""
    measured("helm install to everything ready, s", release.install(), INSTALL_BAR_S)
    release.declare(a_queue(max=MOST_WORKERS))
    with release.watched() as replicas, release.api() as api, ThreadPoolExecutor() as senders:
        assert replicas == [0]
        began_s = time.monotonic()
        sides = [
            senders.submit(api.send, "outside", JOBS // 2),
            senders.submit(release.send_inside, "inside", JOBS // 2),
        ]
        for side in sides:
            side.result()
        until_seen(lambda: api.stats()["completed"] >= JOBS, 120, "all jobs are completed")
        measured("2,000 jobs, first request to last end, s", time.monotonic() - began_s, 120)
        until_seen(lambda: replicas[-1] == 0, 60, "the workers go")
        stats = api.stats()
        jobs = api.jobs(state="completed")
    assert replicas[:2] == [0, MOST_WORKERS], replicas
    assert replicas[1:] == sorted(replicas[1:], reverse=True), replicas
    assert {state: count for state, count in stats.items() if count} == {"completed": JOBS}
    sent = expected_jobs("outside", "inside")
    assert {job["id"] for job in jobs} == sent
    assert Counter((job["attempts"], job["crashes"]) for job in jobs) == {(1, 0): JOBS}
    rows = release.rows()
    assert len(rows) == JOBS
    assert {job for _, job in rows} == sent
    ups = [event for event in release.events() if event["reason"] == "ScaledUp"]
    assert len(ups) == 1
    assert ups[0]["message"].startswith(f"0→{MOST_WORKERS}: ")
