"""QueueConfigs in a real cluster: what kubectl shows, scales, changes and refuses to change."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from headpond_operator.crd import crd
from kube_cluster import Refused
from queueconfig_status import FULL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kube_cluster import Cluster, Kube


def declare(kube: Kube, spec: dict[str, Any] | None = None, verb: str = "create") -> None:
    """Create or replace the QueueConfig `attendance`."""
    document = {
        "apiVersion": "headpond.dev/v1alpha1",
        "kind": "QueueConfig",
        "metadata": {"name": "attendance"},
        "spec": spec or {},
        "status": {"replicas": 30},  # which must be dropped
    }
    kube.kubectl(verb, "-f", "-", stdin=json.dumps(document))


def shown(kube: Kube) -> dict[str, Any]:
    """Return it as it is in the cluster."""
    found: dict[str, Any] = kube.json("get", "qc", "attendance")
    return found


def merge(kube: Kube, patch: dict[str, Any], *words: str) -> None:
    """Patch it."""
    kube.kubectl("patch", "qc", "attendance", "--type=merge", "-p", json.dumps(patch), *words)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("spec.scaling.target", "exactly one of the two. Default: {wait: 30s}."),
        ("spec.scaling.mode", "`Manual` takes spec.replicas. Default: Auto."),
        ("spec.jobs.timeout", "A duration such as 500ms, 30s, 1h30m or 7d. Default: 5m."),
        ("spec.worker.env", "Environment of the container."),
        ("status.lastDecision.rule", "The rule that had the last word"),
    ],
)
def test_kubectl_explains(crds: Cluster, field: str, words: str) -> None:
    """Every field has a sentence and its default."""
    assert words in " ".join(crds.kubectl("explain", f"qc.{field}").split())


def test_the_columns_show_the_status(kube: Kube) -> None:
    """`kubectl get qc` reads as one line about the queue, `-o wide` with the sentence."""
    declare(kube)
    merge(kube, {"status": FULL.to_document()}, "--subresource=status")
    header, row = kube.kubectl("get", "qc").splitlines()
    assert " ".join(header.split()) == (
        "NAME PAUSED WAITING ACTIVE AGE-OLDEST DESIRED READY REASON AGE"
    )
    assert " ".join(row.split()).startswith("attendance Hold 4812 30 12s 12 2 demand ")
    assert "attendance 3→12: 4,812 jobs wait" in kube.kubectl("get", "headpond", "-o", "wide")
    assert shown(kube)["status"] == FULL.to_document()


def test_the_status_is_changed_by_the_operator_alone(kube: Kube) -> None:
    """A status in a manifest is dropped, and nonsense by /status is refused."""
    declare(kube)
    assert "status" not in shown(kube)
    merge(kube, {"status": {"replicas": 30}})
    assert "status" not in shown(kube)
    with pytest.raises(Refused, match=r"status\.replicas.* must be of type integer"):
        merge(kube, {"status": {"replicas": "many"}}, "--subresource=status")


def test_kubectl_scales_in_manual_mode(kube: Kube) -> None:
    """It writes spec.replicas."""
    declare(kube, {"replicas": 1, "scaling": {"mode": "Manual"}})
    kube.kubectl("scale", "qc/attendance", "--replicas=3")
    assert shown(kube)["spec"]["replicas"] == 3


def test_kubectl_does_not_scale_in_another_mode(kube: Kube) -> None:
    """The operator decides there, and the refusal says so."""
    declare(kube)
    words = "replicas 3 is only obeyed in scaling.mode Manual, and the mode is Auto."
    with pytest.raises(Refused, match=re.escape(words)):
        kube.kubectl("scale", "qc/attendance", "--replicas=3")
    assert "replicas" not in shown(kube)["spec"]


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, {}), ({}, {"queue": "attendance"}), ({"queue": "attendance"}, {})],
)
def test_a_queue_may_be_named_as_it_was(
    kube: Kube, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """To say what held by default changes nothing."""
    declare(kube, before)
    declare(kube, after, "replace")
    assert shown(kube)["spec"] == after


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({}, {"queue": "marks"}, "the queue is attendance and can not become marks"),
        ({"queue": "marks"}, {}, "the queue is marks and can not become attendance"),
        ({"queue": "marks"}, {"queue": "x"}, "the queue is marks and can not become x"),
    ],
)
def test_the_queue_of_an_object_never_changes(
    kube: Kube, before: dict[str, Any], after: dict[str, Any], words: str
) -> None:
    """By another name or by none: the jobs of the old queue would be left behind."""
    declare(kube, before)
    with pytest.raises(Refused, match=f"spec.queue: Invalid value: .*{words}"):
        declare(kube, after, "replace")
    assert shown(kube)["spec"] == before


@pytest.fixture
def elsewhere(crds: Cluster) -> Iterator[dict[str, Any]]:
    """Return the CRD under a group of its own, so that nobody's QueueConfigs are touched."""
    document = crd()
    group = f"g-{uuid.uuid4().hex[:10]}.headpond.test"
    document["spec"]["group"] = group
    document["metadata"]["name"] = f"queueconfigs.{group}"
    document["spec"]["names"] |= {"shortNames": [], "categories": []}
    yield document
    crds.kubectl("delete", "crd", document["metadata"]["name"], "--wait=false")


@pytest.mark.parametrize("command", ["create", "apply", "apply --server-side"])
def test_the_definition_goes_in_by_itself(
    crds: Cluster, elsewhere: dict[str, Any], command: str
) -> None:
    """It needs no chart, and fits into the annotation of a client-side apply."""
    crds.kubectl(*command.split(), "-f", "-", stdin=json.dumps(elsewhere))
    where = f"crd/{elsewhere['metadata']['name']}"
    # Until the first condition is there, kubectl can't wait for one: it takes the gap for a fault.
    crds.wait("jsonpath={.status.acceptedNames.kind}=QueueConfig", where, within_s=20)
    crds.wait("condition=Established", where, within_s=20)
    conditions = {each["type"] for each in crds.json("get", where)["status"]["conditions"]}
    assert conditions == {"Established", "NamesAccepted"}
