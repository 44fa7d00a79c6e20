"""The status of a QueueConfig, made of facts; and when it is worth a write. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from headpond_operator.conditions import conditions
from headpond_operator.status_model import (
    ChangeStatus,
    Condition,
    DecisionStatus,
    PauseStatus,
    QueueConfigStatus,
    QueueFigures,
    StepStatus,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headpond.governor.watch import Look
    from headpond.queues import QueueSample
    from headpond.scaling import Decision
    from headpond_operator.conditions import Facts, Said

FIGURES: Final[Mapping[str, type]] = {
    "queue": dict,
    "nextChange": dict,
    "summary": str,
    "replicas": int,
    "readyReplicas": int,
}
"""What changes all the time and may be a few seconds old; all else is written at once."""


def status_of(facts: Facts, before: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    """Return the whole status as JSON; `before` is the one that is there now."""
    look, deployment = facts.look, facts.deployment
    sample = facts.sample
    declared = facts.declared
    return QueueConfigStatus(
        observed_generation=declared.generation,
        selector=deployment.selector if deployment else None,
        replicas=deployment.current if deployment else None,
        ready_replicas=deployment.ready if deployment else None,
        desired_replicas=look.decision.replicas if look else None,
        deployment=facts.standing.target.name,
        queue=_figures(declared.queue, look, sample),
        pause=_pause(facts),
        last_decision=_decision(look.decision, before) if look else None,
        next_change=_next_change(look.decision) if look else None,
        summary=look.decision.line if look else None,
        conditions=tuple(
            _condition(said, before, declared.generation, now_ms) for said in conditions(facts)
        ),
    ).to_document()


def differs(now: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    """Return `""` when the two say the same, `figures` when only figures differ, else `facts`."""
    if _undated(now) == _undated(there):
        return ""
    is_same = _facts(now) == _facts(there)
    return "figures" if is_same else "facts"


def _undated(status: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out when the queue was seen so: being seen again is no change."""
    queue = status.get("queue")
    if not isinstance(queue, dict):
        return dict(status)
    return {**status, "queue": {k: v for k, v in queue.items() if k != "observedAt"}}


def _facts(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is not figures; of sentences with figures in them only what they say."""
    facts = {key: value for key, value in status.items() if key not in FIGURES}
    facts["conditions"] = [
        (each.get("type"), each.get("status"), each.get("reason"))
        if isinstance(each, dict)
        else each
        for each in status.get("conditions") or ()
    ]
    # A value of another type can only be somebody's edit.
    facts["strange"] = [
        key for key, kind in FIGURES.items() if not isinstance(status.get(key, kind()), kind)
    ]
    return facts


def _figures(name: str, look: Look | None, sample: QueueSample | None) -> QueueFigures | None:
    if look is None or sample is None:
        return QueueFigures(name=name)
    inputs = look.decision.inputs
    return QueueFigures(
        name=name,
        waiting=sample.waiting,
        due=sample.due,
        active=sample.active,
        delayed=sample.delayed,
        failed=sample.failed,
        parked=sample.parked,
        oldest_age=_age(sample.oldest_age_s),
        oldest_age_seconds=round(sample.oldest_age_s, 1),
        arrival_per_second=inputs.arrival_per_s,
        service_seconds=None if inputs.service_s is None else round(inputs.service_s, 4),
        observed_at=_time(sample.at_ms),
    )


def _age(seconds: float) -> str:
    """Say an age as short as `kubectl get` does.

    >>> _age(0.4), _age(125), _age(7300)
    ('0s', '2m', '2h')
    """
    for unit, length in (("h", HOUR_S), ("m", MINUTE_S)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s"


MINUTE_S: Final = 60
HOUR_S: Final = 3600


def _pause(facts: Facts) -> PauseStatus:
    """Return the stricter of the two pauses."""
    spec = facts.standing.config.spec.pause_in_force if facts.standing.config else "None"
    sample = facts.sample
    runtime = [hold for hold in sample.held if hold.source == "runtime"] if sample else []
    if spec != "None":
        return PauseStatus(effective=spec, source="spec")
    if runtime:
        hold = runtime[0]
        return PauseStatus(
            effective="Hold",
            source="runtime",
            by=hold.by or None,
            reason=hold.reason or None,
            until=_time(hold.until_ms) if hold.until_ms else None,
        )
    return PauseStatus(effective="None")


def _decision(decision: Decision, before: Mapping[str, Any]) -> DecisionStatus | None:
    """Return the decision; the one that is there stays while the number and its rule are the same.

    Each round decides anew; only what another number or another rule came of is news, and whether
    anybody acts on it.
    """
    old, gist = before.get("lastDecision"), (decision.replicas, decision.rule, decision.writes)
    if isinstance(old, dict) and (old.get("to"), old.get("rule"), old.get("writes")) == gist:
        try:
            return DecisionStatus.model_validate(old)
        except ValueError:
            pass  # somebody has edited it
    inputs = {
        "replicas": decision.inputs.replicas,
        "starting": decision.inputs.starting,
        "waiting": decision.inputs.waiting,
        "due": decision.inputs.due,
        "active": decision.inputs.active,
        "delayed": decision.inputs.delayed,
        "oldestAgeSeconds": None if decision.inputs.waiting < 0 else decision.inputs.oldest_age_s,
        "arrivalPerSecond": decision.inputs.arrival_per_s,
        "serviceSeconds": decision.inputs.service_s,
        "coldStartSeconds": decision.inputs.cold_start_s or None,
    }
    return DecisionStatus(
        at=_time(decision.at_ms),
        from_=decision.before,
        to=decision.replicas,
        rule=decision.rule,
        reason=decision.reason,
        writes=decision.writes,
        inputs={key: float(v) for key, v in inputs.items() if v is not None and v >= 0},
        steps=tuple(
            StepStatus(rule=step.rule, before=step.before, after=step.after, why=step.why)
            for step in decision.steps[:20]
        ),
    )


def _next_change(decision: Decision) -> ChangeStatus | None:
    if not decision.next_change_ms:
        return None
    return ChangeStatus(at=_time(decision.next_change_ms), to=decision.next_change_to)


def _condition(said: Said, before: Mapping[str, Any], generation: int, now_ms: int) -> Condition:
    since = _time(now_ms)
    for old in before.get("conditions") or ():
        same = isinstance(old, dict) and old.get("type") == said.type
        if same and old.get("status") == said.status:
            since = _moment(old.get("lastTransitionTime")) or since
    return Condition(
        type=said.type,
        status=said.status,
        reason=said.reason,
        message=said.message,
        last_transition_time=since,
        observed_generation=generation,
    )


def _moment(text: object) -> datetime | None:
    """Read a time as it was written, `None` when somebody has edited it."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return None


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC)
