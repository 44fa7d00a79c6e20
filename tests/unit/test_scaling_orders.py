"""Orders, and what holds when nobody knows anything: each rule with its why."""

from __future__ import annotations

import pytest

from headpond.scaling import (
    Memory,
    Mode,
    Pause,
    Policy,
    Seen,
    Step,
    decide,
)
from scaling_cases import (
    NOW_MS,
    a_sample,
    a_worker,
    busy_workers,
    decided,
    learned,
    step,
)

AUTO = Policy(slots=50)
WIDE = Policy(slots=10, max=1000)


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
