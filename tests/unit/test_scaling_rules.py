"""Each rule with its before, after and why; the whole decision around it as it really is."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from headpond.scaling import (
    Behavior,
    Memory,
    Mode,
    Pause,
    Policy,
    Rate,
    Seen,
    Select,
    Step,
    Target,
    Window,
    decide,
)
from headpond.schedules import parse_cron
from scaling_cases import HELD, NOW_MS, SETTLED, a_sample, a_worker, busy_workers, decided, learned

if TYPE_CHECKING:
    from headpond.scaling import Decision

AUTO = Policy(slots=50)
WIDE = Policy(slots=10, max=1000)


def step(decision: Decision, rule: str) -> Step:
    """Return the last step of this rule."""
    return next(one for one in reversed(decision.steps) if one.rule == rule)


# ── the wish ──


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


# ── time ──


def test_down_waits_for_the_window() -> None:
    """What was wanted half a minute ago still counts, and the end of that is foreseen."""
    memory = learned(service_s=1.0, highs=((NOW_MS - 30_000, 8), (NOW_MS - 10_000, 6)))
    decision = decided(WIDE, a_sample(waiting=300), 10, memory)
    why = "8 workers were wanted within the last 60 s"
    assert step(decision, "stabilization") == Step("stabilization", 1, 8, why)
    assert (decision.next_change_ms, decision.next_change_to) == (NOW_MS + 30_000, 6)


def test_down_after_the_window() -> None:
    """What was wanted longer ago counts no more."""
    memory = learned(service_s=1.0, highs=((NOW_MS - 60_000, 8),))
    assert decided(WIDE, a_sample(waiting=300), 10, memory).replicas == 1


def test_up_waits_for_the_window() -> None:
    """With an upward window a short spike raises nothing."""
    policy = Policy(slots=10, scale_up=Behavior(stabilization_s=10))
    decision = decided(policy, a_sample(waiting=100), 2, learned(lows=((NOW_MS - 4000, 3),)))
    why = "3 workers were enough within the last 10 s"
    assert step(decision, "stabilization") == Step("stabilization", 10, 3, why)


def test_min_is_stronger_than_a_window() -> None:
    """Bounds that people set do not wait."""
    policy = Policy(min=4, scale_up=Behavior(stabilization_s=10))
    assert decided(policy, a_sample(), 1, learned(lows=((NOW_MS - 4000, 1),))).replicas == 4


def test_max_is_stronger_than_a_window_and_a_rate() -> None:
    """A lowered `max` holds at once, as with the HPA."""
    one_a_minute = Behavior(60, (Rate("Pods", 1, 60),))
    memory = learned(service_s=1.0, highs=((NOW_MS - 1000, 20),))
    policy = Policy(slots=10, max=5, scale_down=one_a_minute)
    assert decided(policy, a_sample(waiting=9000), 20, memory).replicas == 5


@pytest.mark.parametrize(
    ("policies", "select", "raised", "to"),
    [
        ((Rate("Pods", 4, 60),), Select.MAX, (), 14),
        ((Rate("Percent", 100, 60),), Select.MAX, (), 20),
        ((Rate("Pods", 4, 60), Rate("Percent", 100, 60)), Select.MAX, (), 20),
        ((Rate("Pods", 4, 60), Rate("Percent", 100, 60)), Select.MIN, (), 14),
        ((Rate("Pods", 4, 60),), Select.MAX, ((NOW_MS - 30_000, 3),), 11),
        ((Rate("Pods", 4, 60),), Select.MAX, ((NOW_MS - 61_000, 3),), 14),
        ((Rate("Pods", 4, 60),), Select.MAX, ((NOW_MS - 1000, 9),), 10),
        ((), Select.DISABLED, (), 10),
        ((), Select.MAX, (), 100),
    ],
)
def test_rate_up(
    policies: tuple[Rate, ...], select: Select, raised: tuple[tuple[int, int], ...], to: int
) -> None:
    """The HPA's arithmetic: from the number at the period's begin."""
    policy = Policy(slots=10, max=100, scale_up=Behavior(0, policies, select))
    memory = learned(raised=raised, replicas=10)
    assert decided(policy, a_sample(waiting=1000), 10, memory).replicas == to


@pytest.mark.parametrize(
    ("policies", "select", "lowered", "to"),
    [
        ((Rate("Pods", 2, 60),), Select.MAX, (), 8),
        ((Rate("Percent", 50, 60),), Select.MAX, (), 5),
        ((Rate("Percent", 25, 60),), Select.MAX, (), 7),
        ((Rate("Pods", 2, 60), Rate("Percent", 50, 60)), Select.MIN, (), 8),
        ((Rate("Pods", 2, 60),), Select.MAX, ((NOW_MS - 30_000, 1),), 9),
        ((), Select.DISABLED, (), 10),
    ],
)
def test_rate_down(
    policies: tuple[Rate, ...], select: Select, lowered: tuple[tuple[int, int], ...], to: int
) -> None:
    """Down as well, rounded in the HPA's direction."""
    policy = Policy(slots=10, scale_down=Behavior(0, policies, select))
    memory = learned(service_s=0.1, lowered=lowered, replicas=10)
    assert decided(policy, a_sample(waiting=5), 10, memory).replicas == to


def test_rate_says_its_policies() -> None:
    """The step names the policies, and when the allowance comes back."""
    policy = Policy(slots=10, scale_up=Behavior(0, (Rate("Pods", 4, 60), Rate("Percent", 10, 30))))
    memory = learned(raised=((NOW_MS - 20_000, 4),), replicas=10)
    decision = decided(policy, a_sample(waiting=150), 10, memory)
    why = "no faster up than 4 workers in 60 s, 10 % in 30 s (Max of them)"
    assert step(decision, "rate") == Step("rate", 15, 10, why)
    assert (decision.next_change_ms, decision.next_change_to) == (NOW_MS + 10_000, 15)


def test_a_percentage_of_zero_is_one() -> None:
    """From zero a percentage would never begin."""
    policy = Policy(slots=10, scale_up=Behavior(0, (Rate("Percent", 100, 60),)))
    assert decided(policy, a_sample(waiting=50), 0).replicas == 1


def test_moves_are_seen_where_they_happen() -> None:
    """A number that somebody else changed counts for the rates too."""
    decision = decided(AUTO, a_sample(), 7, learned(replicas=4))
    assert decision.memory.raised == ((NOW_MS, 3),)
    decision = decided(AUTO, a_sample(), 2, learned(replicas=4))
    assert decision.memory.lowered == ((NOW_MS, 2),)


def test_idle_before_zero() -> None:
    """The last worker stays until it was quiet for `idleAfter`, and the end of that is foreseen."""
    memory = learned(idle_since_ms=NOW_MS - 40_000, idle_samples=2)
    decision = decided(AUTO, a_sample(), 1, memory)
    why = "one worker stays until nothing was to do for 2 min; so far 40 s"
    assert step(decision, "idle") == Step("idle", 0, 1, why)
    assert (decision.next_change_ms, decision.next_change_to) == (NOW_MS + 80_000, 0)


def test_zero_after_idle() -> None:
    """Quiet for long enough, it goes."""
    memory = learned(idle_since_ms=NOW_MS - 120_000, idle_samples=2)
    assert decided(AUTO, a_sample(), 1, memory).replicas == 0


def test_zero_needs_two_samples() -> None:
    """One quiet sample is not enough, even without any `idleAfter`."""
    policy = Policy(idle_after_s=0)
    first = decided(policy, a_sample(), 1)
    assert first.replicas == 1
    seen = Seen("attendance", NOW_MS + 1000, a_sample(at_ms=NOW_MS + 1000), 1)
    assert decide(policy, seen, first.memory).replicas == 0


def test_no_zero_before_a_due_job() -> None:
    """A job that is due before a worker could start keeps the last one."""
    memory = learned(idle_since_ms=NOW_MS - 500_000, idle_samples=2)
    sample = a_sample(delayed=1, next_due_ms=NOW_MS + 3000)
    assert decided(AUTO, sample, 1, memory).replicas == 1


# ── care ──


def test_busy_workers_with_long_jobs_stay() -> None:
    """Three workers hold long jobs; the other two may go."""
    sample = a_sample(active=4, workers=busy_workers(2, 0, 1, 1, 0))
    decision = decided(WIDE, sample, 5, learned(service_s=340.0))
    why = "3 workers hold 4 jobs of about 5.7 min and are left to work"
    assert step(decision, "busy") == Step("busy", 1, 3, why)
    assert decision.replicas == 3


def test_busy_workers_with_unmeasured_jobs_stay() -> None:
    """A job whose length nobody knows may be long."""
    sample = a_sample(active=2, workers=busy_workers(1, 1))
    decision = decided(WIDE, sample, 2)
    assert step(decision, "busy").why == "2 workers hold 2 jobs and are left to work"
    assert decision.replicas == 2


def test_short_jobs_keep_no_worker() -> None:
    """Jobs of 0.2 s on every worker do not keep every worker."""
    sample = a_sample(active=4, workers=busy_workers(1, 1, 1, 1))
    decision = decided(WIDE, sample, 4, learned(service_s=0.2, arrival_per_s=20))
    assert (decision.replicas, decision.has("busy")) == (1, False)


def test_no_raise_into_a_crash_loop() -> None:
    """It says so instead, with the fleet's own words."""
    trouble = "3 workers exited with code 1 within 2 s"
    decision = decided(
        WIDE, a_sample(waiting=900), 4, crash_looping=True, trouble=trouble, starting=4
    )
    why = f"not raised to 90 into a crash loop: {trouble}"
    assert step(decision, "crash-loop") == Step("crash-loop", 90, 4, why)
    assert decision.replicas == 4


def test_one_worker_keeps_trying() -> None:
    """From zero a single one finds out whether it is mended."""
    assert decided(WIDE, a_sample(waiting=900), 0, crash_looping=True).replicas == 1


def test_nothing_goes_down_after_a_restart() -> None:
    """A memory that begins now holds the number for a window."""
    decision = decided(AUTO, a_sample(), 9, Memory())
    why = "nothing goes down within 60 s of a restart"
    assert step(decision, "restart") == Step("restart", 1, 9, why)
    assert (decision.next_change_ms, decision.next_change_to) == (NOW_MS + 60_000, 1)
    assert decision.memory.since_ms == NOW_MS


def test_a_restart_remembers_what_is_worth_it() -> None:
    """Service time and cold start are still true; recommendations and counters are not."""
    memory = learned(service_s=0.3, cold_start_s=4, highs=((NOW_MS, 3),)).restarted()
    assert memory == Memory(epoch="e1", service_s=0.3, cold_start_s=4)


# ── orders ──


def test_manual() -> None:
    """Somebody's number is taken as it is."""
    policy = Policy(mode=Mode.MANUAL, replicas=7, max=5)
    decision = decided(policy, a_sample(), 1)
    assert step(decision, "manual") == Step("manual", 1, 7, "mode Manual: 7 workers")
    assert decision.writes


def test_frozen() -> None:
    """It stays, and says what it would be."""
    decision = decided(Policy(mode=Mode.FROZEN, slots=10), a_sample(waiting=100), 3)
    assert decision.line == "attendance stays 3: mode Frozen; without it 10 workers"
    assert not decision.writes


def test_recommend() -> None:
    """It decides as ever; nobody may write it."""
    decision = decided(Policy(mode=Mode.RECOMMEND, slots=10), a_sample(waiting=100), 3)
    assert (decision.replicas, decision.writes) == (10, False)


def test_drain_waits_for_running_jobs() -> None:
    """Workers that hold jobs stay, the others go."""
    sample = a_sample(waiting=50, active=3, workers=busy_workers(2, 1, 0, 0))
    decision = decided(Policy(pause=Pause.DRAIN, min=2), sample, 4, learned(service_s=0.2))
    why = "pause Drain: 3 jobs still running on 2 workers"
    assert step(decision, "drain") == Step("drain", 2, 2, why)


def test_drain_ends_at_zero() -> None:
    """When the last has ended nobody stays: past `min`, with jobs waiting, after a restart."""
    policy = Policy(pause=Pause.DRAIN, min=2)
    decision = decided(policy, a_sample(waiting=50), 4, Memory())
    assert (decision.replicas, decision.reason) == (0, "pause Drain, and no job runs")


# ── unknown ──

UNKNOWN = "the queue's store does not answer, which is not an empty queue: "


@pytest.mark.parametrize(
    "policy",
    [
        AUTO,
        Policy(max=2),
        Policy(mode=Mode.MANUAL, replicas=0),
        Policy(pause=Pause.DRAIN),
    ],
)
def test_unknown_holds(policy: Policy) -> None:
    """Without a sample the number stays, whatever else is asked for."""
    decision = decided(policy, None, 6, learned(idle_since_ms=1, idle_samples=2))
    assert decision.replicas == 6
    assert decision.has("unknown")
    assert decision.reason == UNKNOWN + "the number stays"


def test_unknown_at_least() -> None:
    """`atLeast` raises, up to `max`, and never lowers."""
    policy = Policy(on_unknown_at_least=3)
    decision = decided(policy, None, 0)
    assert decision.replicas == 3
    assert decision.reason == UNKNOWN + "onUnknown asks for at least 3 workers"
    assert decided(policy, None, 5).replicas == 5
    assert decided(Policy(on_unknown_at_least=9, max=4), None, 0).replicas == 4


def test_min_holds_for_an_unknown_queue() -> None:
    """What needs no sample is still done."""
    assert decided(Policy(min=2), None, 0).replicas == 2


@pytest.mark.parametrize("epoch", ["e2", ""])
def test_an_empty_store_is_not_an_empty_queue(epoch: str) -> None:
    """Another epoch, or none, counts as unknown for a window."""
    memory = learned(idle_since_ms=NOW_MS - 500_000, idle_samples=2)
    decision = decided(AUTO, a_sample(epoch=epoch), 6, memory)
    assert step(decision, "store-reset").why.startswith("StoreReset: ")
    assert decision.replicas == 6
    assert decision.memory.reset_ms == NOW_MS


def test_a_reset_ends_with_its_window() -> None:
    """After a window the new epoch is the epoch."""
    memory = decided(AUTO, a_sample(epoch="e2"), 6).memory
    for seconds, replicas in ((59, 6), (60, 1)):
        at_ms = NOW_MS + seconds * 1000
        seen = Seen("attendance", at_ms, a_sample(epoch="e2", at_ms=at_ms), 6)
        decision = decide(AUTO, seen, memory)
        assert decision.has("store-reset") is (seconds < 60)
        memory = decision.memory
        assert decision.replicas >= replicas


def test_jobs_after_a_reset_get_workers() -> None:
    """What the new store shows wants to run."""
    assert decided(WIDE, a_sample(epoch="e2", waiting=200), 6).replicas == 20


# ── the decision as a whole ──


def test_decision_as_json() -> None:
    """The store, the status and the API get the same document."""
    sample = a_sample(waiting=100, workers=(a_worker("a"),))
    assert decided(WIDE, sample, 3).to_json() == (
        '{"at_ms":1800000000000,"queue":"attendance","from":3,"to":10,"rule":"demand",'
        '"reason":"100 waiting need 10 workers of 10 slots: a slot for each until the first'
        ' has ended","writes":true,"inputs":{"replicas":3,"starting":0,"waiting":100,"due":0,'
        '"active":0,"delayed":0,"oldest_age_s":0.0,"arrival_per_s":0.0,"service_s":null,'
        '"cold_start_s":0.0},"steps":[{"rule":"demand","before":3,"after":10,"why":"100 waiting'
        ' need 10 workers of 10 slots: a slot for each until the first has ended"}],'
        '"next_change":null}'
    )


def test_settled_memory_is_the_default() -> None:
    """The cases above speak of somebody who has decided for a while."""
    assert SETTLED.since_ms < NOW_MS
