"""Keeps the worker Deployments as the QueueConfigs say: applied when one of the two has changed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headpond_operator.cluster import DEPLOYMENTS
from headpond_operator.conditions import Refusal
from headpond_operator.kube import CONFLICT, NOT_FOUND, KubeFault
from headpond_operator.manifests import own_key, scale_body, worker_deployment
from headpond_operator.objects import OWN_MANAGER, SCALE_MANAGER, deployment_seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from headpond.config import QueueConfig
    from headpond_operator.cluster import Cluster
    from headpond_operator.kube import Kube
    from headpond_operator.leader import Leader
    from headpond_operator.manifests import Installation
    from headpond_operator.objects import DeploymentSeen, Key
    from headpond_operator.roster import Roster, Standing

AT_ONCE: Final = 8
AGAIN_S: Final = 30.0
"""What the API server refused is tried again after this: rights and quotas change unseen."""
RETRY_S: Final = 2.0
"""What it did not answer, or what stood in the way in the cluster."""


@dataclass(frozen=True, slots=True)
class _Applied:
    """What was applied last, and what became of it."""

    config: QueueConfig
    target: Key
    template: str
    """Digest of the pod template as the API server then had it."""


class Deployments:
    """Applies, and remembers what the API server said to it."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it stands between
        self,
        kube: Kube,
        cluster: Cluster,
        roster: Roster,
        leader: Leader,
        installation: Installation,
        now_s: Callable[[], float],
    ) -> None:
        """Write through `kube` while `leader` leads."""
        self._kube = kube
        self._cluster = cluster
        self._roster = roster
        self._leader = leader
        self._installation = installation
        self._now_s = now_s
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._dirty: set[Key] = set()
        self._applied: dict[Key, _Applied] = {}
        self.refusals: dict[Key, Refusal] = {}
        """By QueueConfig."""
        self.changed: Callable[[Key], None] = lambda _: None
        """Told of each QueueConfig whose refusal is new or gone."""

    async def settle(self) -> None:
        """Apply what is not as it should be; a refusal of one does not stop the others."""
        looked_at, self._dirty = self._dirty | self.refusals.keys(), set()
        found = [s for key in looked_at if (s := self._roster.standings.get(key))]
        await asyncio.gather(*(self._try(each) for each in found if self._is_due(each)))

    def touch(self, key: Key) -> None:
        """Have the Deployment of a QueueConfig looked at."""
        self._dirty.add(key)

    def forget(self, key: Key) -> None:
        """Remember nothing more of a QueueConfig that is gone."""
        self._dirty.discard(key)
        self._applied.pop(key, None)
        self.refusals.pop(key, None)

    async def _try(self, standing: Standing) -> None:
        key = standing.declared.key
        async with self._gate:
            try:
                await self._settle(standing)
            except KubeFault as fault:
                self._refuse(key, standing, fault)
            else:
                if self.refusals.pop(key, None):
                    self.changed(key)

    async def _settle(self, standing: Standing) -> None:
        declared, config = standing.declared, standing.config
        own = self._cluster.deployments.get(own_key(declared))
        is_own = own is not None and own.owner_uid == declared.uid
        if config is None:
            return  # what was in force before stays
        if own is not None and is_own and standing.older is not None:
            await self._retire(own)
        elif standing.is_foreign:
            if own is not None and is_own:
                self._leader.check()
                await self._kube.delete(_path(own.key), own.uid)
            seen = self._cluster.deployments.get(standing.target)
            template = seen.template if seen else ""
            self._applied[declared.key] = _Applied(config, standing.target, template)
        elif own is not None and not is_own:
            raise KubeFault(0, "DeploymentTaken", _taken(own.key))
        elif standing.counts:
            await self._apply(standing, config, own)

    async def _retire(self, own: DeploymentSeen) -> None:
        """Send the workers of a QueueConfig home that has no effect any more."""
        if own.replicas:
            self._leader.check()
            body = scale_body(own.key, 0, own.version)
            await self._kube.apply(f"{_path(own.key)}/scale", body, SCALE_MANAGER)

    async def _apply(
        self, standing: Standing, config: QueueConfig, own: DeploymentSeen | None
    ) -> None:
        path = _path(standing.target)
        body = worker_deployment(standing.declared, config, self._installation)
        if own is None:
            await self._check_absent(path)
        if own is None or not own.is_ours_to_scale:
            # Left out, it would be 1: nobody else says a number until /scale is first written.
            body["spec"]["replicas"] = own.replicas if own else 0
        if own is not None and "replicas" in body["spec"]:
            body["metadata"]["resourceVersion"] = str(own.version)  # a number may be on its way
        self._leader.check()
        now = await self._kube.apply(path, body, OWN_MANAGER)
        if now["metadata"].get("deletionTimestamp"):
            message = f"Deployment {standing.target.name} is being deleted; then it is made anew."
            raise KubeFault(0, "Deleting", message)
        self._cluster.put(DEPLOYMENTS, now)
        template = deployment_seen(now).template
        self._applied[standing.declared.key] = _Applied(config, standing.target, template)

    async def _check_absent(self, path: str) -> None:
        """Learn of a Deployment that the maps don't know: it must not lose its replicas."""
        try:
            there = await self._kube.get(path)
        except KubeFault as fault:
            if fault.status != NOT_FOUND:
                raise
            return
        self._cluster.put(DEPLOYMENTS, there)
        if not there["metadata"].get("deletionTimestamp"):
            message = "It was not known to be there already."
            raise KubeFault(CONFLICT, "Conflict", message)

    def _is_due(self, standing: Standing) -> bool:
        """Return whether something is to be applied, and not refused just now."""
        key = standing.declared.key
        applied, refusal = self._applied.get(key), self.refusals.get(key)
        if standing.older is not None:
            return True
        if applied is None or applied.config is not standing.config:
            return True
        if refusal is not None:
            return self._now_s() >= refusal.again_s
        own = self._cluster.deployments.get(applied.target)
        return own is None or own.template != applied.template

    def _refuse(self, key: Key, standing: Standing, fault: KubeFault) -> None:
        wait_s = AGAIN_S if fault.is_refusal else RETRY_S
        refusal = Refusal(*_words(standing, fault), self._now_s() + wait_s)
        before = self.refusals.get(key)
        self.refusals[key] = refusal
        if standing.config is not None:
            # What was refused is remembered too: another spec is tried at once.
            self._applied[key] = _Applied(standing.config, standing.target, "")
        if before is None or before.sentence != refusal.sentence:
            self.changed(key)


def _path(key: Key) -> str:
    return f"/apis/apps/v1/namespaces/{key.namespace}/deployments/{key.name}"


def _taken(key: Key) -> str:
    return (
        f"A Deployment {key.name} is there already and is not this QueueConfig's."
        " Delete it, name the QueueConfig otherwise, or scale it as it is by spec.worker.targetRef."
    )


FORBIDDEN: Final = 403


def _words(standing: Standing, fault: KubeFault) -> tuple[str, str]:
    """Return reason and sentence for a condition."""
    name = standing.target.name
    if fault.reason in ("DeploymentTaken", "Deleting"):
        return fault.reason, str(fault)
    if fault.status == FORBIDDEN:
        sentence = f"The API server forbids to write Deployment {name}: {fault}"
        return "Forbidden", f"{sentence}. Grant it to the operator's role, or mend the quota."
    if fault.is_refusal:
        return "DeploymentRefused", f"The API server refuses Deployment {name}: {fault}"
    return "ApiUnreachable", f"Deployment {name} can't be written now: {fault}"
