"""Whole lists, now and then: what a watch missed, and what vanished while nobody watched."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from headpond_operator.kube import NOT_FOUND, KubeFault
from headpond_operator.objects import Key
from headpond_operator.resources import RESOURCES, Resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from headpond_operator.cluster import Cluster
    from headpond_operator.kube import Head, Kube

logger = logging.getLogger(__name__)

EVERY_S: Final = 20.0
"""A change that every watch has missed is known within half a minute."""
RETRY_S: Final = 2.0
FEW: Final = 20
"""Objects that are read one by one; more of them as a list."""


class Listing:
    """Compares the maps with the API server's lists."""

    def __init__(self, kube: Kube, cluster: Cluster, namespaces: tuple[str, ...]) -> None:
        """List these namespaces; `()`: all."""
        self._kube = kube
        self._cluster = cluster
        self._namespaces = namespaces or ("",)
        self._said: dict[tuple[str, str], str] = {}
        self.is_complete = False
        """Everything that is needed has been listed once."""
        self.swept: Callable[[], None] = lambda: None
        """Told of each time that everything was asked for."""

    async def run(self) -> None:
        """List now and then, for ever."""
        while True:
            all_there = await self.once()
            await asyncio.sleep(EVERY_S if all_there else RETRY_S)

    async def once(self) -> bool:
        """List everything; return whether all that is needed could be listed somewhere.

        A namespace that is gone, or whose rights are, must not keep the others from being served.
        """
        outcomes = [await self._one(resource) for resource in RESOURCES]
        all_there = all(outcomes)
        self.is_complete = self.is_complete or all_there
        self.swept()
        return all_there

    async def _one(self, resource: Resource) -> bool:
        outcomes = [await self._try(resource, namespace) for namespace in self._namespaces]
        return any(outcomes) or not resource.is_needed

    async def _try(self, resource: Resource, namespace: str) -> bool:
        try:
            await self._list(resource, namespace)
        except KubeFault as fault:
            if fault.status != NOT_FOUND or resource.is_needed:
                self._say(resource, namespace, _words(resource, namespace, fault))
            return False
        except (KeyError, TypeError, ValueError, AttributeError):
            extra = {"event": "object-strange", "kind": resource.kind}
            logger.exception("a %s can't be understood", resource.kind, extra=extra)
            return True
        self._said.pop((resource.kind, namespace), None)
        return True

    async def _list(self, resource: Resource, namespace: str) -> None:
        """Compare the versions, and read what is newer than known: most often nothing is."""
        kind, path = resource.kind, resource.path(namespace)
        before = self._cluster.keys(kind)
        there: dict[Key, int] = {}
        async for heads in self._kube.versions(path):
            there |= {_key(head): int(head.metadata.resource_version) for head in heads}
        newer = [
            key for key, version in there.items() if self._cluster.version(kind, key) < version
        ]
        known = [key for key in before if namespace in ("", key.namespace)]
        gone = [key for key in known if key not in there]
        for key in gone:
            self._cluster.drop(kind, key, before[key])
        await self._read(resource, namespace, newer)

    async def _read(self, resource: Resource, namespace: str, keys: list[Key]) -> None:
        if len(keys) > FEW:
            async for body in self._kube.items(resource.path(namespace)):
                self._cluster.put(resource.kind, body)
            return
        for key in keys:
            try:
                body = await self._kube.get(f"{resource.path(key.namespace)}/{key.name}")
            except KubeFault as fault:
                if fault.status != NOT_FOUND:
                    raise
            else:
                self._cluster.put(resource.kind, body)

    def _say(self, resource: Resource, namespace: str, sentence: str) -> None:
        where = resource.kind, namespace
        if self._said.get(where) != sentence:
            extra = {"event": "list-refused", "kind": resource.kind, "namespace": namespace}
            logger.warning("%s", sentence, extra=extra)
        self._said[where] = sentence


def _key(head: Head) -> Key:
    return Key(head.metadata.namespace, head.metadata.name)


def _words(resource: Resource, namespace: str, fault: KubeFault) -> str:
    if fault.status == NOT_FOUND and resource.group == "headpond.dev":
        return (
            "The API server knows no QueueConfig: install the CRD with"
            " kubectl apply --server-side -f charts/headpond/crds/. Trying again."
        )
    where = f" in namespace {namespace}" if namespace else ""
    return f"{resource.plural} can't be listed{where}: {fault}"
