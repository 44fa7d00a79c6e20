"""Fixtures of the tier `kube`: processes of ours against the API server of a real cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kube_fixtures import cluster, crds, kind_cluster, kube, time_the_test_alone
from operator_ground import ground, served

if TYPE_CHECKING:
    import pytest

__all__ = ["cluster", "crds", "ground", "kind_cluster", "kube", "served"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test a minute, without the time that the cluster takes."""
    time_the_test_alone(items, Path(__file__).parent, 60)
