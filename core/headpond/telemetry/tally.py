"""What a worker counts of its jobs, in plain lists: a job may cost it no more than 0.3 µs.

Knows nothing of Prometheus, which a worker without a port for it never imports.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from headpond.jobs import Done, Failed, FailReason, Released, Stopped
from headpond.telemetry.buckets import Buckets

if TYPE_CHECKING:
    from collections.abc import Callable

    from headpond.jobs import Ended

OUTCOMES: Final = {
    "completed": "The handler returned.",
    "failed": "It was given up: no retry was left, or none would have helped.",
    "timeout": "It was given up because its time was up.",
    "retried": "The handler failed or ran out of time; it runs again later.",
    "cancelled": "Somebody cancelled it while it ran.",
    "snoozed": "The handler asked to be run later; no attempt is counted.",
    "requeued": "The handler put it back changed (taskiq's requeue); no attempt is counted.",
    "released": "It was interrupted by a shutdown and handed back; no attempt is counted.",
    "parked": "This worker can't run it (its job type or its key is unknown here); it waits.",
    "lost": "Its lease ended before it did; another worker runs it.",
}
"""How a run ends, seen from its worker."""
OTHER: Final = "other"
"""Stands for every job type that this worker does not know, and for those beyond the limit."""
MOST_TYPES: Final = 200
"""Job types with a series of their own: each costs Prometheus some twenty of them."""

WAIT_BOUNDS_S: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
    *(2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0),
)
RUN_BOUNDS_US: Final = (
    *(1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000),
    *(1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000),
    *(300_000_000, 900_000_000),
)


class Runs:
    """The runs of one job type."""

    __slots__ = ("_completed", "_fresh", "_others", "_outcomes", "completed")

    def __init__(self) -> None:
        """Begin at zero."""
        self._fresh: list[int] = []
        self._completed = Buckets(RUN_BOUNDS_US)
        self._others = Buckets(RUN_BOUNDS_US)
        self._outcomes: Counter[str] = Counter()
        self.completed: Callable[[int], None] = self._fresh.append
        """Count a run that completed, by its microseconds; called for every job."""

    def ended(self, report: Ended) -> None:
        """Count a run by the report of its end."""
        if isinstance(report, Done):
            self.completed(report.run_us)
            return
        self._outcomes[_outcome(report)] += 1
        if isinstance(report, Failed | Stopped):
            self._others.add(report.run_us)

    def lost(self) -> None:
        """Count a run that nobody waits for any more."""
        self._outcomes["lost"] += 1

    def fold(self) -> None:
        """Sort in what has gathered."""
        self._completed.take(self._fresh)

    def outcomes(self) -> dict[str, int]:
        """Return how often runs ended how."""
        self.fold()
        counted = {"completed": self._completed.count, **self._outcomes}
        return {outcome: counted[outcome] for outcome in OUTCOMES if counted.get(outcome)}

    def microseconds(self) -> Buckets:
        """Return how long those runs took that the handler ended, well or badly."""
        self.fold()
        both = Buckets(RUN_BOUNDS_US)
        both.merge(self._completed)
        both.merge(self._others)
        return both


class Tally:
    """Everything that one worker has counted since it started."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.runs: dict[str, Runs] = {}
        """By job type."""
        self.waits = Buckets(WAIT_BOUNDS_S)
        self._fresh: list[float] = []
        self.waited = self._fresh.append
        """Count a job's seconds from when it could start until it did; called for every job."""

    def of(self, job_type: str) -> Runs:
        """Return where runs of this job type are counted."""
        known = self.runs.get(job_type)
        if known is None:
            if len(self.runs) >= MOST_TYPES:
                return self.others()
            known = self.runs[job_type] = Runs()
        return known

    def others(self) -> Runs:
        """Return where runs of all other job types are counted."""
        return self.runs.setdefault(OTHER, Runs())

    def fold(self) -> None:
        """Sort in what has gathered; to be called a few times a second."""
        self.waits.take(self._fresh)
        for runs in self.runs.values():
            runs.fold()


def _outcome(report: Failed | Released | Stopped | object) -> str:
    if isinstance(report, Stopped):
        return "cancelled"
    if isinstance(report, Failed):
        if report.retry_in_ms is not None:
            return "retried"
        return "timeout" if report.reason is FailReason.TIMEOUT else "failed"
    if isinstance(report, Released):
        if report.parked:
            return "parked"
        if report.body is not None:
            return "requeued"
        return "snoozed" if report.delay_ms else "released"
    raise TypeError(f"{type(report).__name__} is no end of a run.")
