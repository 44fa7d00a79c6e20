"""How many requests a kind of work may cost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headpond_operator.budget import Budget


def test_a_burst_and_then_the_average() -> None:
    """Two at once, and two a second."""
    budget = Budget(per_s=2.0, burst=2.0)
    taken = [budget.take(at_s) for at_s in (100.0, 100.0, 100.0, 100.5, 100.5, 101.0)]
    assert taken == [True, True, False, True, False, True]


def test_rest_earns_no_more_than_a_burst() -> None:
    """A quiet hour is no licence for a flood."""
    budget = Budget(per_s=2.0, burst=2.0)
    budget.take(0.0)
    assert [budget.take(3600.0) for _ in range(3)] == [True, True, False]


def test_a_clock_that_steps_back_earns_nothing() -> None:
    """And takes nothing away."""
    budget = Budget(per_s=1.0, burst=2.0)
    assert [budget.take(at_s) for at_s in (10.0, 5.0, 5.0, 6.0)] == [True, True, False, True]


@given(st.lists(st.floats(0, 2), max_size=60), st.integers(1, 5), st.integers(1, 5))
def test_no_more_than_the_burst_and_the_average(rests: list[float], per_s: int, burst: int) -> None:
    """However the requests come."""
    budget, now_s, taken = Budget(per_s, burst), 1_000.0, 0
    for rest_s in rests:
        now_s += rest_s
        taken += budget.take(now_s)
    assert taken <= burst + per_s * sum(rests) + 1e-6
