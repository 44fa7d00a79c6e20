"""Every condition and every reason that it can have, and what is said first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from headpond.queues import Hold
from headpond.scaling import Memory, Mode, Policy, Step
from headpond.scaling.rules import RULES
from headpond_operator.cluster import QUEUES
from headpond_operator.conditions import (
    _LIMITS,
    Facts,
    Refusal,
    Said,
    backlog_known,
    conditions,
    conflict,
    paused,
    scaling_active,
    scaling_limited,
    workers_healthy,
)
from headpond_operator.objects import deployment_seen
from headpond_operator.pods import Verdict
from operator_cases import (
    KEY,
    a_cluster,
    a_deployment,
    a_look,
    a_queueconfig,
    a_roster,
    an_autoscaler,
    some_facts,
    with_steps,
)
from scaling_cases import HELD, NOW_MS, a_sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from headpond_operator.roster import Standing

HPA: Final = "HorizontalPodAutoscaler"


def beside_a_rival(kind: str = "Deployment", name: str = "attendance-worker") -> Standing:
    """Return the standing of a QueueConfig beside an HPA on this target."""
    hpa = an_autoscaler(name, kind)
    return a_roster(a_cluster(a_queueconfig(), hpas=(hpa,))).standings[KEY]


def the_younger() -> Standing:
    """Return the standing of a QueueConfig that came second."""
    older = a_queueconfig(
        "old", spec={"queue": "attendance"}, creationTimestamp="2025-01-01T00:00:00Z"
    )
    return a_roster(a_cluster(older, a_queueconfig())).standings[KEY]


def a_foreign_one() -> Standing:
    """Return the standing of a QueueConfig that scales somebody else's Deployment."""
    spec = {"worker": {"targetRef": {"name": "legacy"}}}
    return a_roster(a_cluster(a_queueconfig(spec=spec))).standings[KEY]


def one_that_became_invalid() -> Standing:
    """Return the standing of a QueueConfig whose latest spec can't be read."""
    cluster = a_cluster(a_queueconfig())
    cluster.put(QUEUES, a_queueconfig(spec={"nonsense": 1}, version=2, generation=2))
    return a_roster(cluster).standings[KEY]


def never_valid() -> Standing:
    """Return the standing of a QueueConfig of which nothing is in force."""
    return a_roster(a_cluster(a_queueconfig(spec={"nonsense": 1}))).standings[KEY]


STEP: Final = Step("max", 30, 20, "at most 20 workers")
RESET: Final = Memory(since_ms=NOW_MS - 3_600_000, epoch="another")
AWAY: Final = a_look(sample=None)
CRASHING: Final = Verdict("CrashLoopBackOff", "1 of 1 pods don't start.", is_stuck=True)
REFUSED: Final = Refusal("Forbidden", "The API server forbids it.", 0.0)

Case = tuple[Facts, str, str, str]
"""Facts, and the status, the reason and a part of the message that come of them."""

BACKLOG_KNOWN: Final[dict[str, Case]] = {
    "seen": (some_facts(), "True", "Sampled", "The store says how deep the queue is."),
    "not yet": (some_facts(look=None), "Unknown", "NotSeenYet", "has not looked yet"),
    "away": (some_facts(look=AWAY), "False", "StoreUnreachable", "."),
    "reset": (some_facts(look=a_look(memory=RESET)), "False", "StoreReset", "."),
}

CONFLICT: Final[dict[str, Case]] = {
    "alone": (some_facts(), "False", "Alone", "Nobody else scales these workers."),
    "declared twice": (
        some_facts(standing=the_younger()),
        "True",
        "DeclaredTwice",
        (
            "Queue attendance is declared by the older QueueConfig shop/old already; this one has"
            " no effect. Delete one of the two."
        ),
    ),
    "an HPA on the Deployment": (
        some_facts(standing=beside_a_rival()),
        "True",
        HPA,
        (
            f"{HPA} eager scales Deployment attendance-worker too. Headpond decides and writes"
            " nothing until it is deleted; or set spec.scaling.mode to Recommend to keep both."
        ),
    ),
    "an HPA on the QueueConfig": (
        some_facts(standing=beside_a_rival("QueueConfig", "attendance")),
        "True",
        HPA,
        (
            f"{HPA} eager scales QueueConfig attendance too. Headpond decides and writes nothing"
            " until it is deleted; or set spec.scaling.mode to Manual to keep both."
        ),
    ),
}

WORKERS_HEALTHY: Final[dict[str, Case]] = {
    "ready": (some_facts(), "True", "Ready", "Every worker that is wanted is ready."),
    "starting": (
        some_facts(deployment=deployment_seen(a_deployment(replicas=5, ready=2))),
        "True",
        "Starting",
        "3 on the way, none in trouble.",
    ),
    "going": (
        some_facts(deployment=deployment_seen(a_deployment(replicas=2, ready=5))),
        "True",
        "Ready",
        "Every worker",
    ),
    "in trouble": (
        some_facts(verdict=CRASHING),
        "False",
        "CrashLoopBackOff",
        "1 of 1 pods don't start.",
    ),
    "no Deployment": (
        replace(some_facts(), deployment=None),
        "Unknown",
        "NoDeployment",
        "There is no Deployment.",
    ),
}


def of_mode(mode: Mode, **changes: Any) -> Facts:
    """Return the facts of a queue that is scaled in this mode."""
    return some_facts(look=a_look(Policy(mode=mode, min=3, replicas=3), **changes))


SCALING_ACTIVE: Final[dict[str, Case]] = {
    "auto": (of_mode(Mode.AUTO), "True", "Auto", "Decisions are written."),
    "manual": (of_mode(Mode.MANUAL), "True", "Manual", "Decisions are written."),
    "recommend": (
        of_mode(Mode.RECOMMEND),
        "False",
        "Recommend",
        "spec.scaling.mode is Recommend: decisions are made, and not written.",
    ),
    "frozen": (of_mode(Mode.FROZEN), "False", "Frozen", "spec.scaling.mode is Frozen"),
    "not yet": (some_facts(look=None), "Unknown", "NotSeenYet", "Nothing has been decided yet."),
    "refused": (some_facts(unwritten="It can't be."), "False", "ScaleRefused", "It can't be."),
    "away": (of_mode(Mode.AUTO, sample=None), "False", "BacklogUnknown", "."),
    "a rival": (some_facts(standing=beside_a_rival()), "False", "Conflict", f"{HPA} eager"),
    "declared twice": (some_facts(standing=the_younger()), "False", "Conflict", "shop/old"),
}


def limited_by(*steps: Step) -> Facts:
    """Return the facts of a queue whose number these rules decided."""
    return some_facts(look=with_steps(a_look(), *steps))


SCALING_LIMITED: Final[dict[str, Case]] = {
    "as the load asks": (
        limited_by(Step("demand", 3, 12, "much to do")),
        "False",
        "WithinLimits",
        "The number is what the load asks for.",
    ),
    "a limit that changed nothing": (
        limited_by(Step("demand", 3, 12, "much to do"), Step("rate", 12, 12, "slowly")),
        "False",
        "WithinLimits",
        "what the load asks for",
    ),
    "not yet": (some_facts(look=None), "False", "WithinLimits", "what the load asks for"),
    "the last limit": (
        limited_by(Step("min", 0, 2, "at least 2 workers"), Step("rate", 2, 1, "1 a minute.")),
        "True",
        "Rate",
        "1 a minute.",
    ),
    "without a word": (limited_by(Step("max", 30, 20, " ")), "True", "TooManyReplicas", ""),
    **{
        rule: (limited_by(replace(STEP, rule=rule)), "True", reason, "At most 20 workers.")
        for rule, reason in _LIMITS.items()
    },
}


def held(*holds: Hold) -> Facts:
    """Return the facts of a queue with these holds."""
    return some_facts(look=a_look(sample=a_sample(held=holds)))


BY_SPEC_HOLDS: Final = (Hold("spec", "", "", NOW_MS),)
BY_SPEC: Final = a_look(sample=a_sample(held=BY_SPEC_HOLDS))
PAUSED: Final[dict[str, Case]] = {
    "running": (some_facts(), "False", "Running", "Jobs start as they come."),
    "by the spec": (
        some_facts({"pause": "Drain"}, look=BY_SPEC),
        "True",
        "Spec",
        "spec.pause is Drain: no job starts; jobs are still accepted.",
    ),
    "by the spec's other word": (
        some_facts({"paused": True}, look=BY_SPEC),
        "True",
        "Spec",
        "spec.pause is Hold",
    ),
    "by the spec, with the store away": (
        some_facts({"pause": "Hold"}, look=AWAY),
        "Unknown",
        "NotInForce",
        "spec.pause is Hold; the store has not said yet",
    ),
    "by the spec, and not yet in the store": (
        some_facts({"pause": "Hold"}),
        "Unknown",
        "NotInForce",
        "spec.pause is Hold; the store has not said yet",
    ),
    "by somebody": (held(*HELD), "True", "Runtime", "Held by ana: broken import"),
    "by nobody in particular": (held(Hold("runtime", "", "", NOW_MS)), "True", "Runtime", "Held."),
    "by a spec that is no more": (
        held(Hold("spec", "", "spec.pause is Hold.", NOW_MS)),
        "True",
        "Spec",
        "Held: spec.pause is Hold.",
    ),
    "by the spec and by somebody": (
        some_facts({"pause": "Hold"}, look=a_look(sample=a_sample(held=(*HELD, *BY_SPEC_HOLDS)))),
        "True",
        "Spec",
        "spec.pause is Hold",
    ),
    "away": (some_facts(look=AWAY), "Unknown", "BacklogUnknown", "The store does not answer."),
    "not yet": (some_facts(look=None), "Unknown", "BacklogUnknown", "The store does not answer."),
    "never valid": (some_facts(standing=never_valid()), "False", "Running", "Jobs start"),
}

SAYS: Final[dict[Callable[[Facts], Said], dict[str, Case]]] = {
    backlog_known: BACKLOG_KNOWN,
    conflict: CONFLICT,
    workers_healthy: WORKERS_HEALTHY,
    scaling_active: SCALING_ACTIVE,
    scaling_limited: SCALING_LIMITED,
    paused: PAUSED,
}
ALL: Final = {
    f"{say.__name__}, {name}": (say, *case)
    for say, cases in SAYS.items()
    for name, case in cases.items()
}


@pytest.mark.parametrize(("say", "facts", "status", "reason", "message"), ALL.values(), ids=ALL)
def test_what_a_condition_says(
    say: Callable[[Facts], Said], facts: Facts, status: str, reason: str, message: str
) -> None:
    """Status, reason and sentence of each, case by case."""
    said = say(facts)
    assert (said.status, said.reason) == (status, reason)
    assert message in said.message


def test_each_limit_is_a_rule() -> None:
    """A rule that went would leave a word that nothing says."""
    assert _LIMITS.keys() <= {name for name, _ in RULES}


# ── Ready ──

READY: Final[dict[str, Case]] = {
    "served": (some_facts(), "True", "Serving", "The queue is served as declared."),
    "limited": (limited_by(STEP), "True", "Serving", ""),
    "paused": (some_facts({"pause": "Hold"}), "True", "Serving", ""),
    "frozen": (of_mode(Mode.FROZEN), "True", "Serving", ""),
    "not looked at yet": (
        some_facts(look=None),
        "Unknown",
        "NotSeenYet",
        "The operator has not looked yet.",
    ),
    "never valid": (some_facts(standing=never_valid()), "False", "Invalid", "/spec/nonsense"),
    "became invalid": (
        some_facts(standing=one_that_became_invalid()),
        "False",
        "Invalid",
        "The configuration before stays in force.",
    ),
    "declared twice": (
        some_facts(standing=the_younger()),
        "False",
        "Conflict",
        "Delete one of the two.",
    ),
    "refused": (some_facts(refusal=REFUSED), "False", "Forbidden", "The API server forbids it."),
    "being made": (
        replace(some_facts(), deployment=None),
        "Unknown",
        "NotCreatedYet",
        "Deployment attendance-worker is being made.",
    ),
    "no target": (
        replace(some_facts(standing=a_foreign_one()), deployment=None),
        "False",
        "TargetMissing",
        (
            "There is no Deployment legacy in namespace shop. Create it, or leave"
            " spec.worker.targetRef out to get one."
        ),
    ),
    "not configured": (
        some_facts(unsettled="Redis is too old."),
        "False",
        "NotConfigured",
        "Redis is too old.",
    ),
    "the store is away": (some_facts(look=AWAY), "False", "StoreUnreachable", ""),
    "a rival": (some_facts(standing=beside_a_rival()), "False", HPA, "eager"),
    "in trouble": (some_facts(verdict=CRASHING), "False", "CrashLoopBackOff", "don't start"),
}


@pytest.mark.parametrize(("facts", "status", "reason", "message"), READY.values(), ids=READY)
def test_ready_names_the_first_thing_to_mend(
    facts: Facts, status: str, reason: str, message: str
) -> None:
    """Limits, pauses and modes are as somebody wants them: the queue is served as declared."""
    said = conditions(facts)[0]
    assert (said.type, said.status, said.reason) == ("Ready", status, reason)
    assert message in said.message


BROKEN: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "fault": ({"standing": never_valid()}, "Invalid"),
    "refusal": ({"refusal": REFUSED}, "Forbidden"),
    "target": ({"deployment": None}, "NotCreatedYet"),
    "settings": ({"unsettled": "Redis is too old."}, "NotConfigured"),
    "store": ({"look": AWAY}, "StoreUnreachable"),
    "rival": ({"standing": beside_a_rival()}, HPA),
    "workers": ({"verdict": CRASHING}, "CrashLoopBackOff"),
}
"""In the order in which they have to be mended."""


@pytest.mark.parametrize("first", range(len(BROKEN)))
def test_of_many_things_the_first_to_mend_is_said(first: int) -> None:
    """Workers can't be healthy before there is a Deployment, and that not before a valid spec."""
    changes: dict[str, Any] = {}
    for more, _ in reversed(list(BROKEN.values())[first:]):
        changes |= more
    assert conditions(replace(some_facts(), **changes))[0].reason == list(BROKEN.values())[first][1]


def test_the_conditions_come_in_the_order_in_which_people_read_them() -> None:
    """Each once, and the summary first."""
    assert [said.type for said in conditions(some_facts())] == [
        "Ready",
        "BacklogKnown",
        "Conflict",
        "WorkersHealthy",
        "ScalingActive",
        "ScalingLimited",
        "Paused",
    ]
