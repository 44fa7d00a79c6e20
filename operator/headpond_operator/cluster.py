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
        self.now_s: Callable[[], float] = lambda: 0.0
        """A clock that only goes forward."""
        self._gone: list[tuple[float, Declared]] = []
        """QueueConfigs that were deleted, and when that was heard."""
        self._graves: dict[str, None] = {}
        """Who is gone: a list that was made before must not bring them back."""
        self.edition = 0
        """Counts up with each change of what decides who scales what."""

    def put(self, kind: str, body: Mapping[str, Any]) -> None:
        """Take note of an object as it is now; one that is being deleted counts as gone."""
        key, uid = key_of(body), body["metadata"]["uid"]
        if body["metadata"].get("deletionTimestamp"):
            self.drop(kind, key, uid)
            return
        if uid in self._graves:
            return
        known = self._known(kind, key)
        if known and 0 < known.version >= version_of(body):
            return
        if known and known.uid != uid:
            self.drop(kind, key, known.uid)  # nobody has told of its end
        if kind == QUEUES:
            before = self.queues.get(key)
            self.queues[key] = now = declared(body, before)
            self.edition += before is None or not _says_the_same(before, now)
        elif kind == DEPLOYMENTS:
            self.deployments[key] = deployment_seen(body)
        else:
            old = self.rivals.get((kind, key))
            self.rivals[kind, key] = new = rival(body, kind)
            self.edition += old is None or not _has_the_same_target(old, new)
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

    def drop(self, kind: str, key: Key, uid: str) -> None:
        """Take note that an object is gone; another one of its name may be there already."""
        self._bury(uid)
        known = self._known(kind, key)
        if known is None or known.uid != uid:
            self.changed(kind, key)  # it counted as gone since its end began
            return
        if kind == QUEUES:
            self._gone = [*self._gone[-MOST_GRAVES:], (self.now_s(), self.queues.pop(key))]
        elif kind == DEPLOYMENTS:
            del self.deployments[key]
        else:
            del self.rivals[kind, key]
        self.edition += kind != DEPLOYMENTS
        self.changed(kind, key)

    def take_gone(self, within_s: float) -> list[Declared]:
        """Return the QueueConfigs whose end was heard of lately, once.

        What is older somebody else has seen to, and its queue may be another's by now.
        """
        since_s = self.now_s() - within_s
        gone, self._gone = self._gone, []
        return [each for at_s, each in gone if at_s >= since_s]

    def _bury(self, uid: str) -> None:
        self._graves[uid] = None
        while len(self._graves) > MOST_GRAVES:
            del self._graves[next(iter(self._graves))]

    def keys(self, kind: str) -> dict[Key, str]:
        """Return where the known objects of a kind are, with their uids."""
        if kind == QUEUES:
            return {key: each.uid for key, each in self.queues.items()}
        if kind == DEPLOYMENTS:
            return {key: each.uid for key, each in self.deployments.items()}
        return {key: each.uid for (known, key), each in self.rivals.items() if known == kind}

    def version(self, kind: str, key: Key) -> int:
        """Return the version of an object that is known, 0 when none is."""
        known = self._known(kind, key)
        return known.version if known else 0

    def _known(self, kind: str, key: Key) -> Declared | DeploymentSeen | Rival | None:
        if kind == QUEUES:
            return self.queues.get(key)
        if kind == DEPLOYMENTS:
            return self.deployments.get(key)
        return self.rivals.get((kind, key))


def _says_the_same(before: Declared, now: Declared) -> bool:
    return before.config is now.config and before.fault == now.fault


def _has_the_same_target(one: Rival, other: Rival) -> bool:
    return (one.target_kind, one.target) == (other.target_kind, other.target)
