"""The formula, the averages, the mark: figures against figures worked out by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from headpond.scaling import Memory, Mode, Pause, Policy, Target, wake_mark
from headpond.scaling.arithmetic import Load, backlog_beyond, catch_up_s, learn, workers_for
from scaling_cases import HELD, NOW_MS, SETTLED, a_sample, learned

if TYPE_CHECKING:
    from headpond.queues import QueueSample

FIFTY = Policy(slots=50)


@pytest.mark.parametrize(
    ("load", "workers"),
    [
        (Load(0, 0, 9.0, 1.0, 30), 0),  # nothing to do, whatever was
        (Load(1, 0, 0.0, None, 30), 1),
        (Load(101, 0, 0.0, None, 30), 3),  # S unknown: a slot for each
        (Load(50, 50, 0.0, None, 30), 2),  # those that run hold their slots
        (Load(0, 1, 0.0, 0.2, 30), 1),
        (Load(0, 5, 500.0, 0.2, 30), 2),  # Little: 100 runs going
        (Load(0, 5, 501.0, 0.2, 30), 3),
        (Load(75_000, 0, 0.0, 0.2, 30), 10),  # 15,000 s of work in 30 s: 500 slots
        (Load(75_000, 0, 500.0, 0.2, 30), 12),
    ],
)
def test_workers_for_load(load: Load, workers: int) -> None:
    """The formula gives what one works out by hand."""
    assert workers_for(FIFTY, load) == workers


@pytest.mark.parametrize(("backlog", "workers"), [(1, 1), (100, 1), (101, 2), (1000, 10)])
def test_backlog_per_replica(backlog: int, workers: int) -> None:
    """The other target counts waiting jobs and nothing else; the 101st needs a second worker."""
    policy = Policy(target=Target(backlog_per_replica=100))
    assert workers_for(policy, Load(backlog, 3, 50.0, 2.0, 30)) == workers


@pytest.mark.parametrize(
    ("wait_s", "cold_start_s", "catch_up"),
    [(30, 0, 30), (30, 5, 25), (30, 29, 7.5), (30, 300, 7.5), (1, 0.5, 1), (0.1, 0, 1)],
)
def test_catch_up(wait_s: float, cold_start_s: float, catch_up: float) -> None:
    """A cold start shortens the time to catch up in, down to a quarter of the promise."""
    assert catch_up_s(Policy(target=Target(wait_s=wait_s)), cold_start_s) == catch_up


def test_first_sample_teaches_nothing() -> None:
    """One sample is no difference."""
    memory = learn(Memory(), a_sample(waiting=9, ended_total=500, run_us_total=10**9))
    assert (memory.arrival_fast, memory.arrival_slow, memory.service_s) == (0, 0, None)


def test_service_time_of_the_first_runs() -> None:
    """The first runs that end are believed at once."""
    memory = learn(learn(Memory(), a_sample()), later(ended_total=4, run_us_total=840_000))
    assert memory.service_s == pytest.approx(0.21)


def test_service_time_follows_the_latest_runs() -> None:
    """Fifty runs weigh as much as 1 - 1/e against all before."""
    before = learn(learned(service_s=1.0), a_sample())
    memory = learn(before, later(ended_total=50, run_us_total=100_000_000))
    assert memory.service_s == pytest.approx(2 - math.exp(-1))


def test_arrivals_are_what_ended_and_what_is_more() -> None:
    """Of 30 runs in a second ten ended and twenty are outstanding."""
    memory = learn(
        learn(Memory(), a_sample()), later(ended_total=10, run_us_total=1, waiting=15, active=5)
    )
    assert memory.arrival_fast == pytest.approx(30 * (1 - math.exp(-1 / 15)))
    assert memory.arrival_slow == pytest.approx(30 * (1 - math.exp(-1 / 120)))


def test_delayed_jobs_are_no_arrivals_until_due() -> None:
    """A thousand jobs for tomorrow ask for nothing today."""
    before = learn(Memory(), a_sample())
    tomorrow = learn(before, later(delayed=1000, added_total=1000))
    assert tomorrow.arrival_fast == 0
    due = learn(tomorrow, later(seconds=2, due=1000, added_total=1000))
    assert due.arrival_fast > 60


def test_cleared_queue_is_no_arrival() -> None:
    """Fewer jobs without an end is a clear or a cancellation, never a negative rate."""
    memory = learn(learn(Memory(), a_sample(waiting=500)), later(waiting=0))
    assert memory.arrival_fast == 0


def test_same_sample_twice_teaches_once() -> None:
    """A sample that is not fresh changes nothing, the idle count included."""
    once = learn(Memory(), a_sample())
    assert learn(once, a_sample()) == once


def test_counters_that_fall_start_anew() -> None:
    """Counters that went back are another store's: the next difference counts."""
    before = learn(learned(service_s=0.5), a_sample(ended_total=900, run_us_total=900))
    after = learn(before, later(ended_total=3, run_us_total=3, waiting=700))
    assert (after.service_s, after.arrival_fast) == (0.5, 0)
    assert after.counters is not None
    assert after.counters.ended_total == 3


def test_idle_is_counted_from_the_first_quiet_sample() -> None:
    """Work between two quiet samples begins the count again."""
    memory = learn(SETTLED, a_sample())
    assert (memory.idle_since_ms, memory.idle_samples) == (NOW_MS, 1)
    memory = learn(memory, later())
    assert (memory.idle_since_ms, memory.idle_samples) == (NOW_MS, 2)
    memory = learn(memory, later(seconds=2, ended_total=1, run_us_total=5))
    assert (memory.idle_since_ms, memory.idle_samples) == (NOW_MS + 2000, 1)
    memory = learn(memory, later(seconds=3, waiting=1, ended_total=1, run_us_total=5))
    assert (memory.idle_since_ms, memory.idle_samples) == (0, 0)


@pytest.mark.parametrize(
    ("load", "replicas", "mark"),
    [
        (Load(0, 0, 0, None, 30), 0, 1),
        (Load(0, 20, 0, None, 30), 1, 31),
        (Load(0, 80, 0, None, 30), 1, 1),
        (Load(0, 0, 0, 0.2, 30), 1, 7501),
        (Load(0, 0, 100, 0.2, 30), 1, 4501),
        (Load(0, 0, 900, 0.2, 30), 1, 1),
        (Load(0, 0, 0, 0.0, 30), 1, 0),
    ],
)
def test_backlog_beyond(load: Load, replicas: int, mark: int) -> None:
    """The mark is the first backlog that needs one worker more."""
    assert backlog_beyond(FIFTY, load, replicas) == mark


def test_wake_mark_is_above_the_backlog() -> None:
    """What is there already is known already."""
    sample = a_sample(waiting=400)
    assert wake_mark(FIFTY, sample, SETTLED, 3) == 401


@pytest.mark.parametrize(
    "policy",
    [Policy(max=3), Policy(pause=Pause.HOLD), Policy(mode=Mode.FROZEN), Policy(mode=Mode.MANUAL)],
)
def test_no_wake_without_a_change(policy: Policy) -> None:
    """At the ceiling, paused or by order, no backlog changes anything."""
    assert wake_mark(policy, a_sample(), SETTLED, 3) == 0


def test_no_wake_from_a_held_or_unknown_queue() -> None:
    """A held backlog asks for nothing, and an unknown queue has no mark."""
    assert wake_mark(FIFTY, a_sample(held=HELD), SETTLED, 0) == 0
    assert wake_mark(FIFTY, None, SETTLED, 0) == 0


def later(*, seconds: int = 1, **changes: int) -> QueueSample:
    """Return a sample of some seconds later."""
    return a_sample(at_ms=NOW_MS + seconds * 1000, **changes)
