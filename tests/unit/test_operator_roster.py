"""Which QueueConfig counts for which queue, and what stands against the others."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from headpond.config import default_config, over
from headpond.errors import ConfigInvalid, FieldError
from headpond.scaling import Mode
from headpond_operator.cluster import DEPLOYMENTS, HPAS, QUEUES, SCALED_OBJECTS
from headpond_operator.objects import Key
from headpond_operator.roster import Roster, Standing
from operator_cases import (
    KEY,
    WORKERS,
    a_cluster,
    a_deployment,
    a_queueconfig,
    a_roster,
    an_autoscaler,
    as_declared,
)

if TYPE_CHECKING:
    from headpond.config import QueueConfig

OLD, MIDDLE, YOUNG = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"
INVALID = {"jobs": {"retries": -1}}
MANUAL = {"scaling": {"mode": "Manual"}, "replicas": 3}
RECOMMEND = {"scaling": {"mode": "Recommend"}}


def named(
    name: str, created: str, queue: str = "", target: str = "", **fields: Any
) -> dict[str, Any]:
    """Return a QueueConfig that declares a queue, or scales somebody else's Deployment."""
    spec: dict[str, Any] = {"queue": queue or name}
    if target:
        spec["worker"] = {"targetRef": {"name": target}}
    return a_queueconfig(name, spec=spec, creationTimestamp=created, **fields)


def against(*bodies: dict[str, Any]) -> dict[str, str]:
    """Return for each QueueConfig which older one has what it wants."""
    standings = a_roster(a_cluster(*bodies)).standings.values()
    return {
        each.declared.key.name: f"{each.shared} of {each.older.name}" if each.older else ""
        for each in standings
    }


def only(body: dict[str, Any], *hpas: dict[str, Any]) -> Standing:
    """Return the standing of the one QueueConfig that there is."""
    return a_roster(a_cluster(body, hpas=hpas)).standings[KEY]


# ── alone ──


def test_a_queueconfig_alone_counts() -> None:
    """Its policy goes to the governor."""
    roster = a_roster(a_cluster(a_queueconfig(spec={"queue": "mail"})))
    standing = roster.standings[KEY]
    assert (standing.counts, standing.target, standing.is_foreign) == (True, WORKERS, False)
    assert roster.by_queue == {"mail": standing}
    assert roster.policies == {"mail": standing.policy}


def test_one_that_scales_somebody_elses_deployment_has_to_do_with_both() -> None:
    """Its own Deployment of before may have to go."""
    roster = a_roster(a_cluster(named("attendance", OLD, target="legacy")))
    assert roster.standings[KEY].is_foreign
    assert roster.targeting == {Key("shop", "legacy"): [KEY], WORKERS: [KEY]}


def test_one_that_was_never_valid_declares_nothing() -> None:
    """And says why."""
    roster = a_roster(a_cluster(a_queueconfig(spec=INVALID)))
    standing = roster.standings[KEY]
    assert not standing.counts
    assert "/spec/jobs/retries" in standing.fault
    assert (roster.by_queue, roster.policies) == ({}, {})


def test_one_that_became_invalid_goes_on_as_it_was() -> None:
    """The fault is said beside it, as soon as it is there."""
    cluster = a_cluster(a_queueconfig(spec={"scaling": {"max": 7}}))
    roster = a_roster(cluster)
    cluster.put(QUEUES, a_queueconfig(spec=INVALID, version=2, generation=2))
    assert roster.refresh()
    assert roster.standings[KEY].counts
    assert roster.policies["attendance"].max == 7
    assert "/spec/jobs/retries" in roster.standings[KEY].fault


# ── two for one ──


@pytest.mark.parametrize("order", list(permutations((OLD, MIDDLE, YOUNG))))
def test_of_many_for_one_queue_the_oldest_counts(order: tuple[str, ...]) -> None:
    """Whichever is told of first."""
    names = {OLD: "first", MIDDLE: "second", YOUNG: "third"}
    said = against(*(named(names[at], at, "mail") for at in order))
    assert said == {
        "first": "",
        "second": "queue mail of first",
        "third": "queue mail of first",
    }


@pytest.mark.parametrize("order", list(permutations(("uid-a", "uid-b"))))
def test_of_two_of_the_same_second_the_uid_decides(order: tuple[str, ...]) -> None:
    """Something has to, and always in the same way."""
    said = against(*(named(uid, OLD, "mail", uid=uid) for uid in order))
    assert said == {"uid-a": "", "uid-b": "queue mail of uid-a"}


def test_two_namespaces_share_the_queues() -> None:
    """They share Redis, where a queue is found by its name alone."""
    one, other = named("mail", OLD), named("mail", YOUNG, namespace="test", uid="other")
    standings = a_roster(a_cluster(one, other)).standings
    assert standings[Key("test", "mail")].older == Key("shop", "mail")


def test_of_two_for_one_deployment_the_older_counts() -> None:
    """Two numbers can't both be written."""
    said = against(named("young", YOUNG, target="legacy"), named("old", OLD, target="legacy"))
    assert said == {"old": "", "young": "Deployment legacy of old"}


def test_one_deployment_of_two_namespaces_are_two() -> None:
    """A name means nothing outside its namespace."""
    elsewhere = named("b", YOUNG, target="legacy", namespace="test")
    assert against(named("a", OLD, target="legacy"), elsewhere) == {"a": "", "b": ""}


def test_somebodys_own_deployment_can_be_taken_by_an_older_one() -> None:
    """Even a Deployment that we make has one QueueConfig."""
    said = against(named("mail", YOUNG), named("old", OLD, target="mail-worker"))
    assert said["mail"] == "Deployment mail-worker of old"


def test_one_without_effect_is_in_nobodys_way() -> None:
    """The third gets what the second asks for and can't have."""
    said = against(
        named("first", OLD, "mail", target="a"),
        named("second", MIDDLE, "mail", target="b"),
        named("third", YOUNG, "chat", target="b"),
    )
    assert said == {"first": "", "second": "queue mail of first", "third": ""}


def test_an_invalid_one_is_in_nobodys_way() -> None:
    """It declares nothing that could be shared."""
    broken = a_queueconfig("broken", spec={**INVALID, "queue": "mail"})
    assert against(broken, named("mail", YOUNG))["mail"] == ""


def test_the_younger_takes_over_when_the_older_goes() -> None:
    """At the next look."""
    cluster = a_cluster(named("old", OLD, "mail"), named("young", YOUNG, "mail"))
    roster = a_roster(cluster)
    cluster.drop(QUEUES, Key("shop", "old"), "uid-old")
    roster.refresh()
    assert roster.by_queue["mail"].declared.key.name == "young"


# ── other autoscalers ──


@pytest.mark.parametrize("kind", [HPAS, SCALED_OBJECTS])
def test_beside_another_autoscaler_we_decide_and_write_nothing(kind: str) -> None:
    """Two that write would chase each other."""
    cluster = a_cluster(a_queueconfig())
    cluster.put(kind, an_autoscaler("attendance-worker"))
    roster = a_roster(cluster)
    rival = roster.standings[KEY].rival
    assert str(rival) == f"{kind} eager"
    assert roster.policies["attendance"].mode is Mode.RECOMMEND
    assert roster.standings[KEY].counts


@pytest.mark.parametrize(
    ("spec", "hpa", "is_rival"),
    [
        ({}, an_autoscaler("attendance-worker"), True),
        ({}, an_autoscaler("attendance-worker", namespace="test"), False),
        ({}, an_autoscaler("attendance-worker", "StatefulSet"), False),
        ({}, an_autoscaler("other"), False),
        (MANUAL, an_autoscaler("attendance-worker"), True),
        (RECOMMEND, an_autoscaler("attendance-worker"), False),
        ({}, an_autoscaler("attendance", "QueueConfig"), True),
        (RECOMMEND, an_autoscaler("attendance", "QueueConfig"), True),
        (MANUAL, an_autoscaler("attendance", "QueueConfig"), False),
        ({}, an_autoscaler("mail", "QueueConfig"), False),
        (INVALID, an_autoscaler("attendance", "QueueConfig"), True),
        (INVALID, an_autoscaler("attendance-worker"), True),
    ],
    ids=[
        "our Deployment",
        "of another namespace",
        "another kind",
        "another Deployment",
        "our Deployment, by hand",
        "our Deployment, to recommend",
        "the QueueConfig",
        "the QueueConfig, to recommend",
        "the QueueConfig, by hand",
        "another QueueConfig",
        "an invalid QueueConfig",
        "its Deployment",
    ],
)
def test_who_is_in_our_way(spec: dict[str, Any], hpa: dict[str, Any], *, is_rival: bool) -> None:
    """By hand a QueueConfig may be scaled by an HPA; who only recommends is in nobody's way."""
    assert (only(a_queueconfig(spec=spec), hpa).rival is not None) == is_rival


def test_when_the_other_goes_we_write_again() -> None:
    """With the very policy of before."""
    cluster = a_cluster(a_queueconfig())
    roster = a_roster(cluster)
    policy = roster.policies["attendance"]
    cluster.put(HPAS, an_autoscaler("attendance-worker"))
    roster.refresh()
    cluster.drop(HPAS, Key("shop", "eager"), "uid-eager")
    roster.refresh()
    assert roster.policies["attendance"] is policy


# ── what has not changed stays the same object ──


@pytest.mark.parametrize(
    "hpas", [(), (an_autoscaler("attendance-worker"),)], ids=["alone", "rival"]
)
def test_a_policy_that_has_not_changed_stays_the_same_object(
    hpas: tuple[dict[str, Any], ...],
) -> None:
    """The governor goes by identity: a thousand queues at rest cost a comparison each."""
    cluster = a_cluster(a_queueconfig(), hpas=hpas)
    roster = a_roster(cluster)
    policy = roster.policies["attendance"]
    cluster.put(QUEUES, a_queueconfig("mail"))
    assert roster.refresh()
    assert roster.policies["attendance"] is policy


def test_another_spec_beside_a_rival_is_another_policy() -> None:
    """It decides by the new bounds."""
    cluster = a_cluster(a_queueconfig(), hpas=(an_autoscaler("attendance-worker"),))
    roster = a_roster(cluster)
    cluster.put(QUEUES, a_queueconfig(spec={"scaling": {"max": 7}}, version=2, generation=2))
    roster.refresh()
    policy = roster.policies["attendance"]
    assert (policy.max, policy.mode) == (7, Mode.RECOMMEND)


def test_nothing_new_is_no_work() -> None:
    """Asked twice a second."""
    cluster = a_cluster(a_queueconfig(), deployments=(a_deployment(),))
    roster = a_roster(cluster)
    assert not roster.refresh()
    cluster.put(DEPLOYMENTS, a_deployment(ready=1, version=2))
    assert not roster.refresh()


def test_a_new_leader_hears_of_everything() -> None:
    """What the one before knew is no help to it."""
    roster = a_roster(a_cluster(a_queueconfig()))
    roster.begin_anew()
    assert (roster.standings, roster.by_queue, roster.policies) == ({}, {}, {})
    assert roster.refresh()
    assert KEY in roster.standings


# ── code beneath the documents ──


class Defaults:
    """What an app says of its queue."""

    concurrency = 4
    max_workers = 9
    retries = backoff = timeout = priority = max_active = rate_limit = encrypt_payload = None


def test_a_document_lies_over_what_code_says() -> None:
    """Field by field."""

    def merge(document: QueueConfig) -> QueueConfig:
        return over(default_config(document.queue, Defaults()), document)

    roster = Roster(a_cluster(a_queueconfig(spec={"scaling": {"min": 2}})), merge)
    roster.refresh()
    policy = roster.policies["attendance"]
    assert (policy.slots, policy.min, policy.max) == (4, 2, 9)


def test_a_document_that_clashes_with_code_stops_nobody_else() -> None:
    """It says what is wrong, and the others are served."""

    def merge(document: QueueConfig) -> QueueConfig:
        if document.queue == "attendance":
            raise ConfigInvalid([FieldError("/spec/scaling/min", "30 is more than max 20.")])
        return as_declared(document)

    roster = Roster(a_cluster(a_queueconfig(), a_queueconfig("mail")), merge)
    roster.refresh()
    assert roster.standings[KEY].fault == "/spec/scaling/min: 30 is more than max 20."
    assert not roster.standings[KEY].counts
    assert roster.by_queue.keys() == {"mail"}
