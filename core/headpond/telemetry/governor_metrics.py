"""The governor as Prometheus metrics: what it decided, wrote and could not do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, assert_never

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector
from typing_extensions import override

from headpond.events import (
    Decided,
    DrainAcknowledged,
    DrainAsked,
    DrainWithdrawn,
    FleetFailed,
    RoundDone,
    RoundFailed,
    Scaled,
    StoreBack,
    StoreLost,
)
from headpond.telemetry.buckets import Buckets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client import Metric

    from headpond.events import Event

TICK_BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_STEPS: Final[dict[type[Event], str]] = {
    DrainAsked: "asked",
    DrainAcknowledged: "acknowledged",
    DrainWithdrawn: "withdrawn",
}


class GovernorMetrics(Collector):
    """A sink of the governor's events that Prometheus collects from.

    Whoever runs the governor registers it: the operator, and `headpond up`.
    """

    def __init__(self) -> None:
        """Begin at zero; nothing is said of queues and store before the first round."""
        self.leading: bool | None = None
        """Whether this process holds the Lease; `None` where nobody is elected. Who doesn't hold
        it says nothing of single queues: the one that does knows better."""
        self._store_up: bool | None = None
        self._round = RoundDone(at_ms=0, queues=0, unknown=0, took_s=0.0)
        self._ticks = Buckets(TICK_BOUNDS_S)
        self._decisions: Counter[str] = Counter()
        self._writes: Counter[str] = Counter()
        self._drains: Counter[str] = Counter()
        self._failures: Counter[type[Event]] = Counter()

    def receive(self, event: Event) -> None:
        """Count the event."""
        match event:
            case Decided():
                self._decisions[event.rule] += 1
            case Scaled():
                self._writes[event.queue] += 1
            case DrainAsked() | DrainAcknowledged() | DrainWithdrawn():
                self._drains[_STEPS[type(event)]] += len(event.workers)
            case StoreLost() | StoreBack():
                self._store_up = isinstance(event, StoreBack)
            case FleetFailed() | RoundFailed():
                self._failures[type(event)] += 1
            case RoundDone():
                self._end_round(event)
            case _:
                assert_never(event)

    def _end_round(self, event: RoundDone) -> None:
        if self._store_up is None:
            self._store_up = True
        self._round = event
        self._ticks.add(event.took_s)
        gone = self._writes.keys() - event.wanted.keys()
        for queue in gone:
            del self._writes[queue]

    @override
    def collect(self) -> Iterator[Metric]:
        """Yield what was counted so far."""
        yield from self._state()
        yield from self._queues()
        yield from self._totals()

    def _state(self) -> Iterator[Metric]:
        if self.leading is not None:
            yield _gauge(
                "headpond_operator_leading",
                "Whether this operator holds the Lease (1) or stands by (0).",
                float(self.leading),
            )
        if self._store_up is not None:
            yield _gauge(
                "headpond_store_up",
                "Whether the store answered (1) or not (0).",
                float(self._store_up),
            )
        yield _gauge("headpond_governor_queues", "Queues that are governed.", self._round.queues)
        yield _gauge(
            "headpond_governor_unknown_queues",
            "Of these, how many the store said nothing of in the latest round.",
            self._round.unknown,
        )
        ticks = HistogramMetricFamily(
            "headpond_governor_tick_seconds", "How long a round over all queues took."
        )
        ticks.add_metric([], self._ticks.cumulated(), self._ticks.total)
        yield ticks

    def _queues(self) -> Iterator[Metric]:
        """Yield a series for each queue of the latest round: those that are gone have none."""
        wanted: Mapping[str, int] = {} if self.leading is False else self._round.wanted
        desired = GaugeMetricFamily(
            "headpond_scaling_desired_replicas", "Workers wanted of a queue.", labels=["queue"]
        )
        writes = CounterMetricFamily(
            "headpond_scaling_writes",
            "How often a queue's number of workers was written.",
            labels=["queue"],
        )
        for queue in sorted(wanted):
            desired.add_metric([queue], wanted[queue])
            writes.add_metric([queue], self._writes[queue])
        yield from (desired, writes)

    def _totals(self) -> Iterator[Metric]:
        decisions = CounterMetricFamily(
            "headpond_scaling_decisions",
            "Decisions that were news, by the rule that had the last word.",
            labels=["rule"],
        )
        for rule, count in sorted(self._decisions.items()):
            decisions.add_metric([rule], count)
        drains = CounterMetricFamily(
            "headpond_scaling_drains",
            "Workers that were asked to drain, acknowledged it, or were taken back.",
            labels=["step"],
        )
        for step in _STEPS.values():
            drains.add_metric([step], self._drains[step])
        yield from (decisions, drains)
        yield CounterMetricFamily(
            "headpond_fleet_failures",
            "Complaints of whoever runs the workers, each counted once until it changes.",
            value=self._failures[FleetFailed],
        )
        yield CounterMetricFamily(
            "headpond_governor_round_failures",
            "Errors that nobody foresaw, each counted once until it changes.",
            value=self._failures[RoundFailed],
        )


def _gauge(name: str, sentence: str, value: float) -> Metric:
    return GaugeMetricFamily(name, sentence, value=value)
