"""What can go wrong with one queue's workers or words: it is said, and the others go on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from idle_pods import PAUSE, SITTING
from operator_ground import HOMELESS, TEN

if TYPE_CHECKING:
    from operator_ground import Ground


SECRET = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "missing", "key": "token"}}}
CRASHES = {"name": "worker", "command": ["/nothing"]}

TROUBLES = {
    "image": (
        {"image": "127.0.0.1:1/nothing:1"},
        r"(ErrImagePull|ImagePullBackOff)",
        r"check spec\.worker\.image and the pull secret",
    ),
    "secret": (
        {"image": PAUSE, "env": [SECRET]},
        r"CreateContainerConfigError",
        r"check the secrets and config maps that env and envFrom name",
    ),
    "crash": (
        {"image": PAUSE, "podTemplate": {"spec": {"containers": [CRASHES]}}},
        r"(CrashLoopBackOff|RunContainerError)",
        r"it ended with code \d+",
    ),
    "node": (HOMELESS, r"Unschedulable", r"1 of 1 pods fit no node: .*node affinity/selector"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_workers_that_do_not_start_are_said_and_not_multiplied(
    served: Ground, trouble: str
) -> None:
    """The condition and an Event say why, and a growing backlog sends no more of them."""
    worker, reasons, words = TROUBLES[trouble]
    spec = {"jobs": TEN, "scaling": {"min": 1}, "worker": worker}
    async with served.queue(spec) as queue:
        await queue.scaled(1, within_s=45)

        def is_said() -> bool:
            state, reason, message = queue.condition("WorkersHealthy")
            known = state == "False" and re.fullmatch(reasons, reason)
            return bool(known and re.search(words, message))

        await queue.until(is_said, within_s=45)
        assert queue.condition("Ready")[0] == "False"
        await queue.until(lambda: any(re.search(words, each) for each in queue.events()))
        await queue.enqueue(90)
        await queue.says("ScalingLimited", "True", "WorkersFail")
        assert queue.replicas == 1


async def test_a_quota_that_is_used_up_is_said(served: Ground) -> None:
    """In the API server's own words; more room lets the workers come."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": {"requests.cpu": "100m"}},
    }
    served.kube.apply(quota)
    greedy = SITTING | {"resources": {"requests": {"cpu": "200m"}}}
    spec = {"scaling": {"min": 1}, "worker": greedy}
    async with served.queue(spec) as queue:
        await queue.says("WorkersHealthy", "False", "QuotaOrAdmission", within_s=45)
        assert "exceeded quota: small" in queue.condition("WorkersHealthy")[2]
        assert await queue.told("QuotaOrAdmission")
        served.kube.kubectl("delete", "resourcequota", "small")
        await queue.says("WorkersHealthy", "True", "Ready", within_s=45)


@pytest.mark.parametrize(
    ("scaling", "words"),
    [
        ({"schedule": [{"cron": "0 0 30 2 *", "min": 1, "for": "1h"}]}, "0 0 30 2 *"),
        (
            {"schedule": [{"cron": "@daily", "tz": "Asia/Kolkatta", "min": 1, "for": "1h"}]},
            "'Asia/Kolkatta' is no time zone of the tz database",
        ),
    ],
    ids=["cron", "zone"],
)
async def test_what_only_the_operator_can_judge_is_said(
    served: Ground, scaling: dict[str, Any], words: str
) -> None:
    """The API server lets it through; the configuration before stays in force."""
    async with served.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        await queue.served()
        queue.declare({"jobs": {"concurrency": 1}, "scaling": scaling, "worker": HOMELESS})
        said = await queue.says("Ready", "False", "Invalid")
        assert words in said
        assert said.endswith("The configuration before stays in force.")
        assert await queue.told("Invalid") == [said]
        await queue.enqueue(20)
        await queue.scaled(2)
        queue.declare({"jobs": {"concurrency": 5}, "worker": HOMELESS})
        await queue.says("Ready", "True", "Serving")


async def test_an_object_that_never_was_valid_stops_nobody(served: Ground) -> None:
    """It has no Deployment, and the queue that is declared after it is served."""
    bad = {"scaling": {"schedule": [{"cron": "0 0 30 2 *", "min": 1, "for": "1h"}]}}
    async with served.queue(bad) as queue, served.queue() as other:
        await queue.says("Ready", "False", "Invalid", within_s=45)
        other.declare({"jobs": TEN, "worker": HOMELESS})
        await other.served()
        await other.enqueue(10)
        await other.scaled(1)
        assert queue.deployment is None


async def test_a_pod_template_that_the_api_server_refuses_is_said(served: Ground) -> None:
    """With its sentence; the Deployment as it was stays and is scaled on."""
    async with served.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        await queue.served()
        bad = {"spec": {"containers": [{"name": "worker", "imagePullPolicy": "Sometimes"}]}}
        queue.declare({"jobs": TEN, "worker": HOMELESS | {"podTemplate": bad}})
        said = await queue.says("Ready", "False", "DeploymentRefused")
        assert 'Unsupported value: "Sometimes"' in said
        assert await queue.told("DeploymentRefused") == [said]
        await queue.enqueue(20)
        await queue.scaled(2)
        queue.declare({"jobs": TEN, "worker": HOMELESS})
        await queue.says("Ready", "True", "Serving")


async def test_nonsense_in_a_status_is_healed(served: Ground) -> None:
    """What somebody writes into it by hand does not stay, and does not stop the operator."""
    async with served.queue({"worker": HOMELESS}) as queue:
        await queue.served()
        bad = {
            "type": "Ready",
            "status": "False",
            "reason": "Nonsense",
            "message": "",
            "lastTransitionTime": "2001-01-01T00:00:00Z",
        }
        nonsense = {
            "observedGeneration": 999,
            "replicas": 77,
            "desiredReplicas": 88,
            "deployment": "another",
            "queue": {"name": "another", "waiting": 5_000_000},
            "lastDecision": {
                "at": "2001-01-01T00:00:00Z",
                "from": 1,
                "to": 0,
                "rule": "",
                "reason": "",
                "writes": True,
            },
            "conditions": [bad],
        }
        served.objects.merge("queueconfigs", queue.name, {"status": nonsense}, "status")

        def is_healed() -> bool:
            status = queue.status
            return (
                status.get("deployment") == queue.workers
                and status.get("desiredReplicas") == 0
                and status.get("replicas") == 0
                and status.get("observedGeneration") == queue.config["metadata"]["generation"]
                and status["queue"].get("waiting") == 0
                and queue.condition("Ready")[:2] == ("True", "Serving")
            )

        await queue.until(is_healed)
        served.objects.merge("queueconfigs", queue.name, {"status": None}, "status")
        await queue.until(is_healed)
