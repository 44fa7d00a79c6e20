"""What a process answers on /metrics: its own figures, and those of the process itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST


class Scrape:
    """Collects for Prometheus; in a registry of its own, so that tests can have many."""

    def __init__(self, *collectors: Collector) -> None:
        """Collect from these, and memory, time and files of the process."""
        self._registry = CollectorRegistry()
        for collector in collectors:
            self._registry.register(collector)
        for kind in (ProcessCollector, PlatformCollector, GCCollector):
            kind(registry=self._registry)

    def text(self, *fresh: Collector) -> bytes:
        """Return the figures of this moment; `fresh` are collected this once."""
        once = CollectorRegistry()
        for collector in fresh:
            once.register(collector)
        return generate_latest(self._registry) + generate_latest(once)
