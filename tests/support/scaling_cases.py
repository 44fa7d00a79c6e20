"""Builders of what a scaling decision looks at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headpond.queues import Hold, QueueSample, WorkerSeen, WorkerState
from headpond.scaling import Memory, Policy, Seen, decide

if TYPE_CHECKING:
    from headpond.scaling import Decision, Step

NOW_MS = 1_800_000_000_000
"""The moment of all cases: Friday, 15 January 2027, 08:00 UTC."""

EMPTY = QueueSample(
    queue="attendance",
    at_ms=NOW_MS,
    epoch="e1",
    waiting=0,
    due=0,
    delayed=0,
    active=0,
    completed=0,
    failed=0,
    cancelled=0,
    parked=0,
    held=(),
    oldest_ms=0,
    next_due_ms=0,
    added_total=0,
    ended_total=0,
    run_us_total=0,
    stale_total=0,
)
SETTLED = Memory(since_ms=NOW_MS - 3_600_000, epoch="e1")
"""The memory of somebody who has decided for an hour."""
HELD = (Hold("runtime", "ana", "broken import", NOW_MS - 1000),)


def a_sample(**changes: Any) -> QueueSample:
    """Return a queue with nothing in it, but for the fields given."""
    return replace(EMPTY, **changes)


def a_worker(name: str, active: int = 0, state: WorkerState = WorkerState.WORKING) -> WorkerSeen:
    """Return a worker of ten slots that was heard of just now."""
    return WorkerSeen(name, state, 10, active, NOW_MS - 60_000, NOW_MS)


def busy_workers(*active: int) -> tuple[WorkerSeen, ...]:
    """Return workers with so many jobs each."""
    return tuple(a_worker(f"w{index}", count) for index, count in enumerate(active))


def learned(
    *,
    service_s: float | None = None,
    arrival_per_s: float = 0.0,
    **changes: Any,
) -> Memory:
    """Return a settled memory that knows these averages."""
    return replace(
        SETTLED,
        service_s=service_s,
        arrival_fast=arrival_per_s,
        arrival_slow=arrival_per_s,
        **changes,
    )


def decided(
    policy: Policy,
    sample: QueueSample | None,
    replicas: int,
    memory: Memory = SETTLED,
    **seen: Any,
) -> Decision:
    """Decide for the queue `attendance` at `NOW_MS`."""
    return decide(policy, Seen("attendance", NOW_MS, sample, replicas, **seen), memory)


def step(decision: Decision, rule: str) -> Step:
    """Return the last step of this rule."""
    return next(one for one in reversed(decision.steps) if one.rule == rule)
