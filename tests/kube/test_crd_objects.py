"""QueueConfigs in a real cluster: what kubectl shows, scales, changes and refuses to change."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from headpond_operator.crd import crd
from queueconfig_status import FULL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queueconfig_server import QueueConfigServer


def queue_config(name: str, spec: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return an object."""
    document = {"apiVersion": "headpond.dev/v1alpha1", "kind": "QueueConfig"}
    return {**document, "metadata": {"name": name}, "spec": spec or {}}


@pytest.fixture
def name() -> str:
    """Return a name that no other test uses."""
    return f"q-{uuid.uuid4().hex[:10]}"


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("spec.scaling.target", "exactly one of the two. Default: {wait: 30s}."),
        ("spec.scaling.mode", "`Manual` takes spec.replicas. Default: Auto."),
        ("spec.jobs.timeout", "A duration such as 500ms, 30s, 1h30m or 7d, or whole seconds."),
        ("spec.worker.env", "Environment of the container."),
        ("status.lastDecision.rule", "The rule that had the last word"),
    ],
)
def test_kubectl_explains(queueconfigs: QueueConfigServer, field: str, words: str) -> None:
    """Every field has a sentence and its default."""
    assert words in " ".join(queueconfigs.say("explain", f"qc.{field}").split())


def test_the_columns_show_the_status(queueconfigs: QueueConfigServer, name: str) -> None:
    """`kubectl get qc` reads as one line about the queue, `-o wide` with the sentence."""
    queueconfigs.say("create", "-f", "-", stdin=queue_config(name))
    status = json.dumps({"status": FULL.to_document()})
    queueconfigs.say("patch", "qc", name, "--subresource=status", "--type=merge", "-p", status)
    header, row = queueconfigs.say("get", "qc", name).splitlines()
    assert " ".join(header.split()) == (
        "NAME PAUSED WAITING ACTIVE AGE-OLDEST DESIRED READY REASON AGE"
    )
    assert " ".join(row.split()).startswith(f"{name} Hold 4812 30 12s 12 2 demand ")
    wide = queueconfigs.say("get", "headpond", name, "-o", "wide")
    assert "attendance 3→12: 4,812 jobs wait" in wide
    assert queueconfigs.get(name)["status"] == FULL.to_document()


def test_the_status_is_changed_by_the_operator_alone(
    queueconfigs: QueueConfigServer, name: str
) -> None:
    """A status in a manifest is dropped, and nonsense by /status is refused."""
    given = {**queue_config(name), "status": {"replicas": 30}}
    queueconfigs.say("create", "-f", "-", stdin=given)
    assert "status" not in queueconfigs.get(name)
    patch = ("patch", "qc", name, "--type=merge", "-p")
    queueconfigs.say(*patch, json.dumps({"status": {"replicas": 30}}))
    assert "status" not in queueconfigs.get(name)
    nonsense = json.dumps({"status": {"replicas": "many"}})
    assert "must be of type integer" in queueconfigs.refuse(
        *patch, nonsense, "--subresource=status"
    )


def test_kubectl_scales_in_manual_mode_alone(queueconfigs: QueueConfigServer, name: str) -> None:
    """Elsewhere the operator decides, and the refusal says so."""
    manual = queue_config(name, {"replicas": 1, "scaling": {"mode": "Manual"}})
    queueconfigs.say("create", "-f", "-", stdin=manual)
    queueconfigs.say("scale", f"qc/{name}", "--replicas=3")
    assert queueconfigs.get(name)["spec"]["replicas"] == 3
    other = f"{name}-auto"
    queueconfigs.say("create", "-f", "-", stdin=queue_config(other))
    said = queueconfigs.refuse("scale", f"qc/{other}", "--replicas=3")
    assert "replicas 3 is only obeyed in scaling.mode Manual, and the mode is Auto." in said
    assert "replicas" not in queueconfigs.get(other)["spec"]


@pytest.mark.parametrize(
    ("before", "after", "is_taken"),
    [
        ("", "", True),
        ("", "{name}", True),
        ("{name}", "", True),
        ("", "other", False),
        ("other", "", False),
        ("other", "another", False),
    ],
)
def test_the_queue_of_an_object_never_changes(
    queueconfigs: QueueConfigServer, name: str, before: str, after: str, *, is_taken: bool
) -> None:
    """By another name or by none: the jobs of the old queue would be left behind."""

    def declared(queue: str) -> dict[str, Any]:
        return queue_config(name, {"queue": queue.format(name=name)} if queue else {})

    queueconfigs.say("create", "-f", "-", stdin=declared(before))
    if is_taken:
        queueconfigs.say("replace", "-f", "-", stdin=declared(after))
    else:
        said = queueconfigs.refuse("replace", "-f", "-", stdin=declared(after))
        was, becomes = (queue or name for queue in (before, after))
        assert f'spec.queue: Invalid value: "object": the queue is {was} and can not' in said
        assert f"become {becomes}: its jobs would be left behind" in said


@pytest.fixture
def elsewhere(queueconfigs: QueueConfigServer) -> Iterator[dict[str, Any]]:
    """Return the CRD under a group of its own, so that nobody's QueueConfigs are touched."""
    document = crd()
    group = f"g-{uuid.uuid4().hex[:10]}.headpond.test"
    document["spec"]["group"] = group
    document["metadata"]["name"] = f"queueconfigs.{group}"
    document["spec"]["names"] |= {"shortNames": [], "categories": []}
    yield document
    queueconfigs.run("delete", "crd", document["metadata"]["name"], "--ignore-not-found")


@pytest.mark.parametrize("command", ["create", "apply", "apply --server-side"])
def test_the_definition_goes_in_by_itself(
    queueconfigs: QueueConfigServer, elsewhere: dict[str, Any], command: str
) -> None:
    """It needs no chart, and fits into the annotation of a client-side apply."""
    queueconfigs.say(*command.split(), "-f", "-", stdin=elsewhere)
    where = f"crd/{elsewhere['metadata']['name']}"
    queueconfigs.say("wait", "--for=condition=Established", where, "--timeout=20s")
    found = json.loads(queueconfigs.say("get", where, "-o", "json"))
    wrong = [
        condition
        for condition in found["status"]["conditions"]
        if condition["type"] == "NonStructuralSchema"
    ]
    assert wrong == []
