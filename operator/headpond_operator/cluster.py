"""What is known of the cluster's objects: filled by watches and lists, read by the loop."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from headpond_operator.objects import (
    SCALE_MANAGER,
    declared,
    deployment_seen,
    key_of,
    rival,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from headpond_operator.objects import Declared, DeploymentSeen, Key, Rival

QUEUES = "QueueConfig"
DEPLOYMENTS = "Deployment"
HPAS = "HorizontalPodAutoscaler"
SCALED_OBJECTS = "ScaledObject"
MOST_GRAVES: Final = 5_000
KINDS = (QUEUES, DEPLOYMENTS, HPAS, SCALED_OBJECTS)


class Cluster:
    """Objects by kind and key. An older version of an object never replaces a newer one."""

    def __init__(self, changed: Callable[[str, Key], None] = lambda *_: None) -> None:
        """Tell `changed` kind and key of each object that is new, another or gone."""
        self.queues: dict[Key, Declared] = {}
        self.deployments: dict[Key, DeploymentSeen] = {}
        self.rivals: dict[tuple[str, Key], Rival] = {}
        self.changed = changed
        self.gone: list[Declared] = []
        """QueueConfigs that were deleted, for whoever sees to their queues."""
        self._graves: dict[str, None] = {}
        """Who is gone: a list that was made before must not bring them back."""
        self.edition = 0
        """Counts up with each change of what decides who scales what."""

    def put(self, kind: str, body: Mapping[str, Any]) -> None:
        """Take note of an object as it is now; one that is being deleted counts as gone."""
        key = key_of(body)
        if body["metadata"].get("deletionTimestamp"):
            self.drop(kind, key)
            return
        if body["metadata"].get("uid") in self._graves:
            return
        known = self.version(kind, key)
        if known and known >= version_of(body):
            return
        if kind == QUEUES:
            before = self.queues.get(key)
            self.queues[key] = now = declared(body, before)
            self.edition += before is None or before.config is not now.config
        elif kind == DEPLOYMENTS:
            self.edition += key not in self.deployments
            self.deployments[key] = deployment_seen(body)
        else:
            self.rivals[kind, key] = rival(body, kind)
            self.edition += 1
        self.changed(kind, key)

    def rescaled(self, key: Key, replicas: int, version: int) -> None:
        """Take note of what we have written ourselves, before the watch tells of it."""
        seen = self.deployments.get(key)
        if seen is not None and seen.version < version:
            self.deployments[key] = replace(
                seen,
                replicas=replicas,
                version=version,
                scaler=SCALE_MANAGER,
                is_ours_to_scale=True,
            )
            self.changed(DEPLOYMENTS, key)

    def drop(self, kind: str, key: Key) -> None:
        """Take note that an object is gone."""
        gone: Declared | DeploymentSeen | Rival | None
        if kind == QUEUES:
            gone = queue = self.queues.pop(key, None)
            self.gone = [*self.gone[-MOST_GRAVES:], *([queue] if queue else [])]
        elif kind == DEPLOYMENTS:
            gone = self.deployments.pop(key, None)
        else:
            gone = self.rivals.pop((kind, key), None)
        if gone is not None:
            self._bury(gone.uid)
            self.edition += 1
            self.changed(kind, key)

    def _bury(self, uid: str) -> None:
        self._graves[uid] = None
        while len(self._graves) > MOST_GRAVES:
            del self._graves[next(iter(self._graves))]

    def keys(self, kind: str) -> list[Key]:
        """Return where the known objects of a kind are."""
        if kind == QUEUES:
            return list(self.queues)
        if kind == DEPLOYMENTS:
            return list(self.deployments)
        return [key for known, key in self.rivals if known == kind]

    def version(self, kind: str, key: Key) -> int:
        """Return the version of an object that is known, 0 when none is."""
        if kind == QUEUES:
            return self.queues[key].version if key in self.queues else 0
        if kind == DEPLOYMENTS:
            return self.deployments[key].version if key in self.deployments else 0
        return self.rivals[kind, key].version if (kind, key) in self.rivals else 0
