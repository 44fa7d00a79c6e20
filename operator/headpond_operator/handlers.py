"""kopf's part: it watches, and its handlers do nothing but fill the maps.

No handler here is of a kind that makes kopf write to objects: no finalizer, no progress.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import kopf

from headpond_operator.kube import PAGE
from headpond_operator.objects import key_of
from headpond_operator.resources import RESOURCES

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from headpond_operator.cluster import Cluster

logger = logging.getLogger(__name__)


class _Backoffs:
    """Seconds between tries, for ever: an API server that is away comes back."""

    FIRST: Final = (0.2, 0.5, 1.0, 2.0)

    def __iter__(self) -> Iterator[float]:
        yield from self.FIRST
        while True:
            yield 3.0


def registry(cluster: Cluster) -> kopf.OperatorRegistry:
    """Return the handlers that keep `cluster` as the API server says."""
    handlers = kopf.OperatorRegistry()
    kopf.on.login(registry=handlers)(kopf.login_via_client)
    for each in (resource for resource in RESOURCES if resource.is_watched):
        watch = kopf.on.event(each.group, each.version, each.plural, registry=handlers)
        watch(_taker(cluster, each.kind))
    return handlers


def _taker(cluster: Cluster, kind: str) -> Any:
    """Return a handler; kopf asks for a coroutine that takes whatever it gives."""

    async def take(event: dict[str, Any], **_: object) -> None:
        body = event["object"]
        try:
            if event["type"] == "DELETED":
                cluster.drop(kind, key_of(body), body["metadata"]["uid"])
            else:
                cluster.put(kind, body)
        except (KeyError, TypeError, ValueError, AttributeError):
            extra = {"event": "object-strange", "kind": kind}
            logger.exception("a %s can't be understood", kind, extra=extra)
        _lighten(body)

    take.__name__ = f"take_{kind.lower()}"
    return take


def _lighten(body: dict[str, Any]) -> None:
    """Throw away what has been read: kopf keeps each object's latest body, 50 KiB and more."""
    for part in ("spec", "status"):
        body.pop(part, None)
    body["metadata"].pop("managedFields", None)


async def watch(
    cluster: Cluster, namespaces: tuple[str, ...], stop: asyncio.Event, begun: asyncio.Event
) -> None:
    """Watch until stopped; `()` means every namespace. kopf has its signal handlers once begun."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True  # it would want to list namespaces and CRDs
    settings.watching.chunk_size = PAGE
    settings.networking.error_backoffs = _Backoffs()
    settings.networking.connect_timeout = 5.0
    settings.networking.request_timeout = 30.0
    settings.process.ultimate_exiting_timeout = None
    await kopf.operator(
        registry=registry(cluster),
        settings=settings,
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        stop_flag=stop,
        ready_flag=begun,
    )
