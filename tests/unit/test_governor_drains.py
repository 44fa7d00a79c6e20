"""Whom to ask, whom to take back, whom to stop: case by case."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headpond.governor.drains import Staff, plan_down
from headpond.queues import WorkerSeen, WorkerState
from scaling_cases import HELD, NOW_MS, a_sample, a_worker

DRAINING, DRAINED = WorkerState.DRAINING, WorkerState.DRAINED


def young(name: str, active: int = 0) -> WorkerSeen:
    """Return a worker that started later than the others."""
    return replace(a_worker(name, active), started_ms=NOW_MS - 1000)


def test_the_idlest_are_asked_and_of_those_the_youngest() -> None:
    """Busy workers and old hands stay."""
    workers = (a_worker("a", 3), a_worker("b"), young("c"), a_worker("d", 1))
    plan = plan_down(a_sample(active=4, workers=workers), Staff(4), 2)
    assert plan.ask == ("c", "b")
    assert (plan.stop, plan.to) == ((), 4)


def test_nobody_is_stopped_in_the_round_that_asks() -> None:
    """An idle worker may claim a job in the very moment before the mark."""
    plan = plan_down(a_sample(active=1, workers=(a_worker("a"), a_worker("b", 1))), Staff(2), 1)
    assert (plan.ask, plan.stop, plan.staff.asked) == (("a",), (), frozenset("a"))


def test_those_that_acknowledged_are_stopped_exactly() -> None:
    """The number goes down by as many as acknowledged, and by no more."""
    workers = (a_worker("a", 0, DRAINED), a_worker("b", 2, DRAINING), a_worker("c", 5))
    plan = plan_down(a_sample(active=7, workers=workers), Staff(3, frozenset("ab")), 1)
    assert (plan.stop, plan.to) == (("a",), 2)
    assert plan.staff == Staff(2, frozenset("b"), stopped=frozenset("a"))


def test_a_busy_victim_is_left_to_finish() -> None:
    """It stays asked, round after round, and nobody is asked instead."""
    workers = (a_worker("a", 1, DRAINING), a_worker("b", 1))
    sample = a_sample(active=2, workers=workers)
    plan = plan_down(sample, Staff(2, frozenset("a")), 1)
    assert (plan.ask, plan.stop, plan.to) == ((), (), 2)
    assert plan.staff.asked == frozenset("a")


def test_a_word_without_a_mark_is_no_acknowledgement() -> None:
    """A worker whom another governor drained is marked again before it is believed."""
    workers = (a_worker("a", 0, DRAINED), a_worker("b", 1))
    sample = a_sample(active=1, workers=workers)
    first = plan_down(sample, Staff(2), 1)
    assert (first.ask, first.stop) == (("a",), ())
    assert plan_down(sample, first.staff, 1).stop == ("a",)


def test_a_drained_worker_with_a_job_is_not_stopped() -> None:
    """The store's count is stronger than a word that may be old."""
    sample = a_sample(active=1, workers=(a_worker("a", 1, DRAINED),))
    assert plan_down(sample, Staff(1, frozenset("a")), 0).stop == ()


def test_returning_demand_takes_the_busiest_back() -> None:
    """Those that could go at once stay on their way."""
    workers = (a_worker("a", 2, DRAINING), a_worker("b", 0, DRAINED), a_worker("c", 1))
    plan = plan_down(a_sample(active=3, workers=workers), Staff(3, frozenset("ab")), 2)
    assert (plan.release, plan.stop) == (("a",), ("b",))


def test_full_demand_takes_all_back_once() -> None:
    """They are not taken back again while their old word still stands."""
    workers = (a_worker("a", 2, DRAINING), a_worker("b", 0, DRAINED))
    sample = a_sample(active=2, workers=workers)
    plan = plan_down(sample, Staff(2, frozenset("ab")), 2)
    assert (sorted(plan.release), plan.stop, plan.to) == (["a", "b"], (), 2)
    again = plan_down(sample, plan.staff, 2)
    assert (again.release, again.ask) == ((), ())
    back = plan_down(a_sample(workers=(a_worker("a"), a_worker("b"))), again.staff, 2)
    assert back.staff.released == frozenset()


def test_a_worker_taken_back_may_be_asked_again() -> None:
    """Its old acknowledgement counts for nothing then."""
    sample = a_sample(active=1, workers=(a_worker("a", 0, DRAINED), a_worker("b", 1)))
    plan = plan_down(sample, Staff(2, released=frozenset("a")), 1)
    assert (plan.ask, plan.stop) == (("a",), ())
    assert plan.staff.released == frozenset()


def test_a_vanished_victim_is_dropped() -> None:
    """Somebody else is asked instead, if it is still wanted."""
    sample = a_sample(active=2, workers=(a_worker("b", 1), a_worker("c", 1)))
    plan = plan_down(sample, Staff(2, frozenset("a")), 1)
    assert plan.staff.asked == frozenset(plan.ask)
    assert len(plan.ask) == 1


def test_stopped_workers_are_none_of_ours() -> None:
    """The store knows them for a moment longer; they are not asked, counted or taken back."""
    workers = (a_worker("a", 0, DRAINED), a_worker("b", 1))
    plan = plan_down(a_sample(active=1, workers=workers), Staff(1, stopped=frozenset("a")), 1)
    assert (plan.ask, plan.release, plan.stop, plan.to) == ((), (), (), 1)
    gone = plan_down(a_sample(active=1, workers=workers[1:]), plan.staff, 1)
    assert gone.staff.stopped == frozenset()


def test_unheard_workers_count_as_staying() -> None:
    """Two of five are still starting, so that only one of those who work is asked."""
    workers = (a_worker("a", 1), a_worker("b", 1), a_worker("c"))
    plan = plan_down(a_sample(waiting=1, active=2, workers=workers), Staff(5), 2)
    assert plan.ask == ("c",)


def test_workers_that_never_came_are_called_off() -> None:
    """With nothing to do, zero needs no word of those that nobody has heard of."""
    plan = plan_down(a_sample(), Staff(3), 0)
    assert (plan.to, plan.stop) == (0, ())


@pytest.mark.parametrize(("held", "to"), [(HELD, 0), ((), 3)])
def test_a_held_backlog_keeps_nobody(held: tuple[()], to: int) -> None:
    """Jobs that may not start are nothing that a worker could begin at any moment."""
    assert plan_down(a_sample(waiting=9, held=held), Staff(3), 0).to == to


def test_stopping_workers_are_left_alone() -> None:
    """Whoever got SIGTERM from somebody else goes by itself."""
    sample = a_sample(active=1, workers=(a_worker("a", 1, WorkerState.STOPPING), a_worker("b")))
    plan = plan_down(sample, Staff(2, frozenset("a")), 1)
    assert (plan.ask, plan.stop) == (("b",), ())
