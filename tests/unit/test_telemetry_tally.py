"""What a worker counts, and what Prometheus gets of it."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from headpond.jobs import (
    Done,
    Ended,
    Failed,
    FailReason,
    JobId,
    Progressed,
    Released,
    Stopped,
)
from headpond.telemetry.tally import MOST_TYPES, OTHER, Runs, Tally
from headpond.telemetry.worker_metrics import WorkerMetrics

ID = JobId("j-1")


def exposition(tally: Tally) -> str:
    """Return what a worker with this tally says."""
    registry = CollectorRegistry()
    registry.register(WorkerMetrics("q", tally, lambda: (8, 3)))
    return generate_latest(registry).decode()


@pytest.mark.parametrize(
    ("report", "outcome", "runs"),
    [
        (Done(ID, "f", b"", 7), "completed", 1),
        (Failed(ID, "f", b"", 7), "failed", 1),
        (Failed(ID, "f", b"", 7, FailReason.UNRECOVERABLE), "failed", 1),
        (Failed(ID, "f", b"", 7, FailReason.TIMEOUT), "timeout", 1),
        (Failed(ID, "f", b"", 7, FailReason.TIMEOUT, retry_in_ms=0), "retried", 1),
        (Stopped(ID, "f", b"", 7), "cancelled", 1),
        (Released(ID, "f"), "released", 0),
        (Released(ID, "f", delay_ms=5), "snoozed", 0),
        (Released(ID, "f", delay_ms=1, body=b""), "requeued", 0),
        (Released(ID, "f", delay_ms=5, parked="x"), "parked", 0),
    ],
)
def test_an_outcome_for_every_end(report: Ended, outcome: str, runs: int) -> None:
    """Each report is one outcome; those of runs that the handler ended tell how long they took."""
    counted = Runs()
    counted.ended(report)
    assert counted.outcomes() == {outcome: 1}
    assert counted.microseconds().count == runs
    assert counted.microseconds().total == 7 * runs


def test_progress_is_no_end() -> None:
    """Whoever counts it made a mistake."""
    with pytest.raises(TypeError, match="Progressed"):
        Runs().ended(Progressed(ID, "f", b""))


def test_job_types_beyond_the_limit_are_other() -> None:
    """However many names there are, the series are bounded; those known stay what they are."""
    tally = Tally()
    for number in range(3 * MOST_TYPES):
        tally.of(f"type-{number}").completed(1)
    assert len(tally.runs) == MOST_TYPES + 1
    assert tally.runs[OTHER].outcomes() == {"completed": 2 * MOST_TYPES}
    assert tally.of("type-0").outcomes() == {"completed": 1}


def test_what_gathered_is_counted_when_it_is_asked_for() -> None:
    """Seconds of waits, microseconds of runs, each run in its bucket, nothing twice."""
    tally = Tally()
    for seconds in (0.004, 0.005, 0.3, 5000.0):
        tally.waited(seconds)
    runs = tally.of("mark")
    for microseconds in (40, 1000, 1001, 2_000_000_000):
        runs.completed(microseconds)
    runs.lost()
    assert exposition(tally) == (text := exposition(tally))
    for line in (
        'headpond_worker_slots{queue="q"} 8.0',
        'headpond_worker_active{queue="q"} 3.0',
        'headpond_job_wait_seconds_bucket{le="0.005",queue="q"} 2.0',
        'headpond_job_wait_seconds_bucket{le="3600.0",queue="q"} 3.0',
        'headpond_job_wait_seconds_count{queue="q"} 4.0',
        'headpond_job_wait_seconds_sum{queue="q"} 5000.309',
        'headpond_job_run_seconds_bucket{job_type="mark",le="0.001",queue="q"} 2.0',
        'headpond_job_run_seconds_bucket{job_type="mark",le="900.0",queue="q"} 3.0',
        'headpond_job_run_seconds_count{job_type="mark",queue="q"} 4.0',
        'headpond_job_run_seconds_sum{job_type="mark",queue="q"} 2000.002041',
        'headpond_jobs_total{job_type="mark",outcome="completed",queue="q"} 4.0',
        'headpond_jobs_total{job_type="mark",outcome="lost",queue="q"} 1.0',
    ):
        assert line in text.splitlines()


def test_what_is_the_same_size_is_counted_as_one_by_one() -> None:
    """The short way through a list of equals ends where the long one does."""
    short, long = Runs(), Runs()
    for _ in range(5):
        short.completed(40)
        long.completed(40)
        long.fold()
    assert short.microseconds() == long.microseconds()
