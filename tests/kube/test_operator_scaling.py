"""From a backlog to the number of workers in a real cluster, in every mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from headpond_operator.objects import SCALE_MANAGER
from idle_pods import SITTING
from operator_ground import HOMELESS, TEN

if TYPE_CHECKING:
    from operator_ground import Ground, Queue


def scale_entries(queue: Queue) -> list[dict[str, Any]]:
    """Return who owns the number of its Deployment's replicas."""
    fields = (queue.deployment or {})["metadata"]["managedFields"]
    return [each for each in fields if "f:replicas" in each["fieldsV1"].get("f:spec", {})]


async def test_a_backlog_is_answered_in_one_step(served: Ground) -> None:
    """From zero to what it needs, by one write of /scale that is seen to be ours."""
    async with served.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        await queue.served()
        before = (queue.deployment or {})["metadata"]["generation"]
        await queue.enqueue(120)
        await queue.scaled(12)
        now = queue.deployment or {}
        assert now["metadata"]["generation"] == before + 1
        (entry,) = [each for each in scale_entries(queue) if each["manager"] == SCALE_MANAGER]
        assert (entry["subresource"], entry["operation"]) == ("scale", "Apply")
        (said,) = await queue.told("ScaledUp")
        assert said.startswith("0→12: ")
        decision = await queue.until(
            lambda: (found := queue.status.get("lastDecision")) and found["to"] == 12 and found
        )
        assert said.endswith(decision["reason"])
        await queue.until(lambda: queue.status["queue"].get("waiting") == 120)


async def test_the_bounds_hold(served: Ground) -> None:
    """No backlog asks for more than `max`, and the condition says that it would."""
    spec = {"jobs": TEN, "scaling": {"max": 3}, "worker": HOMELESS}
    async with served.queue(spec) as queue:
        await queue.served()
        await queue.enqueue(100)
        await queue.scaled(3)
        queue.beat("w-1", "w-2", "w-3")  # while they start, there is nothing to say
        await queue.says("ScalingLimited", "True", "TooManyReplicas")
        queue.amend({"scaling": {"max": 4}})
        await queue.scaled(4)


async def test_too_few_by_somebodys_hand_are_raised_again(served: Ground) -> None:
    """`kubectl scale` on the Deployment has no lasting effect, and is told of."""
    async with served.queue({"scaling": {"min": 2}, "worker": SITTING}) as queue:
        await queue.scaled(2, within_s=45)
        served.kube.kubectl("scale", f"deployment/{queue.workers}", "--replicas=1")
        (said,) = await queue.told("ReplicasChanged")
        deployment = f"Deployment {queue.workers}"
        assert said == f"kubectl changed the replicas of {deployment} from 2 to 1."
        await queue.scaled(2)


async def test_too_many_by_somebodys_hand_go_again(served: Ground) -> None:
    """As soon as it is sure that nobody needs them: a lease after the operator first looked."""
    soon = {"idleAfter": "1s", "scaleDown": {"stabilization": "0s"}}
    async with served.queue({"scaling": soon, "worker": HOMELESS}) as queue:
        await queue.served()
        served.kube.kubectl("scale", f"deployment/{queue.workers}", "--replicas=3")
        await queue.told("ReplicasChanged")
        await queue.scaled(0, within_s=40)
        assert len(await queue.told("ScaledDown")) == 1


@pytest.mark.parametrize("mode", ["Recommend", "Frozen"])
async def test_a_mode_that_only_thinks_writes_nothing(served: Ground, mode: str) -> None:
    """It says what would be written; switched to Auto, it is."""
    spec = {"jobs": TEN, "scaling": {"mode": mode}, "worker": HOMELESS}
    async with served.queue(spec) as queue:
        await queue.until(lambda: queue.replicas == 0, within_s=45)
        await queue.enqueue(70)
        await queue.says("ScalingActive", "False", mode)
        await queue.until(lambda: queue.status["queue"].get("waiting") == 70)
        wished = 7 if mode == "Recommend" else 0
        await queue.until(lambda: queue.status.get("desiredReplicas") == wished)
        assert queue.replicas == 0
        assert not queue.events("ScaledUp")
        queue.amend({"scaling": {"mode": "Auto"}})
        await queue.scaled(7)
        await queue.says("ScalingActive", "True", "Auto")


async def test_a_person_sets_the_number_in_manual_mode(served: Ground) -> None:
    """`kubectl scale qc/…` is obeyed up and down at once, whatever the backlog."""
    spec = {"replicas": 1, "scaling": {"mode": "Manual"}, "jobs": TEN, "worker": HOMELESS}
    async with served.queue(spec) as queue:
        await queue.scaled(1, within_s=45)
        served.kube.kubectl("scale", f"qc/{queue.name}", "--replicas=4")
        await queue.scaled(4)
        await queue.until(lambda: queue.status.get("replicas") == 4)
        served.kube.kubectl("scale", f"qc/{queue.name}", "--replicas=0")
        await queue.scaled(0)
        await queue.enqueue(20)
        await queue.until(lambda: queue.status["queue"].get("waiting") == 20)
        assert queue.replicas == 0


async def test_a_schedule_raises_the_least(served: Ground) -> None:
    """While one of its times holds there are as many workers as it says, without a job."""
    always = {"cron": "* * * * *", "tz": "Asia/Kolkata", "min": 2, "for": "1h"}
    spec = {"scaling": {"schedule": [always]}, "worker": HOMELESS}
    async with served.queue(spec) as queue:
        await queue.scaled(2, within_s=45)
        await queue.until(lambda: queue.status.get("lastDecision", {}).get("rule") == "schedule")
