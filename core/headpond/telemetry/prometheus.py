"""Samples of queues as Prometheus metrics; what could not be asked is absent, and never zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from headpond.queues import WorkerState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prometheus_client import Metric

    from headpond.queues import QueueSample

STATES = ("waiting", "due", "delayed", "active", "completed", "failed", "cancelled", "parked")
"""Attributes of a sample; `parked` jobs are among the waiting ones too."""


class QueueFigures(Collector):
    """Collects from samples taken before; `None` says that the store could not be asked."""

    def __init__(self, samples: Mapping[str, QueueSample] | None) -> None:
        """Keep the samples."""
        self._samples = samples

    @override
    def collect(self) -> Iterable[Metric]:
        """Yield whether the store answers and, if it does, each queue's figures."""
        up = GaugeMetricFamily("headpond_store_up", "Whether the store answered (1) or not (0).")
        up.add_metric([], 0.0 if self._samples is None else 1.0)
        yield up
        if self._samples is not None:
            samples = [self._samples[name] for name in sorted(self._samples)]
            yield from _gauges(samples)
            yield from _totals(samples)


def _gauges(samples: Iterable[QueueSample]) -> Iterator[Metric]:
    jobs = GaugeMetricFamily(
        "headpond_queue_jobs", "Jobs of a queue by state, exact.", labels=["queue", "state"]
    )
    age = GaugeMetricFamily(
        "headpond_queue_oldest_age_seconds",
        "How long the oldest waiting job has waited, 0 when none waits.",
        labels=["queue"],
    )
    held = GaugeMetricFamily(
        "headpond_queue_held", "Whether no job may start (1) or any (0).", labels=["queue"]
    )
    workers = GaugeMetricFamily(
        "headpond_workers", "Workers heard of within a lease.", labels=["queue", "state"]
    )
    for sample in samples:
        for state in STATES:
            jobs.add_metric([sample.queue, state], getattr(sample, state))
        age.add_metric([sample.queue], sample.oldest_age_s)
        held.add_metric([sample.queue], float(sample.is_held))
        for seen in WorkerState:
            count = sum(worker.state is seen for worker in sample.workers)
            workers.add_metric([sample.queue, seen.value], count)
    yield from (jobs, age, held, workers)


def _totals(samples: Iterable[QueueSample]) -> Iterator[Metric]:
    added = CounterMetricFamily("headpond_jobs_added", "Jobs ever accepted.", labels=["queue"])
    ended = CounterMetricFamily(
        "headpond_job_runs", "Handler runs ever ended, well or badly.", labels=["queue"]
    )
    seconds = CounterMetricFamily(
        "headpond_job_run_seconds", "Seconds that those runs took together.", labels=["queue"]
    )
    stale = CounterMetricFamily(
        "headpond_stale_finishes",
        "Reports of jobs that their worker no longer held; they changed nothing.",
        labels=["queue"],
    )
    for sample in samples:
        added.add_metric([sample.queue], sample.added_total)
        ended.add_metric([sample.queue], sample.ended_total)
        seconds.add_metric([sample.queue], sample.run_us_total / 1_000_000)
        stale.add_metric([sample.queue], sample.stale_total)
    yield from (added, ended, seconds, stale)
