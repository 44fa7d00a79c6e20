"""The API server takes what the chart makes, in a namespace that is as strict as there is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from chart import SCENARIOS, pod_templates, render, worker_template

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chart import Object
    from kube_cluster import Cluster, Kube

RESTRICTED: Final = {"pod-security.kubernetes.io/enforce": "restricted"}
FOREIGN: Final = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "HTTPRoute"}
"""Kinds of others, which this cluster doesn't know."""
NO_CLASS: Final[dict[str, Any]] = {
    part: {"priorityClassName": ""} for part in ("api", "operator", "worker", "redis")
}

EVERY = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)


@pytest.fixture
def strict(crds: Cluster) -> Iterator[Kube]:
    """Give a namespace that refuses pods that aren't restricted."""
    with crds.namespace(RESTRICTED) as own:
        yield own


def tried(kube: Kube, objects: list[Object]) -> None:
    """Let the API server look at objects as if they were to be made, warnings being refusals."""
    listed = {"apiVersion": "v1", "kind": "List", "items": objects}
    words = ("apply", "--server-side", "--dry-run=server", "--warnings-as-errors", "--filename=-")
    kube.kubectl(*words, stdin=json.dumps(listed))


def here(kube: Kube, objects: list[Object]) -> list[Object]:
    """Return the objects of the release's namespace, moved to this one."""
    found = []
    for each in objects:
        metadata = each["metadata"]
        if each["kind"] in FOREIGN or metadata.get("namespace", "jobs") != "jobs":
            continue
        moved = each["kind"].startswith("Cluster") or {"namespace": kube.name}
        found.append({**each, "metadata": {**metadata, **({} if moved is True else moved)}})
    return found


@EVERY
def test_the_server_takes_every_object(strict: Kube, scenario: Path) -> None:
    """Each scenario is made of valid objects, and of no deprecated ones."""
    helm = str(strict.programs / "helm")
    tried(strict, here(strict, render(helm, NO_CLASS, scenario)))


@EVERY
def test_every_pod_may_run_in_a_restricted_namespace(strict: Kube, scenario: Path) -> None:
    """What the templates become are pods that Pod Security admits at its strictest level."""
    objects = render(str(strict.programs / "helm"), NO_CLASS, scenario)
    pods = []
    for name, template in pod_templates(objects):
        pod = {**template, "apiVersion": "v1", "kind": "Pod"}
        spec = {**pod["spec"], "serviceAccountName": "default"}
        if template == worker_template(objects):
            (container,) = spec["containers"]
            spec["containers"] = [{**container, "image": "headpond-worker:test"}]
        labels = template["metadata"].get("labels", {})
        metadata = {"name": name, "namespace": strict.name, "labels": labels}
        claim = {"name": "data", "emptyDir": {}}
        if name == "headpond-redis" and claim not in spec["volumes"]:
            spec["volumes"] = [*spec["volumes"], claim]
        pods.append({**pod, "metadata": metadata, "spec": spec})
    tried(strict, pods)


def test_a_bad_queue_is_refused_by_name(strict: Kube) -> None:
    """What only the custom resource knows to be wrong, its rules refuse at the install."""
    queues = {"attendance": {"scaling": {"min": 5, "max": 2}}}
    helm = str(strict.programs / "helm")
    objects = [
        each
        for each in here(strict, render(helm, {"queues": queues}))
        if each["kind"] == "QueueConfig"
    ]
    with pytest.raises(Exception, match="min 5 is more than max 2"):
        tried(strict, objects)
