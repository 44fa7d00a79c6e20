"""What the load and the bounds ask for: each rule with its before, after and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

from headpond.scaling import (
    Memory,
    Pause,
    Policy,
    Step,
    Target,
    Window,
)
from headpond.schedules import parse_cron
from scaling_cases import (
    HELD,
    NOW_MS,
    a_sample,
    decided,
    learned,
    step,
)

AUTO = Policy(slots=50)
WIDE = Policy(slots=10, max=1000)


def test_demand_measured() -> None:
    """A measured backlog names what waits, how long each takes, and the promise."""
    memory = learned(service_s=0.21, cold_start_s=20.0)
    decision = decided(AUTO, a_sample(waiting=24_060), 3, memory)
    why = "24,060 waiting at 0.21 s each need 11 workers of 50 slots to start within 30 s"
    assert decision.steps == (Step("demand", 3, 11, why),)
    assert decision.line == f"attendance 3→11: {why}"
    assert decision.rule == "demand"


def test_demand_unmeasured() -> None:
    """Before the first end each job gets a slot, from zero in one step."""
    decision = decided(WIDE, a_sample(waiting=500), 0, Memory(epoch="e1"))
    why = "500 waiting need 50 workers of 10 slots: a slot for each until the first has ended"
    assert decision.steps == (Step("demand", 0, 50, why),)
    assert decision.replicas == 50


def test_demand_of_arrivals() -> None:
    """Arrivals alone keep workers busy."""
    decision = decided(WIDE, a_sample(active=30), 2, learned(service_s=1.0, arrival_per_s=30.5))
    why = "30 running and 30/s arriving at 1 s each ask for 4 workers of 10 slots"
    assert step(decision, "demand") == Step("demand", 2, 4, why)


def test_demand_by_backlog_per_replica() -> None:
    """The other target says its own figure."""
    policy = Policy(slots=10, target=Target(backlog_per_replica=100))
    decision = decided(policy, a_sample(waiting=250), 1)
    assert decision.reason == "250 waiting at 100 per worker need 3 workers of 10 slots"


def test_demand_of_nothing() -> None:
    """An empty queue asks for nobody."""
    assert decided(AUTO, a_sample(), 0).line == "attendance stays 0: nothing waits and nothing runs"


def test_jobs_that_stand_aside_ask_for_no_more_workers() -> None:
    """More of them could start none: a tenant's limit is the same however many there are."""
    policy = Policy(slots=10, max=50)
    assert decided(policy, a_sample(waiting=5000, aside=4990, active=5), 1).replicas == 2
    assert decided(policy, a_sample(waiting=5000, aside=5000, active=5), 1).replicas == 1


def test_jobs_that_stand_aside_are_left_alone_by_nobody() -> None:
    """Without a worker nobody would find out that their tenant may start one again."""
    for current in (0, 1):
        assert decided(Policy(slots=10), a_sample(waiting=50, aside=50), current).replicas == 1


def test_held_backlog_asks_for_nothing() -> None:
    """New workers could start none of the held jobs; it says who holds them and why."""
    decision = decided(WIDE, a_sample(waiting=5000, held=HELD), 0)
    why = "held by ana (broken import): 5,000 jobs may not start and ask for no workers"
    assert decision.steps == (Step("demand", 0, 0, why),)


def test_held_queue_keeps_one_worker_for_the_resume() -> None:
    """It goes down to one worker, and not to zero, while jobs wait."""
    decision = decided(Policy(pause=Pause.HOLD), a_sample(waiting=5000), 8)
    assert (decision.replicas, decision.rule) == (1, "idle")


def test_starting_workers_are_not_asked_for_twice() -> None:
    """The same backlog, with its workers on their way, asks for no more."""
    memory = learned(service_s=1.0, arrival_per_s=90.0, asked_backlog=3000)
    decision = decided(WIDE, a_sample(waiting=3000), 10, memory, starting=10)
    why = "10 workers of 10 are starting for these 3,000 jobs"
    assert step(decision, "starting") == Step("starting", 19, 10, why)
    assert decision.replicas == 10


def test_new_backlog_is_asked_for_while_others_start() -> None:
    """What came since is not taken care of."""
    memory = learned(service_s=1.0, asked_backlog=3000)
    decision = decided(WIDE, a_sample(waiting=6000), 10, memory, starting=10)
    assert decision.replicas == 20
    assert decision.memory.asked_backlog == 6000


def test_a_bound_that_is_raised_while_workers_start_is_heard() -> None:
    """They were asked for less than the load needs, so they don't take care of all of it."""
    memory = learned(service_s=1.0, arrival_per_s=90.0)
    first = decided(replace(WIDE, max=10), a_sample(waiting=3000), 0, memory)
    assert (first.replicas, first.memory.asked_backlog) == (10, 0)
    then = decided(WIDE, a_sample(waiting=3000), 10, first.memory, starting=10)
    assert then.replicas > 10


def test_due_soon_starts_a_worker() -> None:
    """The worker of a delayed job starts before the job is due."""
    sample = a_sample(delayed=1, next_due_ms=NOW_MS + 20_000)
    decision = decided(AUTO, sample, 0, learned(cold_start_s=19.0))
    why = "the next delayed job is due in 20 s, and a worker takes 20 s to start"
    assert step(decision, "due") == Step("due", 0, 1, why)


def test_due_later_is_foreseen() -> None:
    """It says when it will start one."""
    sample = a_sample(delayed=1, next_due_ms=NOW_MS + 60_000)
    decision = decided(AUTO, sample, 0, learned(cold_start_s=19.0))
    assert decision.replicas == 0
    assert (decision.next_change_ms, decision.next_change_to) == (NOW_MS + 40_000, 1)


def test_minimum() -> None:
    """`min` holds without any job."""
    decision = decided(Policy(min=2), a_sample(), 0)
    assert step(decision, "min") == Step("min", 0, 2, "min is 2")


SCHOOL = Window(parse_cron("0 7 * * 1-5"), ZoneInfo("Asia/Kolkata"), 5, 3 * 3600)
"""NOW_MS is 13:30 there, on a Friday."""
MORNING = Window(parse_cron("0 7 * * *"), UTC, 5, 2 * 3600)
"""In force at NOW_MS for one more hour."""


def test_schedule_in_force() -> None:
    """While a window is open its floor holds, and its end is foreseen."""
    decision = decided(Policy(schedule=(MORNING,)), a_sample(), 0)
    why = "the schedule '0 7 * * *' asks for at least 5 workers"
    assert step(decision, "schedule") == Step("schedule", 0, 5, why)
    assert (decision.next_change_ms, decision.next_change_to) == (NOW_MS + 3_600_000, 0)


def test_schedule_to_come() -> None:
    """Before a window opens its beginning is foreseen: Monday, 07:00 in India."""
    decision = decided(Policy(schedule=(SCHOOL,)), a_sample(), 0)
    assert decision.replicas == 0
    in_hours = (decision.next_change_ms - NOW_MS) / 3_600_000
    assert (in_hours, decision.next_change_to) == (65.5, 5)


def test_schedule_with_a_maximum() -> None:
    """A window's `max` takes the place of the usual one."""
    window = Window(MORNING.cron, UTC, 0, 7200, max=40)
    decision = decided(Policy(schedule=(window,)), a_sample(waiting=10_000), 0)
    assert decision.replicas == 40


def test_maximum() -> None:
    """`max` caps, and says what was asked for."""
    decision = decided(Policy(slots=10, max=20), a_sample(waiting=900), 0)
    why = "max is 20; the load asks for 90 workers"
    assert step(decision, "max") == Step("max", 90, 20, why)
    assert decision.rule == "max"


def test_workers_beyond_max_active_are_useless() -> None:
    """`maxActive` 35 fills four workers of ten slots."""
    decision = decided(Policy(slots=10, max_active=35), a_sample(waiting=900), 0)
    why = (
        "maxActive lets 35 jobs run at once, which fill 4 workers of 10 slots;"
        " the load asks for 90 workers"
    )
    assert step(decision, "max") == Step("max", 90, 4, why)


def test_min_is_kept_though_max_active_needs_fewer() -> None:
    """At least so many workers, jobs or not: it is said, so it holds."""
    policy = Policy(slots=10, max_active=5, min=2)
    assert decided(policy, a_sample(waiting=900), 0).replicas == 2
