"""The governor's events as metrics."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry

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
from headpond.telemetry.governor_metrics import GovernorMetrics


class Told:
    """Metrics that are told events, and asked for values."""

    def __init__(self, *events: Any) -> None:
        """Tell them."""
        self.metrics = GovernorMetrics()
        self.registry = CollectorRegistry()
        self.registry.register(self.metrics)
        self.tell(*events)

    def tell(self, *events: Any) -> None:
        """Tell some more."""
        for event in events:
            self.metrics.receive(event)

    def of(self, name: str, **labels: str) -> float | None:
        """Return a value; `None` where there is no such series."""
        return self.registry.get_sample_value(f"headpond_{name}", labels)


def a_round(**wanted: int) -> RoundDone:
    """Make the end of a round."""
    return RoundDone(0, queues=len(wanted), unknown=1, took_s=0.004, wanted=wanted)


def test_every_event_is_counted() -> None:
    """Decisions by rule, writes by queue, drains by worker, failures, rounds."""
    told = Told(
        Decided(0, "q", 0, 4, "demand", "40 jobs wait", writes=True),
        Decided(0, "r", 0, 2, "demand", "20 jobs wait", writes=True),
        Scaled(0, "q", 0, 4, ()),
        DrainAsked(0, "q", ("a", "b")),
        DrainAcknowledged(0, "q", ("a",)),
        DrainWithdrawn(0, "q", ("b",)),
        FleetFailed(0, "q", "full"),
        RoundFailed(0, "KeyError"),
        a_round(q=4, r=2),
    )
    assert told.of("scaling_decisions_total", rule="demand") == 2
    assert told.of("scaling_writes_total", queue="q") == 1
    assert told.of("scaling_writes_total", queue="r") == 0
    assert told.of("scaling_desired_replicas", queue="q") == 4
    assert told.of("scaling_drains_total", step="asked") == 2
    assert told.of("scaling_drains_total", step="acknowledged") == 1
    assert told.of("scaling_drains_total", step="withdrawn") == 1
    assert told.of("fleet_failures_total") == told.of("governor_round_failures_total") == 1
    assert (told.of("governor_queues"), told.of("governor_unknown_queues")) == (2, 1)
    assert told.of("governor_tick_seconds_count") == 1
    assert told.of("governor_tick_seconds_bucket", le="0.005") == 1


def test_a_queue_that_is_gone_has_no_series() -> None:
    """And begins at zero should it come back."""
    told = Told(Scaled(0, "q", 0, 1, ()), a_round(q=1), a_round(r=2))
    assert told.of("scaling_desired_replicas", queue="q") is None
    assert told.of("scaling_writes_total", queue="q") is None
    told.tell(a_round(q=1, r=2))
    assert told.of("scaling_writes_total", queue="q") == 0


def test_the_store_is_unknown_until_a_round_is_over() -> None:
    """Then up, or lost, or back."""
    told = Told()
    assert told.of("store_up") is None
    told.tell(a_round())
    assert told.of("store_up") == 1
    told.tell(StoreLost(0, "gone"), a_round())
    assert told.of("store_up") == 0
    told.tell(StoreBack(0, 1000), a_round())
    assert told.of("store_up") == 1


def test_who_stands_by_says_nothing_of_queues() -> None:
    """The leader's figures are newer; where nobody is elected, nobody is said to lead."""
    told = Told(a_round(q=4))
    assert told.of("operator_leading") is None
    assert told.of("scaling_desired_replicas", queue="q") == 4
    told.metrics.leading = False
    assert told.of("operator_leading") == 0
    assert told.of("scaling_desired_replicas", queue="q") is None
    told.metrics.leading = True
    assert told.of("operator_leading") == 1
    assert told.of("scaling_desired_replicas", queue="q") == 4
