"""What the operator keeps of the cluster's objects, strange ones among them."""

from __future__ import annotations

from typing import Any

import pytest

from headpond_operator.objects import (
    SCALE_MANAGER,
    Declared,
    Key,
    declared,
    deployment_seen,
    digest,
    key_of,
    rival,
    selector_text,
    version_of,
)
from operator_cases import KEY, WORKERS, a_declared, a_deployment, a_queueconfig, an_autoscaler

INVALID = {"jobs": {"retries": -1}}


def held(spec: object = None, **fields: Any) -> Declared:
    """Return a QueueConfig of which a valid version was seen, and then this one."""
    before = declared(a_queueconfig(spec={"pause": "Hold"}))
    return declared(a_queueconfig(spec=spec, **{"generation": 2, "version": 2, **fields}), before)


# ── where and which ──


def test_a_key_says_where_an_object_is() -> None:
    """Sentences for people have it as kubectl writes it."""
    assert (key_of(a_queueconfig()), str(KEY)) == (KEY, "shop/attendance")
    assert key_of({"metadata": {"name": "node"}}) == Key("", "node")


@pytest.mark.parametrize(
    ("text", "version"),
    [("7", 7), ("", 0), ("seven", 0), ("-7", 0), ("12345678901234", 12345678901234)],
)
def test_a_version_is_a_number_or_none(text: str, version: int) -> None:
    """What can't be compared is never newer."""
    assert version_of({"metadata": {"resourceVersion": text}}) == version


def test_no_version_is_none() -> None:
    """An object that we made ourselves has none yet."""
    assert version_of({"metadata": {}}) == 0


# ── QueueConfigs ──


def test_a_queueconfig_is_read_whole() -> None:
    """Everything that the status and the roster rest on."""
    body = a_queueconfig(
        spec={"queue": "mail"}, status={"summary": "x"}, uid="u", version=7, generation=3
    )
    read = declared(body)
    assert (read.key, read.uid, read.version, read.generation) == (KEY, "u", 7, 3)
    assert (read.queue, read.fault, read.status) == ("mail", "", {"summary": "x"})
    assert read.config is not None
    assert (read.config.name, read.config.source) == (
        "attendance",
        "QueueConfig shop/attendance",
    )


@pytest.mark.parametrize("missing", [{"spec": None}, {"spec": {}}, {}], ids=str)
def test_a_queueconfig_that_says_nothing_declares_a_queue(missing: dict[str, Any]) -> None:
    """All fields have defaults."""
    read = declared({"metadata": a_queueconfig()["metadata"], **missing, "status": None})
    assert (read.queue, read.fault, read.status) == ("attendance", "", {})
    assert read.config is not None


def test_a_body_with_next_to_nothing_is_read() -> None:
    """A name and a uid are all that every object has."""
    read = declared({"metadata": {"name": "attendance", "uid": "u"}})
    assert (read.key, read.created, read.generation) == (Key("", "attendance"), "", 0)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (INVALID, "/spec/jobs/retries"),
        ({"nonsense": 1}, "/spec/nonsense"),
        ({"queue": "No Queue"}, "'No Queue' is no queue name"),
        ("nonsense", "/spec"),
        (["nonsense"], "/spec"),
        ({"scaling": {"mode": "Manual"}}, "needs spec.replicas"),
    ],
)
def test_what_cannot_be_read_says_where(spec: object, said: str) -> None:
    """The API server lets some of it through, and an older CRD all of it."""
    read = a_declared(spec)
    assert said in read.fault
    assert (read.config, read.queue) == (None, "attendance")


def test_a_long_list_of_faults_is_cut() -> None:
    """The first three are enough to begin with."""
    fault = a_declared(dict.fromkeys("abcdefg", 1)).fault
    assert fault.count("/spec/") == 3


def test_an_object_whose_name_is_no_queues_needs_another() -> None:
    """Kubernetes allows dots in names, Redis keys and labels of ours don't."""
    assert "/queue: 'at.tendance' is no queue name" in a_declared(name="at.tendance").fault
    assert a_declared({"queue": "attendance"}, name="at.tendance").fault == ""


def test_an_invalid_spec_keeps_the_configuration_before() -> None:
    """A slip must not take the workers away."""
    read = held(INVALID)
    assert "/spec/jobs/retries" in read.fault
    assert read.config is not None
    assert read.config.spec.pause == "Hold"


def test_a_valid_spec_takes_the_fault_away() -> None:
    """What was mended is in force."""
    mended = declared(a_queueconfig(version=3, generation=3), held(INVALID))
    assert mended.fault == ""
    assert mended.config is not None
    assert mended.config.spec.pause == "None"


def test_another_object_of_the_name_inherits_nothing() -> None:
    """It was deleted and made again, wrongly."""
    assert held(INVALID, uid="another").config is None


def test_the_same_generation_is_not_parsed_again() -> None:
    """The very same configuration: a thousand statuses a second would cost a core."""
    before = a_declared({"pause": "Hold"})
    body = a_queueconfig(spec="never looked at", status={"summary": "x"}, version=9)
    now = declared(body, before)
    assert now.config is before.config
    assert (now.version, now.status, now.fault) == (9, {"summary": "x"}, "")


def test_the_same_generation_keeps_the_fault() -> None:
    """Our own write of the status, which tells of the fault, does not heal it."""
    faulty = held(INVALID)
    again = declared(a_queueconfig(spec=INVALID, version=3, generation=2), faulty)
    assert (again.fault, again.config) == (faulty.fault, faulty.config)


# ── Deployments ──


def test_a_deployment_is_read() -> None:
    """Wanted, there and ready are three figures."""
    body = a_deployment(replicas=5, ready=2, version=8)
    body["status"]["replicas"] = 4
    seen = deployment_seen(body)
    assert (seen.key, seen.version, seen.owner_uid) == (WORKERS, 8, "uid-attendance")
    assert (seen.replicas, seen.current, seen.ready) == (5, 4, 2)
    assert (seen.selector, seen.failure) == ("headpond.dev/queueconfig=attendance", "")
    assert (seen.scaler, seen.is_ours_to_scale) == ("", False)


def test_a_deployment_that_was_just_made_is_read() -> None:
    """No status yet, no owner, and one replica is what Kubernetes takes for granted."""
    seen = deployment_seen({"metadata": {"name": "w", "uid": "u"}, "spec": {}, "status": None})
    assert (seen.replicas, seen.current, seen.ready) == (1, 0, 0)
    assert (seen.owner_uid, seen.selector) == ("", "")


def test_only_the_controller_is_the_owner() -> None:
    """Others may hold an object too."""
    body = a_deployment(owner="")
    assert deployment_seen(body).owner_uid == ""
    body["metadata"]["ownerReferences"] = [{"uid": "a"}, {"uid": "b", "controller": True}]
    assert deployment_seen(body).owner_uid == "b"


def manager(name: str, time: str, fields: object) -> dict[str, Any]:
    """Return an entry of managedFields."""
    return {"manager": name, "time": time, "fieldsV1": fields}


REPLICAS: dict[str, Any] = {"f:spec": {"f:replicas": {}}}


@pytest.mark.parametrize(
    ("entries", "scaler", "is_ours"),
    [
        ([manager("kubectl", "2026-01-01T00:00:00Z", REPLICAS)], "kubectl", False),
        (
            [
                manager("kubectl", "2026-01-02T00:00:00Z", REPLICAS),
                manager(SCALE_MANAGER, "2026-01-01T00:00:00Z", REPLICAS),
            ],
            "kubectl",
            True,
        ),
        ([manager("headpond", "2026-01-01T00:00:00Z", {"f:spec": {"f:template": {}}})], "", False),
        ([manager("kubelet", "2026-01-01T00:00:00Z", None), {}], "", False),
        ([{"fieldsV1": REPLICAS}], "", False),
    ],
    ids=["somebody", "somebody after us", "other fields", "no fields", "nameless"],
)
def test_who_wrote_the_replicas_is_known(
    entries: list[dict[str, Any]], scaler: str, *, is_ours: bool
) -> None:
    """The latest of them; and whether an apply may leave them out."""
    seen = deployment_seen(a_deployment(managedFields=entries))
    assert (seen.scaler, seen.is_ours_to_scale) == (scaler, is_ours)


@pytest.mark.parametrize(
    ("condition", "failure"),
    [
        (
            {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"},
            "exceeded quota",
        ),
        ({"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}, "FailedCreate"),
        ({"type": "ReplicaFailure", "status": "False", "message": "exceeded quota"}, ""),
        ({"type": "Progressing", "status": "True", "message": "all is well"}, ""),
    ],
)
def test_why_no_pod_can_be_made_is_known(condition: dict[str, str], failure: str) -> None:
    """No pod exists that could tell of a quota."""
    body = a_deployment()
    body["status"]["conditions"] = [condition]
    assert deployment_seen(body).failure == failure


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({}, ""),
        ({"matchLabels": {"b": "2", "a": "1"}}, "a=1,b=2"),
        (
            {"matchExpressions": [{"key": "a", "operator": "In", "values": ["x", "y"]}]},
            "a in (x,y)",
        ),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["x"]}]}, "a notin (x)"),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, "a"),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, "!a"),
        (
            {
                "matchLabels": {"app": "mail"},
                "matchExpressions": [{"key": "old", "operator": "DoesNotExist"}],
            },
            "app=mail,!old",
        ),
    ],
)
def test_a_selector_is_said_as_a_query_says_it(selector: dict[str, Any], text: str) -> None:
    """Somebody else's Deployment may have any."""
    assert selector_text(selector) == text


def test_a_digest_goes_by_what_is_said_not_by_its_order() -> None:
    """The API server may answer in another order than it was asked in."""
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert len({digest({"a": [1, 2]}), digest({"a": [2, 1]}), digest({"a": "1"}), digest({})}) == 4


# ── autoscalers ──


@pytest.mark.parametrize("kind", ["HorizontalPodAutoscaler", "ScaledObject"])
def test_an_autoscaler_names_its_target(kind: str) -> None:
    """In its own namespace, and by its kind."""
    read = rival(an_autoscaler("mailer", version=4), kind)
    assert (read.kind, read.version, read.target_kind) == (kind, 4, "Deployment")
    assert (read.target, str(read)) == (Key("shop", "mailer"), f"{kind} eager")


def test_a_scaledobject_need_not_name_the_kind() -> None:
    """KEDA takes a Deployment for granted."""
    body = an_autoscaler("mailer")
    del body["spec"]["scaleTargetRef"]["kind"]
    assert rival(body, "ScaledObject").target_kind == "Deployment"


@pytest.mark.parametrize(
    "spec", [None, {}, {"scaleTargetRef": None}, {"jobTargetRef": {}}], ids=str
)
def test_an_autoscaler_without_a_target_scales_nothing(spec: object) -> None:
    """No Deployment has an empty name."""
    body = {**an_autoscaler("mailer"), "spec": spec}
    assert rival(body, "ScaledObject").target == Key("shop", "")
