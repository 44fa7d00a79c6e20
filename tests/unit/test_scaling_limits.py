"""What time and care make of a wish: each rule with its before, after and why."""

from __future__ import annotations

import pytest

from headpond.scaling import (
    Behavior,
    Memory,
    Policy,
    Rate,
    Seen,
    Select,
    Step,
    decide,
)
from scaling_cases import (
    NOW_MS,
    a_sample,
    busy_workers,
    decided,
    learned,
    step,
)

AUTO = Policy(slots=50)
WIDE = Policy(slots=10, max=1000)


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
