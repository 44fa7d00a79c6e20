"""What /metrics says: this process's own HTTP counters, and the queues as the store has them."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from headpond.queues import QueueSample
from headpond.telemetry.prometheus import QueueFigures

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class HttpMeter:
    """Counts the requests of one process, by operation and status."""

    def __init__(self) -> None:
        """Begin at zero, in a registry of its own."""
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "headpond_http_requests",
            "Requests answered.",
            ["operation", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "headpond_http_request_seconds",
            "Time from a request's headers to the end of its answer.",
            ["operation"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def count(self, operation: str, status: int, seconds: float) -> None:
        """Count one request; status 0 means that the client left before an answer."""
        children = self._children.get((operation, status))
        if children is None:
            children = self._children[operation, status] = (
                self._requests.labels(operation, str(status)),
                self._seconds.labels(operation),
            )
        children[0].inc()
        children[1].observe(seconds)

    def exposition(self, samples: Mapping[str, QueueSample] | None) -> bytes:
        """Return the text for Prometheus; `None` says that the store could not be asked."""
        queues = CollectorRegistry()
        queues.register(QueueFigures(samples))
        return generate_latest(self.registry) + generate_latest(queues)
