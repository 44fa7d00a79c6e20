"""What holds for every decision, whatever the policy, the load, the memory and the moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

from hypothesis import given, settings
from hypothesis import strategies as st

from headpond.queues import QueueSample, WorkerSeen, WorkerState
from headpond.scaling import (
    Behavior,
    Decision,
    Memory,
    Mode,
    Pause,
    Policy,
    Rate,
    Seen,
    Select,
    Target,
    Window,
    decide,
    memory_from_json,
    recall,
    wake_mark,
)
from headpond.scaling.arithmetic import Load, backlog_beyond, workers_for
from headpond.scaling.bounds import bounds
from headpond.scaling.memory import KEPT, Counters
from headpond.schedules import parse_cron
from scaling_cases import HELD, NOW_MS, a_sample

COUNTS = st.integers(0, 20_000)
REPLICAS = st.integers(0, 60)
SECONDS = st.sampled_from([0.0, 1.0, 5.0, 30.0, 60.0, 300.0])
RATES = st.builds(
    Rate,
    st.sampled_from(["Pods", "Percent"]),
    st.integers(1, 200),
    st.sampled_from([1.0, 15.0, 60.0]),
)
BEHAVIORS = st.builds(
    Behavior, SECONDS, st.lists(RATES, max_size=2).map(tuple), st.sampled_from(Select)
)
TARGETS = st.builds(
    Target, st.sampled_from([0.5, 5.0, 30.0, 600.0]), st.sampled_from([0, 0, 1, 100])
)
WINDOWS = st.builds(
    Window,
    st.sampled_from([parse_cron("0 7 * * *"), parse_cron("*/7 * * * *"), parse_cron("0 9 1 * *")]),
    st.just(UTC),
    st.integers(0, 12),
    st.sampled_from([60.0, 7200.0]),
    st.sampled_from([0, 12, 40]),
)
HISTORIES = st.lists(
    st.tuples(st.integers(NOW_MS - 90_000, NOW_MS - 1), st.integers(0, 40)), max_size=6
)
FLOATS = st.floats(0, 1000, allow_nan=False)


@st.composite
def policies(draw: st.DrawFn, *, mode: Mode | None = None) -> Policy:
    """Draw any policy that the configuration would let pass."""
    top = draw(st.integers(1, 50))
    return Policy(
        mode=mode or draw(st.sampled_from(Mode)),
        replicas=draw(REPLICAS),
        min=draw(st.integers(0, top)),
        max=top,
        slots=draw(st.integers(1, 100)),
        max_active=draw(st.sampled_from([0, 1, 30, 500])),
        target=draw(TARGETS),
        scale_up=draw(BEHAVIORS),
        scale_down=draw(BEHAVIORS),
        idle_after_s=draw(SECONDS),
        schedule=tuple(draw(st.lists(WINDOWS, max_size=2))),
        on_unknown_at_least=draw(st.integers(0, 9)),
        pause=draw(st.sampled_from(Pause)) if mode is None else Pause.NONE,
    )


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    """Draw a memory as decisions make them."""
    highs = sorted(draw(HISTORIES))
    return Memory(
        since_ms=draw(st.sampled_from([0, NOW_MS - 1000, NOW_MS - 3_600_000])),
        epoch=draw(st.sampled_from(["e1", "e1", ""])),
        reset_ms=draw(st.sampled_from([0, 0, NOW_MS - 5000])),
        counters=draw(st.sampled_from([None, Counters(NOW_MS - 1000, 50, 100, 10**7)])),
        arrival_fast=draw(FLOATS),
        arrival_slow=draw(FLOATS),
        service_s=draw(st.none() | st.floats(1e-6, 3600)),
        cold_start_s=draw(st.floats(0, 100)),
        idle_since_ms=draw(st.sampled_from([0, NOW_MS - 600_000])),
        idle_samples=draw(st.integers(0, 2)),
        replicas=draw(st.integers(-1, 60)),
        raised=tuple(sorted(draw(HISTORIES))),
        lowered=tuple(sorted(draw(HISTORIES))),
        highs=tuple((at, 40 - index) for index, (at, _) in enumerate(highs)),
        lows=tuple((at, index) for index, (at, _) in enumerate(highs)),
        asked_backlog=draw(COUNTS),
    )


@st.composite
def samples(draw: st.DrawFn) -> QueueSample:
    """Draw a sample whose counts agree with its workers."""
    holding = draw(st.lists(st.integers(0, 30), max_size=8))
    workers = tuple(
        WorkerSeen(f"w{i}", WorkerState.WORKING, 30, active, NOW_MS - i, NOW_MS)
        for i, active in enumerate(holding)
    )
    ended = draw(COUNTS)
    return a_sample(
        epoch=draw(st.sampled_from(["e1", "e1", "e2", ""])),
        waiting=draw(COUNTS),
        due=draw(st.integers(0, 50)),
        delayed=draw(COUNTS),
        active=sum(holding),
        held=draw(st.sampled_from([(), (), HELD])),
        next_due_ms=draw(st.sampled_from([0, NOW_MS + 100, NOW_MS + 100_000])),
        added_total=draw(COUNTS),
        ended_total=100 + ended,
        run_us_total=10**7 + ended * draw(st.integers(0, 10**6)),
        workers=workers,
    )


@st.composite
def sights(draw: st.DrawFn, sample: st.SearchStrategy[QueueSample | None]) -> Seen:
    """Draw what is seen at one moment."""
    replicas = draw(REPLICAS)
    return Seen(
        queue="attendance",
        now_ms=NOW_MS,
        sample=draw(sample),
        replicas=replicas,
        starting=draw(st.integers(0, replicas)),
        cold_start_s=draw(st.sampled_from([0.0, 3.0, 90.0])),
        crash_looping=draw(st.booleans()),
    )


KNOWN = sights(samples())
UNKNOWN = sights(st.none())


@given(policies(), sights(st.none() | samples()), memories())
def test_same_arguments_same_decision(policy: Policy, seen: Seen, memory: Memory) -> None:
    """There is no clock, no chance and no hidden state in it."""
    assert decide(policy, seen, memory) == decide(policy, seen, memory)


@given(policies(), UNKNOWN, memories())
def test_unknown_never_lowers(policy: Policy, seen: Seen, memory: Memory) -> None:
    """Without a sample no policy, no order and no memory takes a worker away."""
    assert decide(policy, seen, memory).replicas >= seen.replicas


@given(policies(), KNOWN, memories())
def test_a_reset_store_never_lowers(policy: Policy, seen: Seen, memory: Memory) -> None:
    """A store without its data, or with another's, counts as unknown."""
    assert seen.sample is not None
    lost = replace(seen, sample=replace(seen.sample, epoch="another"))
    decision = decide(policy, lost, replace(memory, epoch="e1"))
    assert decision.replicas >= seen.replicas
    assert decision.has("store-reset")


@given(policies(mode=Mode.AUTO), KNOWN, memories())
def test_within_bounds(policy: Policy, seen: Seen, memory: Memory) -> None:
    """Never above the ceiling, but by workers that a guard keeps; never below the floor.

    Only a crash loop may keep it below the floor, and then it does not fall.
    """
    decision = decide(policy, seen, memory)
    limits = bounds(policy, NOW_MS)
    assert decision.replicas <= max(limits.ceiling, seen.replicas)
    if not (decision.has("restart") or decision.has("store-reset")):
        assert decision.replicas <= limits.ceiling
    if not seen.crash_looping:
        assert decision.replicas >= limits.floor
    assert decision.replicas >= min(limits.floor, seen.replicas)


@given(policies(), KNOWN, memories(), st.integers(1, 30_000))
def test_more_backlog_never_means_fewer(
    policy: Policy, seen: Seen, memory: Memory, more: int
) -> None:
    """With all else equal, each waiting job is a reason for workers and never against them."""
    assert seen.sample is not None
    fuller = replace(
        seen, sample=replace(seen.sample, waiting=seen.sample.waiting + more, added_total=more)
    )
    less, many = decide(policy, seen, memory), decide(policy, fuller, memory)
    assert many.replicas >= less.replicas


@given(policies(mode=Mode.AUTO), KNOWN, memories())
def test_zero_only_when_nothing_is_outstanding(policy: Policy, seen: Seen, memory: Memory) -> None:
    """The last worker never goes while a job waits or runs, held ones included."""
    decision = decide(policy, seen, memory)
    assert seen.sample is not None
    if decision.replicas == 0 and seen.replicas > 0:
        assert seen.sample.outstanding == 0
        assert decision.memory.idle_samples == 2
        assert not decision.has("store-reset")


@given(policies(mode=Mode.AUTO), KNOWN, memories())
def test_never_below_workers_with_long_jobs(policy: Policy, seen: Seen, memory: Memory) -> None:
    """Workers that hold jobs of unknown or great length are left to work, up to the ceiling."""
    decision = decide(policy, seen, memory)
    assert seen.sample is not None
    service_s = decision.memory.service_s
    if service_s is None or service_s > max(10.0, policy.scale_down.stabilization_s):
        busy = sum(1 for worker in seen.sample.workers if worker.active)
        floor = min(busy, seen.replicas, bounds(policy, NOW_MS).ceiling)
        assert decision.replicas >= floor


@given(policies(), sights(st.none() | samples()), memories())
def test_memory_is_bounded_and_survives_json(policy: Policy, seen: Seen, memory: Memory) -> None:
    """However long it goes on, it stays small and is the same after a trip through JSON."""
    decision = decide(policy, seen, memory)
    for _ in range(60):
        later = replace(seen, now_ms=decision.at_ms + 700, replicas=(decision.at_ms // 700) % 50)
        decision = decide(policy, later, decision.memory)
    kept = decision.memory
    assert all(len(h) <= KEPT for h in (kept.highs, kept.lows, kept.raised, kept.lowered))
    assert len(kept.to_json()) < 4000
    assert memory_from_json(kept.to_json()) == kept


@given(policies(), sights(st.none() | samples()), memories())
def test_every_decision_explains_itself(policy: Policy, seen: Seen, memory: Memory) -> None:
    """The steps lead from what is to what shall be, and each has a sentence."""
    decision = decide(policy, seen, memory)
    numbers = [seen.replicas, *(step.after for step in decision.steps)]
    assert [step.before for step in decision.steps] == numbers[:-1]
    assert numbers[-1] == decision.replicas
    assert decision.reason
    assert all(step.why for step in decision.steps)
    taught = recall(decision.to_json())
    assert taught.service_s == decision.memory.service_s


@given(policies(), KNOWN, memories(), COUNTS)
def test_the_mark_is_where_the_demand_changes(
    policy: Policy, seen: Seen, memory: Memory, below: int
) -> None:
    """Below the mark the load asks for no more than there are; at the mark for more."""
    assert seen.sample is not None
    load = Load(0, seen.sample.active, memory.arrival_slow, memory.service_s, 20.0)
    mark = backlog_beyond(policy, load, seen.replicas)
    if mark > 1:
        fewer = replace(load, backlog=min(below, mark - 1))
        assert workers_for(policy, fewer) <= max(1, seen.replicas)
    if mark:
        assert workers_for(policy, replace(load, backlog=mark)) > seen.replicas
    assert wake_mark(policy, seen.sample, memory, seen.replicas) not in range(
        1, seen.sample.backlog + 1
    )


@given(st.text() | st.binary().map(repr) | st.just('{"since_ms":"x"}'))
def test_a_damaged_memory_is_an_empty_one(text: str) -> None:
    """Whatever is in a status or a store, deciding goes on."""
    assert memory_from_json(text) in (Memory(), memory_from_json(text))
    assert isinstance(recall(text), Memory)


# ── over time ──

LOADS = st.lists(st.integers(0, 60), min_size=1, max_size=40)


def run(policy: Policy, loads: list[int], *, seconds_each: int = 5) -> list[Decision]:
    """Decide each second for a fluid queue whose workers come and go at once."""
    decisions: list[Decision] = []
    memory, replicas, waiting, ended = Memory(since_ms=1, epoch="e1"), 0, 0.0, 0.0
    for second in range(len(loads) * seconds_each):
        waiting += loads[second // seconds_each]
        done = min(waiting, float(replicas * policy.slots))  # a job takes a second
        waiting, ended = waiting - done, ended + done
        now_ms = NOW_MS + second * 1000
        sample = a_sample(
            at_ms=now_ms,
            waiting=round(waiting),
            active=round(done),
            ended_total=round(ended),
            run_us_total=round(ended) * 10**6,
        )
        decision = decide(policy, Seen("attendance", now_ms, sample, replicas), memory)
        memory, replicas = decision.memory, decision.replicas
        decisions.append(decision)
    return decisions


@settings(max_examples=25, deadline=None)
@given(
    LOADS,
    st.sampled_from([5.0, 20.0, 60.0]),
    st.integers(1, 8),
    st.sampled_from([Target(), Target(5.0), Target(backlog_per_replica=10)]),
)
def test_no_way_down_within_a_window_after_a_way_up(
    loads: list[int], window_s: float, slots: int, target: Target
) -> None:
    """Whatever the load does, at most one change from up to down in each stabilization window."""
    policy = Policy(
        slots=slots, max=50, target=target, scale_down=Behavior(window_s), idle_after_s=window_s
    )
    last_up_ms = 0
    for decision in run(policy, loads):
        if decision.replicas > decision.before:
            last_up_ms = decision.at_ms
        if decision.replicas < decision.before:
            assert decision.at_ms - last_up_ms >= window_s * 1000


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100), st.integers(1, 10), st.sampled_from([Target(), Target(5.0)]))
def test_a_fixed_load_reaches_a_fixed_point(per_s: int, slots: int, target: Target) -> None:
    """A steady load ends at one number, and one that can serve it."""
    policy = Policy(slots=slots, max=200, target=target)
    settled = [d.replicas for d in run(policy, [per_s] * 300)][1000:]
    assert len(set(settled)) == 1
    assert settled[0] * slots >= per_s
