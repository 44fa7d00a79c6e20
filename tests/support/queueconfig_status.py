"""A status with every field, as the operator writes it."""

from __future__ import annotations

from datetime import UTC, datetime

from headpond_operator.status_model import (
    ChangeStatus,
    Condition,
    DecisionStatus,
    PauseStatus,
    QueueConfigStatus,
    QueueFigures,
    StepStatus,
)

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

FULL = QueueConfigStatus(
    observed_generation=3,
    selector="headpond.dev/queueconfig=attendance",
    replicas=3,
    ready_replicas=2,
    desired_replicas=12,
    deployment="attendance-worker",
    queue=QueueFigures(
        name="attendance",
        waiting=4812,
        due=1,
        active=30,
        delayed=7,
        failed=2,
        parked=0,
        oldest_age="12s",
        oldest_age_seconds=12.5,
        arrival_per_second=104.0,
        service_seconds=0.21,
        observed_at=AT,
    ),
    pause=PauseStatus(effective="Hold", source="runtime", by="ann", reason="audit", until=AT),
    last_decision=DecisionStatus(
        at=AT,
        from_=3,
        to=12,
        rule="demand",
        reason="4,812 jobs wait",
        writes=True,
        inputs={"waiting": 4812, "service_s": 0.21},
        steps=(StepStatus(rule="demand", before=3, after=12, why="4,812 jobs wait"),),
    ),
    next_change=ChangeStatus(at=AT, to=5),
    summary="attendance 3→12: 4,812 jobs wait",
    conditions=(
        Condition(
            type="Ready", status="True", reason="AsDecided", message="", last_transition_time=AT
        ),
    ),
)
"""Nothing in it is unknown."""
