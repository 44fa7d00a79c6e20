"""A worker as Prometheus metrics: how long its jobs waited and ran, and how they ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import Metric

    from headpond.telemetry.tally import Tally

_US: Final = 1_000_000
_LABELS: Final = ["queue", "job_type"]


class WorkerMetrics(Collector):
    """Collects from a worker's tally. In the worker's own thread, which writes it."""

    def __init__(self, queue: str, tally: Tally, load: Callable[[], tuple[int, int]]) -> None:
        """`load` returns how many slots there are, and how many of them run a job."""
        self._queue = queue
        self._tally = tally
        self._load = load

    @override
    def collect(self) -> Iterator[Metric]:
        """Yield what was counted so far."""
        self._tally.fold()
        slots, active = self._load()
        yield self._gauge("headpond_worker_slots", "Jobs that this worker runs at once.", slots)
        yield self._gauge("headpond_worker_active", "Jobs that it runs now.", active)
        waits = HistogramMetricFamily(
            "headpond_job_wait_seconds",
            "From when a job could have started (enqueued, due, or due again) until it did.",
            labels=["queue"],
        )
        waits.add_metric([self._queue], self._tally.waits.cumulated(), self._tally.waits.total)
        yield waits
        yield from self._runs()

    def _runs(self) -> Iterator[Metric]:
        seconds = HistogramMetricFamily(
            "headpond_job_run_seconds", "How long handlers ran, well or badly.", labels=_LABELS
        )
        ends = CounterMetricFamily(
            "headpond_jobs", "Runs of jobs, by how they ended.", labels=[*_LABELS, "outcome"]
        )
        for job_type, runs in sorted(self._tally.runs.items()):
            took = runs.microseconds()
            seconds.add_metric([self._queue, job_type], took.cumulated(unit=_US), took.total / _US)
            for outcome, count in runs.outcomes().items():
                ends.add_metric([self._queue, job_type, outcome], count)
        yield from (seconds, ends)

    def _gauge(self, name: str, sentence: str, value: int) -> Metric:
        gauge = GaugeMetricFamily(name, sentence, labels=["queue"])
        gauge.add_metric([self._queue], value)
        return gauge
