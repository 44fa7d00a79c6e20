"""Two that want the same, and what is wanted and missing: it is said, with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from operator_ground import HOMELESS, TEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kube_cluster import Cluster
    from operator_ground import Ground

SCALED_OBJECTS = "scaledobjects.keda.sh"


def target(kind: str, name: str) -> dict[str, str]:
    """Return a reference as autoscalers have it."""
    group = {"Deployment": "apps/v1", "QueueConfig": "headpond.dev/v1alpha1"}[kind]
    return {"apiVersion": group, "kind": kind, "name": name}


def an_hpa(name: str, of: dict[str, str]) -> dict[str, Any]:
    """Return an HPA that never has a figure to go by."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": {"scaleTargetRef": of, "minReplicas": 1, "maxReplicas": 3},
    }


@pytest.fixture(scope="module")
def keda(cluster: Cluster) -> Iterator[None]:
    """Let the cluster know ScaledObjects, as far as anybody but KEDA has to."""
    spec = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": schema}
    cluster.apply(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": SCALED_OBJECTS},
            "spec": {
                "group": "keda.sh",
                "names": {"kind": "ScaledObject", "plural": "scaledobjects"},
                "scope": "Namespaced",
                "versions": [version],
            },
        }
    )
    cluster.wait("jsonpath={.status.acceptedNames.kind}=ScaledObject", f"crd/{SCALED_OBJECTS}")
    yield
    cluster.kubectl("delete", "crd", SCALED_OBJECTS, "--wait=false")


async def test_a_target_that_is_missing_is_said(served: Ground) -> None:
    """And the queue is served as soon as somebody creates it."""
    async with served.queue() as queue:
        name = f"{queue.name}-theirs"
        queue.declare({"jobs": TEN, "worker": {"targetRef": {"name": name}}})
        said = await queue.says("Ready", "False", "TargetMissing", within_s=45)
        assert said == (
            f"There is no Deployment {name} in namespace {served.kube.name}."
            " Create it, or leave spec.worker.targetRef out to get one."
        )
        assert await queue.told("TargetMissing") == [said]
        await queue.enqueue(20)
        served.kube.kubectl("create", "deployment", name, "--image=none", "--replicas=0")
        await queue.says("Ready", "True", "Serving")

        def theirs() -> int:
            return int((served.objects.get("deployments", name) or {})["spec"]["replicas"])

        await queue.until(lambda: theirs() == 2)
        served.objects.delete("deployments", name)
        await queue.says("Ready", "False", "TargetMissing")


async def test_of_two_that_declare_one_queue_the_older_counts(served: Ground) -> None:
    """The younger says whose the queue is, and takes it over when that one goes."""
    async with served.queue() as queue, served.queue() as other:
        queue.declare({"jobs": TEN, "worker": HOMELESS})
        await queue.served()
        other.declare({"queue": queue.name, "jobs": {"concurrency": 1}, "worker": HOMELESS})
        said = await other.says("Conflict", "True", "DeclaredTwice")
        assert said == (
            f"Queue {queue.name} is declared by the older QueueConfig"
            f" {served.kube.name}/{queue.name} already; this one has no effect."
            " Delete one of the two."
        )
        assert await other.told("DeclaredTwice") == [said]
        assert other.condition("Ready")[0] == "False"
        await queue.enqueue(30)
        await queue.scaled(3)
        assert other.replicas <= 0
        assert queue.condition("Conflict")[0] == "False"
        served.objects.delete("queueconfigs", queue.name)
        await other.says("Conflict", "False", "Alone")
        await other.scaled(20)


@pytest.mark.parametrize("kind", ["Deployment", "QueueConfig"])
async def test_beside_an_hpa_nothing_is_written(served: Ground, kind: str) -> None:
    """It decides and says so; when the HPA is deleted, it writes at once."""
    async with served.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        await queue.served()
        name = queue.name if kind == "QueueConfig" else queue.workers
        served.objects.create("horizontalpodautoscalers", an_hpa("cpu", target(kind, name)))
        said = await queue.says("Conflict", "True", "HorizontalPodAutoscaler")
        assert said.startswith(f"HorizontalPodAutoscaler cpu scales {kind} {name} too.")
        assert queue.condition("ScalingActive")[:2] == ("False", "Conflict")
        assert await queue.told("HorizontalPodAutoscaler") == [said]
        await queue.enqueue(80)
        await queue.until(lambda: queue.status.get("desiredReplicas") == 8)
        assert queue.replicas == 0
        assert not queue.events("ScaledUp")
        served.objects.delete("horizontalpodautoscalers", "cpu")
        await queue.scaled(8)
        await queue.says("Conflict", "False", "Alone")


@pytest.mark.usefixtures("keda")
async def test_beside_a_scaledobject_nothing_is_written(served: Ground) -> None:
    """Also when KEDA came into the cluster after the operator."""
    async with served.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        await queue.served()
        served.kube.apply(
            {
                "apiVersion": "keda.sh/v1alpha1",
                "kind": "ScaledObject",
                "metadata": {"name": "mail"},
                "spec": {"scaleTargetRef": {"name": queue.workers}, "triggers": []},
            }
        )
        said = await queue.says("Conflict", "True", "ScaledObject", within_s=40)
        assert said.startswith(f"ScaledObject mail scales Deployment {queue.workers} too.")
        await queue.enqueue(40)
        await queue.until(lambda: queue.status.get("desiredReplicas") == 4)
        assert queue.replicas == 0
        served.kube.kubectl("delete", "scaledobject.keda.sh", "mail")
        await queue.scaled(4, within_s=40)
