"""The worker Deployment of a QueueConfig, as the operator applies it. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from headpond_operator.objects import Key
from headpond_operator.overlay import overlay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headpond.config import QueueConfig
    from headpond_operator.objects import Declared

QUEUECONFIG_LABEL: Final = "headpond.dev/queueconfig"
CONTAINER: Final = "worker"
PORT: Final = 8080
MARGIN_S: Final = 30
"""The pod's grace is longer than the worker's own, so that the worker ends first and hands back
what it can't finish."""

_WORKER_ID: Final[Mapping[str, Any]] = {
    "name": "HEADPOND_WORKER_ID",
    "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
}


@dataclass(frozen=True, slots=True)
class Installation:
    """What all worker pods of this installation have in common."""

    image: str = ""
    namespace: str = "headpond"
    """First part of every Redis key."""
    template: Mapping[str, Any] = field(default_factory=dict)
    """A pod template laid over the operator's own: where Redis is, pull secrets, and so on."""


def deployment_key(declared: Declared) -> Key:
    """Return the Deployment that serves the queue: a foreign one, or our own."""
    target = declared.config.spec.worker.target_ref if declared.config else None
    return Key(declared.key.namespace, target.name) if target else own_key(declared)


def own_key(declared: Declared) -> Key:
    """Return the Deployment that is the QueueConfig's own."""
    return Key(declared.key.namespace, f"{declared.key.name}-worker")


def worker_deployment(
    declared: Declared, config: QueueConfig, installation: Installation
) -> dict[str, Any]:
    """Return the whole Deployment but its `replicas`."""
    labels = {QUEUECONFIG_LABEL: declared.key.name}
    key = deployment_key(declared)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "labels": {**_labels(), **labels},
            "ownerReferences": [_owner(declared)],
        },
        "spec": {
            "selector": {"matchLabels": labels},
            # A new pod is ready before an old one is told to go: the queue never stands still.
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0},
            },
            "revisionHistoryLimit": 2,
            "template": pod_template(declared.key.name, config, installation),
        },
    }


def scale_body(key: Key, replicas: int, version: int) -> dict[str, Any]:
    """Return a Scale to apply to that version of a Deployment, and to no other."""
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "resourceVersion": str(version),
        },
        "spec": {"replicas": replicas},
    }


def pod_template(name: str, config: QueueConfig, installation: Installation) -> dict[str, Any]:
    """Return the pods' template: base ← installation ← `spec.worker` ← `podTemplate`."""
    worker = config.spec.worker
    template = overlay(_base(name, config, installation), _plain(installation.template))
    template = overlay(template, _from_spec(config))
    if worker.pod_template:
        template = overlay(template, _plain(worker.pod_template))
    return dict(overlay(template, _ours(name, template)))


def _ours(name: str, template: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is nobody else's to say: what pods are found by, and what names the worker."""
    ours: dict[str, Any] = {"metadata": {"labels": {QUEUECONFIG_LABEL: name}}}
    match template:
        case {"spec": {"containers": [{"name": str()}, *_]}}:  # else the API server refuses it
            ours["spec"] = {"containers": [{"name": CONTAINER, "env": [_WORKER_ID]}]}
        case _:
            pass
    return ours


def _plain(value: object) -> Any:
    """Return a copy as plain JSON: models may hold tuples."""
    return json.loads(json.dumps(value))


def _labels() -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "headpond-worker",
        "app.kubernetes.io/component": "worker",
        "app.kubernetes.io/managed-by": "headpond",
    }


def _owner(declared: Declared) -> dict[str, Any]:
    """Let the garbage collector take the Deployment with its QueueConfig."""
    return {
        "apiVersion": "headpond.dev/v1alpha1",
        "kind": "QueueConfig",
        "name": declared.key.name,
        "uid": declared.uid,
        "controller": True,
        "blockOwnerDeletion": False,  # true would ask for rights on finalizers
    }


def _base(name: str, config: QueueConfig, installation: Installation) -> dict[str, Any]:
    timeout_s = config.spec.jobs.timeout.total_seconds()
    container: dict[str, Any] = {
        "name": CONTAINER,
        "args": ["worker", "--queue", config.queue],
        "env": [
            _WORKER_ID,
            {"name": "HEADPOND_NAMESPACE", "value": installation.namespace},
            {"name": "HEADPOND_PROBE_PORT", "value": str(PORT)},
            {"name": "HEADPOND_GRACE_S", "value": f"{timeout_s:.12g}"},
        ],
        "ports": [{"name": "probes", "containerPort": PORT}],
        "livenessProbe": _probe("/livez", period_s=10, failures=6),
        "readinessProbe": _probe("/readyz", period_s=2, failures=3),
        # Alive, not ready: who waits for a store that is away must not be killed for it.
        "startupProbe": _probe("/livez", period_s=1, failures=300),
        "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 (the pod's own)
    }
    if installation.image:
        container["image"] = installation.image
    return {
        "metadata": {"labels": {**_labels(), QUEUECONFIG_LABEL: name}},
        "spec": {
            "terminationGracePeriodSeconds": round(timeout_s) + MARGIN_S,
            "automountServiceAccountToken": False,
            # Else the worker is process 1, which the kernel spares a SIGTERM in its first second.
            "shareProcessNamespace": True,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "runAsGroup": 10001,
                "fsGroup": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    }


def _from_spec(config: QueueConfig) -> dict[str, Any]:
    worker = config.spec.worker
    container = {
        "name": CONTAINER,
        "image": worker.image,
        "resources": worker.resources,
        "env": [
            *([{"name": "HEADPOND_APPS", "value": ",".join(worker.apps)}] if worker.apps else []),
            *worker.env,
        ],
        "envFrom": list(worker.env_from),
    }
    pod = {
        "nodeSelector": worker.node_selector,
        "tolerations": list(worker.tolerations),
        "affinity": worker.affinity,
        "serviceAccountName": worker.service_account_name,
        "containers": [{key: value for key, value in container.items() if value}],
    }
    said = {key: value for key, value in pod.items() if value}
    return {"spec": _plain(said)}


def _probe(path: str, *, period_s: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "probes"},
        "periodSeconds": period_s,
        "failureThreshold": failures,
        "timeoutSeconds": 3,
    }
