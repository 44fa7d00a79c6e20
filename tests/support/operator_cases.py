"""Builders of what the operator reads: objects as the API server has them, and facts made of them.

Everything is about the queue `attendance` in the namespace `shop`, unless a test says otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from headpond.governor.watch import Look
from headpond.scaling import Memory, Policy, Seen, Step, decide
from headpond_operator.cluster import DEPLOYMENTS, HPAS, QUEUES, Cluster
from headpond_operator.conditions import Facts
from headpond_operator.objects import Key, declared, deployment_seen
from headpond_operator.pods import FINE
from headpond_operator.roster import Roster
from scaling_cases import EMPTY, NOW_MS, SETTLED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headpond.config import QueueConfig
    from headpond.queues import QueueSample
    from headpond_operator.objects import Declared, DeploymentSeen

KEY: Final = Key("shop", "attendance")
WORKERS: Final = Key("shop", "attendance-worker")
CREATED: Final = "2026-01-01T00:00:00Z"


# ── objects ──


def metadata(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object's metadata; `version` is its resource version."""
    said = dict(fields)
    version = str(said.pop("version", 1))
    return {
        "name": name,
        "namespace": "shop",
        "uid": f"uid-{name}",
        "resourceVersion": version,
        "generation": 1,
        "creationTimestamp": CREATED,
        **said,
    }


def a_queueconfig(
    name: str = "attendance",
    spec: object = None,
    status: Mapping[str, Any] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return a QueueConfig; `fields` are of its metadata, `version` is its resource version."""
    body = {"metadata": metadata(name, fields), "spec": {} if spec is None else spec}
    return body if status is None else {**body, "status": status}


def a_deployment(
    name: str = "attendance-worker",
    replicas: int = 3,
    ready: int | None = None,
    owner: str = "uid-attendance",
    **fields: Any,
) -> dict[str, Any]:
    """Return a Deployment whose pods are ready; `owner` is the uid of who controls it."""
    owners = [{"kind": "QueueConfig", "uid": owner, "controller": True}] if owner else []
    ready = replicas if ready is None else ready
    return {
        "metadata": {**metadata(name, fields), "ownerReferences": owners},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"headpond.dev/queueconfig": "attendance"}},
            "template": {"spec": {"containers": [{"name": "worker"}]}},
        },
        "status": {"replicas": replicas, "readyReplicas": ready},
    }


def an_autoscaler(
    target: str, kind: str = "Deployment", name: str = "eager", **fields: Any
) -> dict[str, Any]:
    """Return an HPA or a ScaledObject, which name their target alike."""
    return {
        "metadata": metadata(name, fields),
        "spec": {"scaleTargetRef": {"kind": kind, "name": target}},
    }


def a_pod(
    waits: str = "",
    *,
    message: str = "",
    ended: Mapping[str, Any] | None = None,
    init: bool = False,
    unschedulable: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """Return a pod that runs, or whose container waits; `unschedulable` is message and since when.

    `ended` is how its container ended before.
    """
    state = {"waiting": {"reason": waits, "message": message}} if waits else {"running": {}}
    container = {"name": "worker", "state": state}
    if ended is not None:
        container["lastState"] = {"terminated": dict(ended)}
    status: dict[str, Any] = {
        "initContainerStatuses" if init else "containerStatuses": [container],
    }
    if unschedulable:
        said, since = unschedulable
        status["conditions"] = [
            {"type": "Initialized", "status": "True"},
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": said,
                "lastTransitionTime": since,
            },
        ]
    return {"metadata": {"name": "attendance-worker-1"}, "status": status}


# ── the maps ──


def a_cluster(
    *queueconfigs: Mapping[str, Any],
    deployments: tuple[Mapping[str, Any], ...] = (),
    hpas: tuple[Mapping[str, Any], ...] = (),
) -> Cluster:
    """Return the maps with these objects in them."""
    cluster = Cluster()
    for kind, bodies in ((QUEUES, queueconfigs), (DEPLOYMENTS, deployments), (HPAS, hpas)):
        for body in bodies:
            cluster.put(kind, body)
    return cluster


def as_declared(document: QueueConfig) -> QueueConfig:
    """Return the document: no code says anything of its queue."""
    return document


def a_roster(cluster: Cluster) -> Roster:
    """Return the roster of these maps, sorted out."""
    roster = Roster(cluster, as_declared)
    roster.refresh()
    return roster


def a_declared(spec: object = None, **fields: Any) -> Declared:
    """Return what is kept of a QueueConfig."""
    return declared(a_queueconfig(spec=spec, **fields))


def a_config(spec: object = None, **fields: Any) -> QueueConfig:
    """Return the configuration of a QueueConfig that is valid."""
    config = a_declared(spec, **fields).config
    assert config is not None
    return config


# ── facts ──


def a_look(
    policy: Policy | None = None,
    sample: QueueSample | None = EMPTY,
    replicas: int = 3,
    memory: Memory = SETTLED,
    **seen: Any,
) -> Look:
    """Return what the governor decided at `NOW_MS`."""
    policy = policy or Policy(min=3)
    what = Seen("attendance", NOW_MS, sample, replicas, **seen)
    return Look(policy, what, decide(policy, what, memory))


def with_steps(look: Look, *steps: Step) -> Look:
    """Return the look with a decision that these rules made."""
    to = steps[-1].after
    return replace(look, decision=replace(look.decision, steps=steps, replicas=to))


def some_facts(
    spec: object = None, deployment: DeploymentSeen | None = None, **changes: Any
) -> Facts:
    """Return the facts of a queue that is served as declared, but for the fields given."""
    body = a_queueconfig(spec=spec)
    standing = a_roster(a_cluster(body)).standings[KEY]
    facts = Facts(
        standing=standing,
        declared=declared(body),
        deployment=deployment or deployment_seen(a_deployment()),
        look=a_look(),
        verdict=FINE,
    )
    return replace(facts, **changes)
