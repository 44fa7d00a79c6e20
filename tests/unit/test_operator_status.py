"""The status: what is known and nothing else, and when it is worth a write."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import jsonschema
import pytest

from headpond.queues import Hold
from headpond.scaling import Mode, Policy, Step
from headpond_operator.crd import crd
from headpond_operator.objects import declared
from headpond_operator.status import FIGURES, differs, status_of
from headpond_operator.status_model import MOST_STEPS
from operator_cases import a_look, a_queueconfig, some_facts, with_steps
from scaling_cases import HELD, NOW_MS, a_sample, learned

if TYPE_CHECKING:
    from headpond_operator.conditions import Facts

SCHEMA: Final = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
CRD: Final = jsonschema.Draft202012Validator(SCHEMA)
NOW: Final = "2027-01-15T08:00:00Z"
LATER_MS: Final = NOW_MS + 60_000
LATER: Final = "2027-01-15T08:01:00Z"
BUSY: Final = a_sample(
    waiting=4812, due=3, active=20, delayed=7, failed=2, parked=1, oldest_ms=NOW_MS - 125_400
)
AWAY: Final = some_facts(look=a_look(sample=None))


def status(
    facts: Facts, before: dict[str, Any] | None = None, now_ms: int = NOW_MS
) -> dict[str, Any]:
    """Return the status as it would be written; the CRD takes each."""
    document = status_of(facts, before or {}, now_ms)
    CRD.validate(document)
    return document


def condition(document: dict[str, Any], type_: str) -> dict[str, Any]:
    """Return one condition of a status."""
    found: dict[str, Any] = next(each for each in document["conditions"] if each["type"] == type_)
    return found


def busy(**look: Any) -> Facts:
    """Return the facts of a queue with much to do."""
    memory = learned(service_s=0.25, arrival_per_s=3.0)
    return some_facts(look=a_look(sample=BUSY, memory=memory, **look))


# ── what it says ──


def test_a_busy_queue_is_told_whole() -> None:
    """Figures, decision, and the sentence of both."""
    said = status(busy())
    assert said["queue"] == {
        "name": "attendance",
        "waiting": 4812,
        "due": 3,
        "active": 20,
        "delayed": 7,
        "failed": 2,
        "parked": 1,
        "oldestAge": "2m",
        "oldestAgeSeconds": 125.4,
        "arrivalPerSecond": said["lastDecision"]["inputs"]["arrivalPerSecond"],
        "serviceSeconds": 0.25,
        "observedAt": NOW,
    }
    assert (said["replicas"], said["readyReplicas"], said["desiredReplicas"]) == (3, 3, 5)
    assert (said["deployment"], said["observedGeneration"]) == ("attendance-worker", 1)
    assert said["selector"] == "headpond.dev/queueconfig=attendance"
    assert said["summary"].startswith("attendance 3→5: ")
    decision = said["lastDecision"]
    assert (decision["from"], decision["to"], decision["writes"]) == (3, 5, True)
    assert (decision["at"], decision["rule"]) == (NOW, decision["steps"][-1]["rule"])
    assert decision["inputs"]["waiting"] == 4812


def test_the_spec_may_name_another_queue() -> None:
    """The figures are the queue's."""
    assert status(some_facts({"queue": "mail"}))["queue"]["name"] == "mail"


def test_what_the_store_does_not_say_is_absent() -> None:
    """Nobody may take ignorance for an empty queue."""
    said = status(AWAY)
    assert said["queue"] == {"name": "attendance"}
    inputs = said["lastDecision"]["inputs"]
    assert inputs == {"replicas": 3, "starting": 0, "arrivalPerSecond": 0.0}
    assert condition(said, "BacklogKnown")["status"] == "False"


def test_before_the_first_look_nothing_is_said_of_decisions() -> None:
    """Neither a number nor a reason."""
    said = status(some_facts(look=None))
    assert not {"desiredReplicas", "lastDecision", "nextChange", "summary"} & said.keys()
    assert said["queue"] == {"name": "attendance"}


def test_without_a_deployment_there_are_no_replicas() -> None:
    """Not 0: kubectl scale and an HPA would believe it."""
    said = status(replace(some_facts(), deployment=None))
    assert not {"replicas", "readyReplicas", "selector"} & said.keys()
    assert said["deployment"] == "attendance-worker"


def test_what_is_zero_is_said() -> None:
    """An empty queue is known to be empty."""
    said = status(some_facts(look=a_look(replicas=0, policy=Policy())))
    assert (said["queue"]["waiting"], said["queue"]["oldestAge"]) == (0, "0s")
    assert said["desiredReplicas"] == 0


@pytest.mark.parametrize(
    ("age_s", "text"),
    [
        (0.4, "0s"),
        (59, "59s"),
        (119, "119s"),
        (120, "2m"),
        (7199, "119m"),
        (7200, "2h"),
        (360_000, "100h"),
    ],
)
def test_an_age_is_short(age_s: float, text: str) -> None:
    """As kubectl says ages."""
    sample = a_sample(waiting=1, oldest_ms=NOW_MS - round(age_s * 1000))
    assert status(some_facts(look=a_look(sample=sample)))["queue"]["oldestAge"] == text


@pytest.mark.parametrize(
    ("spec", "holds", "pause"),
    [
        ({}, (), {"effective": "None"}),
        ({"pause": "Drain"}, (), {"effective": "Drain", "source": "spec"}),
        ({"paused": True}, HELD, {"effective": "Hold", "source": "spec"}),
        (
            {},
            HELD,
            {"effective": "Hold", "source": "runtime", "by": "ana", "reason": "broken import"},
        ),
        (
            {},
            (Hold("runtime", "", "", NOW_MS, LATER_MS),),
            {"effective": "Hold", "source": "runtime", "until": LATER},
        ),
        ({}, (Hold("spec", "", "of before", NOW_MS),), {"effective": "None"}),
    ],
    ids=["none", "spec", "both", "somebody", "for a minute", "a hold that is being lifted"],
)
def test_the_stricter_pause_is_said(
    spec: dict[str, Any], holds: tuple[Hold, ...], pause: dict[str, str]
) -> None:
    """And whose it is."""
    facts = some_facts(spec, look=a_look(sample=a_sample(held=holds)))
    assert status(facts)["pause"] == pause


def test_a_pause_of_the_spec_is_known_while_the_store_is_away() -> None:
    """One at run time isn't."""
    away = a_look(sample=None)
    assert status(some_facts({"pause": "Hold"}, look=away))["pause"]["source"] == "spec"
    assert status(AWAY)["pause"] == {"effective": "None"}


def test_the_next_move_is_foreseen() -> None:
    """When, and to which number."""
    look = a_look()
    foreseen = replace(look.decision, next_change_ms=LATER_MS, next_change_to=1)
    said = status(some_facts(look=replace(look, decision=foreseen)))
    assert said["nextChange"] == {"at": LATER, "to": 1}
    unforeseen = replace(look.decision, next_change_ms=0)
    assert "nextChange" not in status(some_facts(look=replace(look, decision=unforeseen)))


def test_a_long_story_is_cut() -> None:
    """The CRD takes so many steps; the first tell how it came."""
    steps = tuple(Step(f"rule{number}", number, number + 1, "why") for number in range(30))
    said = status(some_facts(look=with_steps(a_look(), *steps)))["lastDecision"]["steps"]
    assert [step["rule"] for step in said] == [f"rule{number}" for number in range(MOST_STEPS)]


# ── what stays ──


def test_a_condition_that_stays_keeps_its_time() -> None:
    """And one that turns gets a new one."""
    before = status(some_facts())
    away = status(AWAY, before, LATER_MS)
    assert condition(away, "Conflict")["lastTransitionTime"] == NOW
    assert condition(away, "BacklogKnown")["lastTransitionTime"] == LATER


def test_another_reason_is_no_transition() -> None:
    """The status of the condition counts, as Kubernetes has it."""
    before = status(some_facts(look=a_look(Policy(mode=Mode.FROZEN))))
    after = status(some_facts(look=a_look(Policy(mode=Mode.RECOMMEND))), before, LATER_MS)
    active = condition(after, "ScalingActive")
    assert (active["reason"], active["lastTransitionTime"]) == ("Recommend", NOW)


@pytest.mark.parametrize(
    "conditions",
    [
        None,
        "nonsense",
        ["nonsense", 7],
        [{"type": "Ready", "status": "True"}],
        [{"type": "Ready", "status": "True", "lastTransitionTime": "yesterday"}],
        [{"type": "Ready", "status": "True", "lastTransitionTime": ["x"]}],
        [{"type": "Ready", "status": "False", "lastTransitionTime": NOW}],
    ],
    ids=str,
)
def test_a_time_that_is_none_is_replaced(conditions: object) -> None:
    """Somebody has edited the status by hand."""
    said = status(some_facts(), {"conditions": conditions}, LATER_MS)
    assert condition(said, "Ready")["lastTransitionTime"] == LATER


def test_a_decision_stays_while_number_and_rule_are_the_same() -> None:
    """Each round decides anew; the status tells since when."""
    before = status(busy())
    later = busy()
    assert later.look is not None
    decision = replace(later.look.decision, at_ms=LATER_MS)
    after = status(replace(later, look=replace(later.look, decision=decision)), before, LATER_MS)
    assert after["lastDecision"] == before["lastDecision"]


def test_a_decision_that_is_no_longer_written_is_another() -> None:
    """The number and its rule are the same, and nobody acts on it any more."""
    before = status(busy())
    after = status(busy(policy=Policy(mode=Mode.RECOMMEND, min=3)), before)
    assert after["lastDecision"]["to"] == before["lastDecision"]["to"]
    assert (before["lastDecision"]["writes"], after["lastDecision"]["writes"]) == (True, False)


@pytest.mark.parametrize("edit", [{"rule": "x"}, {"to": 7}, {"at": "yesterday"}, {"inputs": "x"}])
def test_a_decision_that_was_edited_is_told_anew(edit: dict[str, Any]) -> None:
    """What can't be ours is not kept."""
    truth = status(busy())
    edited = copy.deepcopy(truth)
    edited["lastDecision"] |= edit
    assert status(busy(), edited) == truth
    assert status(busy(), {"lastDecision": "nonsense"})["lastDecision"] == truth["lastDecision"]


# ── whether it is worth a write ──


def test_a_status_that_was_written_is_not_written_again() -> None:
    """However often it is looked at."""
    facts = busy()
    written = status(facts)
    again = status(
        replace(facts, declared=declared(a_queueconfig(status=written))), written, LATER_MS
    )
    assert differs(again, written) == ""


def edited(**fields: Any) -> dict[str, Any]:
    """Return the status of a busy queue with these fields changed, `None` taken away."""
    document = {**status(busy()), **fields}
    return {key: value for key, value in document.items() if value is not None}


def with_condition(**fields: Any) -> dict[str, Any]:
    """Return the status of a busy queue with its first condition changed."""
    document = status(busy())
    document["conditions"][0] |= fields
    return document


DIFFERENCES: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "nothing": (edited(), ""),
    "seen again": (edited(queue={**status(busy())["queue"], "observedAt": LATER}), ""),
    "waiting": (edited(queue={**status(busy())["queue"], "waiting": 4813}), "figures"),
    "replicas": (edited(replicas=5, readyReplicas=2), "figures"),
    "the summary": (edited(summary="attendance 3→5: 4,813 waiting"), "figures"),
    "the next move": (edited(nextChange={"at": LATER, "to": 1}), "figures"),
    "a condition's words": (with_condition(message="other figures"), "figures"),
    "a condition's status": (with_condition(status="False"), "facts"),
    "a condition's reason": (with_condition(reason="Other"), "facts"),
    "the decision": (edited(lastDecision=None), "facts"),
    "the number": (edited(desiredReplicas=7), "facts"),
    "the pause": (edited(pause={"effective": "Hold", "source": "spec"}), "facts"),
    "the Deployment": (edited(deployment="other"), "facts"),
    "the generation": (edited(observedGeneration=2), "facts"),
    "no conditions": (edited(conditions=None), "facts"),
    "nonsense for conditions": (edited(conditions=["nonsense", 7]), "facts"),
    "nonsense for figures": (edited(queue="nonsense"), "facts"),
    "nonsense for a number": (edited(replicas="many"), "facts"),
    "a field of nobody": (edited(nonsense=1), "facts"),
    "nothing at all": ({}, "facts"),
}


@pytest.mark.parametrize(("there", "difference"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_what_is_written_at_once_and_what_may_wait(there: dict[str, Any], difference: str) -> None:
    """Figures change all the time; all else, and whatever can't be ours, is news."""
    assert differs(status(busy()), there) == difference


def test_figures_are_fields_of_the_status() -> None:
    """A field that was renamed would be written at each change."""
    assert set(FIGURES) <= SCHEMA["properties"].keys()
