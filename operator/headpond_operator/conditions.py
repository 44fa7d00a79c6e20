"""What is well about a queue and what isn't, in words: one function for each condition. Pure.

A condition's reason is one word for machines; its message says what it means and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from headpond.scaling import Mode

if TYPE_CHECKING:
    from headpond.governor.watch import Look
    from headpond.queues import QueueSample
    from headpond_operator.objects import Declared, DeploymentSeen
    from headpond_operator.pods import Verdict
    from headpond_operator.roster import Standing


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a Deployment is not as it should be."""

    reason: str
    sentence: str
    again_s: float
    """When to try again, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the status of one QueueConfig rests on."""

    standing: Standing
    declared: Declared
    """The QueueConfig as it is now: the standing's may be an older version of it."""
    deployment: DeploymentSeen | None
    """The one that is scaled; `None`: it isn't there."""
    look: Look | None
    """The governor's latest; `None`: it has not looked yet, or can't."""
    verdict: Verdict
    refusal: Refusal | None = None
    """Of the worker Deployment, by the API server."""
    unsettled: str = ""
    """Why the store does not have the configuration."""
    unwritten: str = ""
    """Why the number of replicas could not be written."""

    @property
    def sample(self) -> QueueSample | None:
        """The queue as the governor saw it last; `None`: not known."""
        return self.look.seen.sample if self.look else None


State = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Said:
    """One condition without its times."""

    type: str
    status: State
    reason: str
    message: str

    @property
    def is_bad(self) -> bool:
        """Whether somebody should look: for a Warning, and for what is said first."""
        return self.status != _GOOD.get(self.type, self.status)


_GOOD: Final[dict[str, State]] = {
    "Ready": "True",
    "BacklogKnown": "True",
    "Conflict": "False",
    "WorkersHealthy": "True",
}
"""ScalingActive, ScalingLimited and Paused are good either way."""


def conditions(facts: Facts) -> tuple[Said, ...]:
    """Return all conditions, in the order in which people read them."""
    rest = (
        backlog_known(facts),
        conflict(facts),
        workers_healthy(facts),
        scaling_active(facts),
        scaling_limited(facts),
        paused(facts),
    )
    return (ready(facts, rest), *rest)


def ready(facts: Facts, others: tuple[Said, ...]) -> Said:
    """Say whether the queue is served as declared; else the first thing to mend."""
    broken = _broken(facts)
    if broken is not None:
        return broken
    for each in others:
        if each.is_bad:
            unknown = each.status == "Unknown"
            return Said("Ready", "Unknown" if unknown else "False", each.reason, each.message)
    return Said("Ready", "True", "Serving", "The queue is served as declared.")


def _broken(facts: Facts) -> Said | None:
    """Return what keeps the declaration itself from being in force."""
    standing = facts.standing
    if standing.fault:
        kept = " The configuration before stays in force." if standing.config else ""
        return Said("Ready", "False", "Invalid", f"{standing.fault}{kept}")
    if standing.older is not None:
        return Said("Ready", "False", "Conflict", _shared(standing))
    if facts.refusal is not None:
        return Said("Ready", "False", facts.refusal.reason, facts.refusal.sentence)
    if facts.deployment is None:
        return _without_target(standing)
    if facts.unsettled:
        return Said("Ready", "False", "NotConfigured", facts.unsettled)
    return None


def _without_target(standing: Standing) -> Said:
    name = standing.target.name
    if not standing.is_foreign:
        return Said("Ready", "Unknown", "NotCreatedYet", f"Deployment {name} is being made.")
    message = f"There is no Deployment {name} in namespace {standing.target.namespace}."
    hint = "Create it, or leave spec.worker.targetRef out to get one."
    return Said("Ready", "False", "TargetMissing", f"{message} {hint}")


def _shared(standing: Standing) -> str:
    return (
        f"{standing.shared[0].upper()}{standing.shared[1:]} is declared by the older QueueConfig"
        f" {standing.older} already; this one has no effect. Delete one of the two."
    )


def backlog_known(facts: Facts) -> Said:
    """Say whether the store tells how deep the queue is."""
    look = facts.look
    if look is None:
        message = "The operator has not looked yet."
        return Said("BacklogKnown", "Unknown", "NotSeenYet", message)
    if look.seen.sample is None:
        return Said("BacklogKnown", "False", "StoreUnreachable", _sentence(look.decision.reason))
    step = next((s for s in look.decision.steps if s.rule == "store-reset"), None)
    if step is not None:
        return Said("BacklogKnown", "False", "StoreReset", _sentence(step.why))
    return Said("BacklogKnown", "True", "Sampled", "The store says how deep the queue is.")


def conflict(facts: Facts) -> Said:
    """Say whether somebody else scales the Deployment or declares the queue."""
    standing = facts.standing
    if standing.older is not None:
        return Said("Conflict", "True", "DeclaredTwice", _shared(standing))
    if standing.rival is not None:
        keeps_both = "Manual" if standing.rival.target_kind == "QueueConfig" else "Recommend"
        message = (
            f"{standing.rival} scales {standing.rival.target_kind}"
            f" {standing.rival.target.name} too. Headpond decides and writes nothing until it"
            f" is deleted; or set spec.scaling.mode to {keeps_both} to keep both."
        )
        return Said("Conflict", "True", standing.rival.kind, message)
    return Said("Conflict", "False", "Alone", "Nobody else scales these workers.")


def workers_healthy(facts: Facts) -> Said:
    """Say whether workers start."""
    if facts.verdict.reason:
        return Said("WorkersHealthy", "False", facts.verdict.reason, facts.verdict.sentence)
    deployment = facts.deployment
    if deployment is None:
        return Said("WorkersHealthy", "Unknown", "NoDeployment", "There is no Deployment.")
    if deployment.ready >= deployment.replicas:
        return Said("WorkersHealthy", "True", "Ready", "Every worker that is wanted is ready.")
    missing = deployment.replicas - deployment.ready
    return Said("WorkersHealthy", "True", "Starting", f"{missing} on the way, none in trouble.")


def scaling_active(facts: Facts) -> Said:
    """Say whether decisions are written."""
    standing, look = facts.standing, facts.look
    if standing.rival is not None or standing.older is not None:
        said = conflict(facts)
        return Said("ScalingActive", "False", "Conflict", said.message)
    if look is None:
        message = "Nothing has been decided yet."
        return Said("ScalingActive", "Unknown", "NotSeenYet", message)
    if facts.unwritten:
        return Said("ScalingActive", "False", "ScaleRefused", facts.unwritten)
    mode = look.policy.mode
    if mode in (Mode.RECOMMEND, Mode.FROZEN):
        message = f"spec.scaling.mode is {mode}: decisions are made, and not written."
        return Said("ScalingActive", "False", mode.value, message)
    if look.seen.sample is None:
        return Said("ScalingActive", "False", "BacklogUnknown", _sentence(look.decision.reason))
    return Said("ScalingActive", "True", mode.value, "Decisions are written.")


_LIMITS: Final = {
    "max": "TooManyReplicas",
    "min": "TooFewReplicas",
    "schedule": "Schedule",
    "stabilization": "Stabilization",
    "rate": "Rate",
    "crash-loop": "WorkersFail",
    "restart": "JustStarted",
    "store-reset": "StoreReset",
    "unknown": "BacklogUnknown",
}
"""The HPA's own words where it has some."""


def scaling_limited(facts: Facts) -> Said:
    """Say whether something keeps the number from what the load asks for."""
    decision = facts.look.decision if facts.look else None
    limits = [s for s in decision.steps if s.rule in _LIMITS] if decision else []
    limits = [s for s in limits if s.before != s.after]
    if not limits:
        message = "The number is what the load asks for."
        return Said("ScalingLimited", "False", "WithinLimits", message)
    last = limits[-1]
    return Said("ScalingLimited", "True", _LIMITS[last.rule], _sentence(last.why))


def paused(facts: Facts) -> Said:
    """Say whether jobs start."""
    sample = facts.sample
    holds = sample.held if sample else ()
    declared = facts.standing.config.spec.pause_in_force if facts.standing.config else "None"
    is_held = any(hold.source == "spec" for hold in holds)
    if declared != "None" and not is_held:
        message = f"spec.pause is {declared}; the store has not said yet that it holds the queue."
        return Said("Paused", "Unknown", "NotInForce", message)
    if declared != "None":
        message = f"spec.pause is {declared}: no job starts; jobs are still accepted."
        return Said("Paused", "True", "Spec", message)
    for hold in holds:
        by = f" by {hold.by}" if hold.by else ""
        why = f": {hold.reason}" if hold.reason else "."
        return Said("Paused", "True", hold.source.capitalize(), f"Held{by}{why}")
    if sample is None:
        return Said("Paused", "Unknown", "BacklogUnknown", "The store does not answer.")
    return Said("Paused", "False", "Running", "Jobs start as they come.")


def _sentence(clause: str) -> str:
    """Make a sentence of a step's clause.

    >>> _sentence("at most 20 workers")
    'At most 20 workers.'
    """
    text = clause.strip()
    return text[:1].upper() + text[1:].rstrip(".") + "." if text else ""
