"""A QueueConfig's worker Deployment in a real cluster: made, kept, shared with others, given up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from idle_pods import PAUSE, SITTING
from operator_ground import HOMELESS, TEN

if TYPE_CHECKING:
    from operator_ground import Ground, Queue


def stranger(name: str, replicas: int = 0) -> dict[str, Any]:
    """Return a Deployment that nobody of ours has made; its pods fit no node."""
    labels = {"app": name}
    security = {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": "main",
        "image": PAUSE,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "nodeSelector": {"never": "here"},
                    "securityContext": security,
                    "containers": [container],
                },
            },
        },
    }


def container_of(deployment: dict[str, Any]) -> dict[str, Any]:
    """Return the worker's container."""
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    assert found["name"] == "worker"
    return dict(found)


async def made(queue: Queue) -> dict[str, Any]:
    """Wait for its own Deployment."""
    return dict(await queue.until(lambda: queue.deployment, within_s=45))


async def test_it_is_made_as_declared(served: Ground) -> None:
    """It has no replicas, belongs to its QueueConfig, and says all that the spec says."""
    worker = HOMELESS | {"env": [{"name": "COLOUR", "value": "green"}]}
    async with served.queue({"jobs": {"timeout": "90s"}, "worker": worker}) as queue:
        found = await made(queue)
        assert found["spec"]["replicas"] == 0
        (owner,) = found["metadata"]["ownerReferences"]
        assert owner["uid"] == queue.config["metadata"]["uid"]
        assert owner["controller"] is True
        assert found["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "headpond"
        container = container_of(found)
        assert container["image"] == PAUSE
        assert container["args"] == ["worker", "--queue", queue.name]
        values = {each["name"]: each.get("value") for each in container["env"]}
        assert values["COLOUR"] == "green"
        assert values["HEADPOND_GRACE_S"] == "90"
        pod = found["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] > 90
        assert pod["nodeSelector"] == {"never": "here"}


async def test_its_pods_are_taken_where_only_restricted_ones_are(served: Ground) -> None:
    """A worker comes up in a namespace that enforces the strictest standard."""
    async with served.queue({"scaling": {"min": 1}, "worker": SITTING}) as queue:
        await queue.until(lambda: queue.status.get("readyReplicas") == 1, within_s=50)
        assert queue.condition("WorkersHealthy")[:2] == ("True", "Ready")


async def test_a_change_of_the_spec_reaches_it(served: Ground) -> None:
    """Image and environment follow, and the number of workers stays as the load has it."""
    spec: dict[str, Any] = {"jobs": TEN, "worker": dict(HOMELESS)}
    async with served.queue(spec) as queue:
        await queue.served()
        await queue.enqueue(30)
        await queue.scaled(3)
        before = queue.deployment
        assert before is not None
        spec["worker"] |= {"image": "example.test/other:2", "env": [{"name": "X", "value": "1"}]}
        queue.declare(spec)
        await queue.until(
            lambda: container_of(queue.deployment or {})["image"] == "example.test/other:2"
        )
        after = queue.deployment
        assert after is not None
        assert {"name": "X", "value": "1"} in container_of(after)["env"]
        assert after["spec"]["replicas"] == 3
        assert after["metadata"]["uid"] == before["metadata"]["uid"]


async def test_a_hand_edit_of_our_fields_is_healed(served: Ground) -> None:
    """Somebody's other image is taken back at once."""
    async with served.queue({"worker": HOMELESS}) as queue:
        await made(queue)
        await queue.served()
        wrong = "example.test/wrong:1"
        served.kube.kubectl("set", "image", f"deployment/{queue.workers}", f"worker={wrong}")
        await queue.until(lambda: container_of(queue.deployment or {})["image"] == PAUSE)


async def test_what_others_add_stays(served: Ground) -> None:
    """Annotations and labels that are not ours survive our writes."""
    spec: dict[str, Any] = {"worker": dict(HOMELESS)}
    async with served.queue(spec) as queue:
        await made(queue)
        theirs = {"annotations": {"example.test/team": "blue"}, "labels": {"example.test/a": "b"}}
        served.objects.merge("deployments", queue.workers, {"metadata": theirs})
        spec["worker"] |= {"image": "example.test/other:2"}
        queue.declare(spec)
        await queue.until(
            lambda: container_of(queue.deployment or {})["image"] == "example.test/other:2"
        )
        found = queue.deployment
        assert found is not None
        assert found["metadata"]["annotations"]["example.test/team"] == "blue"
        assert found["metadata"]["labels"]["example.test/a"] == "b"


async def test_a_deployment_that_was_deleted_is_made_again(served: Ground) -> None:
    """With as many workers as the backlog asks for."""
    async with served.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        await queue.served()
        await queue.enqueue(20)
        await queue.scaled(2)
        before = queue.deployment
        served.objects.delete("deployments", queue.workers)
        await queue.until(
            lambda: (now := queue.deployment) and now["metadata"]["uid"] != uid_of(before)
        )
        await queue.scaled(2)


def uid_of(body: dict[str, Any] | None) -> str:
    """Return an object's uid."""
    return str(body["metadata"]["uid"]) if body else ""


async def test_somebody_elses_deployment_is_scaled_and_not_owned(served: Ground) -> None:
    """`targetRef` gives the number of replicas to us, and nothing else."""
    async with served.queue() as queue:
        foreign = f"{queue.name}-theirs"
        served.objects.create("deployments", stranger(foreign))
        queue.declare({"jobs": TEN, "worker": {"targetRef": {"name": foreign}}})
        await queue.served()
        await queue.enqueue(40)

        def theirs() -> dict[str, Any]:
            return served.objects.get("deployments", foreign) or {}

        await queue.until(lambda: theirs()["spec"]["replicas"] == 4)
        assert "ownerReferences" not in theirs()["metadata"]
        writers = {each["manager"] for each in theirs()["metadata"]["managedFields"]}
        assert "headpond-scaling" in writers
        assert "headpond" not in writers
        assert queue.deployment is None
        assert queue.status["deployment"] == foreign
        queue.ground.objects.delete("deployments", foreign)


async def test_a_queue_that_turns_to_another_deployment_leaves_none_behind(served: Ground) -> None:
    """With `targetRef` its own Deployment goes; without it again, it is made anew."""
    async with served.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        await made(queue)
        foreign = f"{queue.name}-theirs"
        served.objects.create("deployments", stranger(foreign))
        queue.declare({"jobs": TEN, "worker": {"targetRef": {"name": foreign}}})
        await queue.until(lambda: queue.deployment is None)
        await queue.until(lambda: queue.status.get("deployment") == foreign)
        await queue.says("Ready", "True", "Serving")
        queue.declare({"jobs": TEN, "worker": HOMELESS})
        await made(queue)
        assert served.objects.get("deployments", foreign)
        served.objects.delete("deployments", foreign)


async def test_a_deployment_of_our_name_that_is_somebodys_is_left_alone(served: Ground) -> None:
    """The condition says what to do, and doing it helps."""
    async with served.queue() as queue:
        served.objects.create("deployments", stranger(queue.workers, replicas=1))
        queue.declare({"jobs": TEN, "worker": HOMELESS})
        said = await queue.says("Ready", "False", "DeploymentTaken")
        assert said == (
            f"A Deployment {queue.workers} is there already and is not this QueueConfig's. Delete"
            " it, name the QueueConfig otherwise, or scale it as it is by spec.worker.targetRef."
        )
        assert await queue.told("DeploymentTaken") == [said]
        await queue.enqueue(50)
        await queue.until(lambda: queue.status["queue"].get("waiting") is None)
        assert queue.replicas == 1
        served.objects.delete("deployments", queue.workers)
        await queue.scaled(5)
        await queue.says("Ready", "True", "Serving")
