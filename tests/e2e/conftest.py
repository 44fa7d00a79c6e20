"""Fixtures of the tier `e2e`: the images and the chart in a real cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kube_fixtures import cluster, crds, images, kind_cluster, kube, time_the_test_alone

if TYPE_CHECKING:
    import pytest

__all__ = ["cluster", "crds", "images", "kind_cluster", "kube"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test five minutes, without the time that the cluster and the images take."""
    time_the_test_alone(items, Path(__file__).parent, 300)
