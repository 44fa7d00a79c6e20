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


def test_a_queue_s_decision_is_written_once_until_there_is_another() -> None:
    """Whoever decides may begin anew and say the same again; what others do changes nothing."""
    up = Decided(0, "q", 0, 2, "maximum", "max is 2", writes=True)
    down = Decided(9, "q", 2, 0, "demand", "nothing waits", writes=True)
    other = Decided(1, "r", 0, 2, "maximum", "max is 2", writes=True)
    written: list[str] = []
    lines = Lines(written.append)
    for event in (up, other, up, StoreBack(0, 1000), up, down, up):
        lines.receive(event)
    back = "the store answers again after 1.0 s"
    rises, falls = "q 0→2: max is 2", "q 2→0: nothing waits"
    assert written == [rises, "r 0→2: max is 2", back, falls, rises]


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
