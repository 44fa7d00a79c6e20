"""When the governor need not think about an empty queue again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headpond.governor.watch import Look, is_at_rest
from headpond.queues import Hold, QueueSample
from headpond.scaling import Policy, Seen
from scaling_cases import EMPTY, HELD, NOW_MS, decided

POLICY = Policy()
LATER_MS = NOW_MS + 1_000


def rests(before: QueueSample, now: QueueSample) -> bool:
    """Return whether a queue at zero rests that looked like `before` a second ago."""
    seen = Seen("attendance", NOW_MS, before, 0)
    look = Look(POLICY, seen, decided(POLICY, before, 0))
    return is_at_rest(look, POLICY, replace(seen, now_ms=LATER_MS, sample=now))


@pytest.mark.parametrize("held", [(), HELD])
def test_a_queue_that_stays_as_it_is_rests(held: tuple[Hold, ...]) -> None:
    """Held or not."""
    before = replace(EMPTY, held=held)
    assert rests(before, replace(before, at_ms=LATER_MS))


def test_another_hold_in_the_place_of_the_first_is_news() -> None:
    """Who holds it and why is told on the object and on every screen."""
    spec = (Hold("spec", "QueueConfig shop/attendance", "spec.pause is Hold.", NOW_MS),)
    assert not rests(replace(EMPTY, held=spec), replace(EMPTY, held=HELD))
