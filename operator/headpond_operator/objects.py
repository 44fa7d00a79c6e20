"""What the operator keeps of the cluster's objects: few facts of each, and no bodies. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import override

from headpond.config import QueueConfig, parse_spec
from headpond.errors import ConfigInvalid
from headpond.queues import check_queue_name

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN_MANAGER = "headpond"
"""Field manager of what the operator applies as a whole."""
SCALE_MANAGER = "headpond-scaling"
"""Field manager of the number of replicas alone."""


class Key(NamedTuple):
    """Where an object is."""

    namespace: str
    name: str

    @override
    def __str__(self) -> str:
        """Return `namespace/name`."""
        return f"{self.namespace}/{self.name}"


def key_of(body: Mapping[str, Any]) -> Key:
    """Return where the object is."""
    metadata = body["metadata"]
    return Key(metadata.get("namespace", ""), metadata["name"])


def version_of(body: Mapping[str, Any]) -> int:
    """Return the object's resource version; they count up (KEP-5504 makes that a promise)."""
    text = body["metadata"].get("resourceVersion", "")
    return int(text) if text.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class Declared:
    """A QueueConfig as the API server has it."""

    key: Key
    uid: str
    created: str
    version: int
    generation: int
    config: QueueConfig | None
    """The last valid one that was seen; `None`: there was none."""
    fault: str
    """Why the spec can't be put into force, `""` when it can."""
    status: Mapping[str, Any]

    @property
    def queue(self) -> str:
        """The queue that it declares."""
        return self.config.queue if self.config else self.key.name


def declared(body: Mapping[str, Any], before: Declared | None = None) -> Declared:
    """Read a QueueConfig; what can't be read keeps the configuration of `before`.

    Only another generation is parsed: most events are our own writes of the status.
    """
    metadata, status = body["metadata"], body.get("status") or {}
    generation = metadata.get("generation", 0)
    if before and before.uid == metadata["uid"] and before.generation == generation:
        return replace(before, version=version_of(body), status=status)
    key, fault = key_of(body), ""
    config = before.config if before and before.uid == metadata["uid"] else None
    try:
        spec = parse_spec(body.get("spec") or {})
        queue = check_queue_name(spec.queue or key.name)
        config = QueueConfig(key.name, queue, spec, f"QueueConfig {key}")
    except ConfigInvalid as error:
        fault = " ".join(f"{each.pointer}: {each.detail}" for each in error.errors[:3])
    return Declared(
        key=key,
        uid=metadata["uid"],
        created=metadata.get("creationTimestamp", ""),
        version=version_of(body),
        generation=generation,
        config=config,
        fault=fault,
        status=status,
    )


@dataclass(frozen=True, slots=True)
class DeploymentSeen:
    """A Deployment as the API server has it."""

    key: Key
    uid: str
    version: int
    replicas: int
    """Wanted."""
    current: int
    """Pods that there are."""
    ready: int
    owner_uid: str
    """Of the object that controls it, `""` when none does."""
    selector: str
    """Of its pods, as a query says it."""
    template: str
    """Digest of the pod template, with what the API server added."""
    scaler: str
    """Field manager that last wrote the replicas."""
    is_ours_to_scale: bool
    """We own `replicas` by `/scale`, so that an apply may leave it out."""
    failure: str
    """Why the ReplicaSet can't make pods (quota, admission), in the API server's words."""


def deployment_seen(body: Mapping[str, Any]) -> DeploymentSeen:
    """Read a Deployment."""
    metadata, spec, status = body["metadata"], body["spec"], body.get("status") or {}
    owners = [each for each in metadata.get("ownerReferences", ()) if each.get("controller")]
    managers = _replica_managers(metadata.get("managedFields", ()))
    return DeploymentSeen(
        key=key_of(body),
        uid=metadata["uid"],
        version=version_of(body),
        replicas=spec.get("replicas", 1),
        current=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        owner_uid=owners[0]["uid"] if owners else "",
        selector=selector_text(spec.get("selector") or {}),
        template=digest(spec.get("template") or {}),
        scaler=managers[-1] if managers else "",
        is_ours_to_scale=SCALE_MANAGER in managers,
        failure=_replica_failure(status.get("conditions", ())),
    )


def _replica_managers(entries: Any) -> list[str]:
    """Return who owns the replicas, the latest writer last."""
    found = [
        (entry.get("time", ""), entry.get("manager", ""))
        for entry in entries
        if "f:replicas" in (entry.get("fieldsV1") or {}).get("f:spec", {})
    ]
    return [manager for _, manager in sorted(found)]


def _replica_failure(conditions: Any) -> str:
    for each in conditions:
        if each.get("type") == "ReplicaFailure" and each.get("status") == "True":
            return str(each.get("message", "")) or str(each.get("reason", ""))
    return ""


def selector_text(selector: Mapping[str, Any]) -> str:
    """Return a label selector as a query says it.

    >>> selector_text({"matchLabels": {"app": "mail"}})
    'app=mail'
    """
    parts = [f"{name}={value}" for name, value in sorted(selector.get("matchLabels", {}).items())]
    for each in selector.get("matchExpressions", ()):
        values = ",".join(each.get("values", ()))
        match each["operator"]:
            case "In":
                parts.append(f"{each['key']} in ({values})")
            case "NotIn":
                parts.append(f"{each['key']} notin ({values})")
            case "Exists":
                parts.append(each["key"])
            case _:
                parts.append(f"!{each['key']}")
    return ",".join(parts)


def digest(value: object) -> str:
    """Return a short text that is another one when the JSON is."""
    plain = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(plain.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Rival:
    """Another autoscaler: an HPA, or KEDA's ScaledObject."""

    kind: str
    key: Key
    uid: str
    version: int
    target_kind: str
    target: Key

    @override
    def __str__(self) -> str:
        """Name it for people."""
        return f"{self.kind} {self.key.name}"


def rival(body: Mapping[str, Any], kind: str) -> Rival:
    """Read an HPA or a ScaledObject: both name their target in `scaleTargetRef`."""
    key = key_of(body)
    target = (body.get("spec") or {}).get("scaleTargetRef") or {}
    name = str(target.get("name", ""))
    return Rival(
        kind=kind,
        key=key,
        uid=body["metadata"]["uid"],
        version=version_of(body),
        target_kind=target.get("kind", "Deployment"),
        target=Key(key.namespace, name),
    )
