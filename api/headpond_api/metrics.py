"""What /metrics says: this process's own counters, and the queues as the store has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Final, Literal, NamedTuple

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from headpond.errors import QueueUnknown, Unavailable
from headpond.queues import QueueSample
from headpond.telemetry.buckets import Buckets
from headpond.telemetry.prometheus import QueueFigures
from headpond.telemetry.scrape import Scrape

Outcome = Literal["accepted", "duplicate", "refused", "unconfirmed"]
"""What came of a job that was submitted: the store has it, had it already, it was not good enough,
or nobody knows."""

BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
UNKNOWN: Final = "unknown"
"""Stands for every queue that does not exist: their names are a caller's invention."""
_ROUTE: Final = ["operation", "method", "route"]


class _Answer(NamedTuple):
    operation: str
    method: str
    route: str
    status: int


class HttpMeter(Collector):
    """Counts the requests of one process by route and status, and the jobs that came with them."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._answers: dict[_Answer, Buckets] = {}
        self._known: dict[tuple[object, ...], Buckets] = {}
        """The same, by what is at hand on the hot path."""
        self._jobs: Counter[tuple[str, Outcome]] = Counter()
        self._scrape = Scrape(self)

    def count(self, scope: MutableMapping[str, Any], status: int, seconds: float) -> None:
        """Count one request; status 0 means that the client left before an answer."""
        served = getattr(scope.get("route"), "path", None)
        known = scope.get("endpoint"), served, scope["method"], status
        buckets = self._known.get(known)
        if buckets is None:
            operation = getattr(known[0], "__name__", "none")
            answer = _Answer(operation, scope["method"], _template(scope), status)
            buckets = self._answers.setdefault(answer, Buckets(BOUNDS_S))
            self._known[known] = buckets
        buckets.add(seconds)

    def submitted(self, queue: str, outcome: Outcome, jobs: int = 1) -> None:
        """Count jobs by what came of them."""
        self._jobs[queue, outcome] += jobs

    def failed(self, queue: str, error: Exception, jobs: int = 1) -> None:
        """Count jobs that an error kept from being accepted."""
        unsure = isinstance(error, Unavailable)
        known = UNKNOWN if isinstance(error, QueueUnknown) else queue
        self.submitted(known, "unconfirmed" if unsure else "refused", jobs)

    def exposition(self, samples: Mapping[str, QueueSample] | None) -> bytes:
        """Return the text for Prometheus; `None` says that the store could not be asked."""
        return self._scrape.text(QueueFigures(samples))

    @override
    def collect(self) -> Iterator[Metric]:
        """Yield what was counted so far."""
        requests = CounterMetricFamily(
            "headpond_http_requests", "Requests answered.", labels=[*_ROUTE, "status"]
        )
        seconds = HistogramMetricFamily(
            "headpond_http_request_seconds",
            "Time from a request's headers to the end of its answer.",
            labels=[*_ROUTE, "status"],
        )
        classes: dict[tuple[str, str, str, str], Buckets] = {}
        for (*route, status), buckets in sorted(self._answers.items()):
            requests.add_metric([*route, str(status)], buckets.count)
            kind = f"{status // 100}xx" if status else "gone"
            operation, method, path = route
            both = classes.setdefault((operation, method, path, kind), Buckets(BOUNDS_S))
            both.merge(buckets)
        for labels, buckets in classes.items():
            seconds.add_metric(labels, buckets.cumulated(), buckets.total)
        yield from (requests, seconds, self._submissions())

    def _submissions(self) -> Metric:
        jobs = CounterMetricFamily(
            "headpond_jobs_submitted",
            "Jobs that were sent to this process, by what came of them.",
            labels=["queue", "outcome"],
        )
        for (queue, outcome), count in sorted(self._jobs.items()):
            jobs.add_metric([queue, outcome], count)
        return jobs


def _template(scope: Mapping[str, Any]) -> str:
    """Return the route's path with names for its parameters; `none` where nothing is served.

    FastAPI leaves out the prefix that a router was included with: what was asked for has it.
    """
    template = getattr(scope.get("route"), "path", "none")
    if ":path}" in template or template == "none":
        return template
    asked, known = scope["path"].split("/"), template.split("/")
    return "/".join([*asked[: len(asked) - len(known) + 1], *known[1:]])
