"""Events in words: one line for what people want to see, none for the rest."""

from __future__ import annotations

import pytest

from headpond.events import (
    Decided,
    DrainAcknowledged,
    DrainAsked,
    DrainWithdrawn,
    Event,
    FleetFailed,
    RoundDone,
    RoundFailed,
    Scaled,
    StoreBack,
    StoreLost,
)
from headpond.telemetry.lines import Lines, line_of


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Decided(0, "q", 3, 12, "demand", "900 waiting", writes=True), "q 3→12: 900 waiting"),
        (Decided(0, "q", 3, 3, "unknown", "away", writes=True), "q stays 3: away"),
        (
            Decided(0, "q", 3, 12, "demand", "900 waiting", writes=False),
            "q 3→12 (not written): 900 waiting",
        ),
        (StoreLost(0, "refused"), "the store does not answer, workers stay as they are: refused"),
        (StoreBack(0, 61_000), "the store answers again after 61.0 s"),
        (
            FleetFailed(0, "q", "OSError: full"),
            "q: its workers could not be changed and will be tried again: OSError: full",
        ),
        (
            FleetFailed(0, "", "OSError: full"),
            "the workers could not be changed and will be tried again: OSError: full",
        ),
        (RoundFailed(0, "KeyError: 'q'"), "the governor failed and goes on: KeyError: 'q'"),
        (Scaled(0, "q", 3, 2, ("a",)), ""),
        (DrainAsked(0, "q", ("a",)), ""),
        (DrainAcknowledged(0, "q", ("a",)), ""),
        (DrainWithdrawn(0, "q", ("a",)), ""),
        (RoundDone(0, 1, 0, 0.001), ""),
    ],
)
def test_line(event: Event, line: str) -> None:
    """Each event has its line, or none."""
    written: list[str] = []
    Lines(written.append).receive(event)
    assert line_of(event) == line
    assert written == ([line] if line else [])
