"""The fixtures that the tiers `kube` and `e2e` share; their conftest files name what they offer."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING, Any, Final

import pytest

from kube_cluster import (
    NAME,
    Cluster,
    Kube,
    NotHere,
    apply_crds,
    load_images,
    script,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

READY_WITHIN_S: Final = 120
"""A new node is ready after 15 s; two cores that run a test suite take longer."""


@pytest.fixture(scope="session")
def kind_cluster(request: pytest.FixtureRequest) -> Any:
    """Give pytest-kind what it would fetch from the net, then let it find or create the cluster.

    `--keep-cluster` leaves it there for the next run; without, it goes when this run ends.
    """
    option = request.config.option
    if hasattr(request.config, "workerinput") and not option.keep_cluster:
        pytest.fail("With -n, one process would delete the others' cluster: add --keep-cluster.")
    if option.cluster_name == "pytest-kind":
        option.cluster_name = NAME
    try:
        lines = script("up", "--only-mend", option.cluster_name)
    except NotHere as error:
        pytest.skip(f"{error} (then: make e2e)")
    words = dict(word.split("=", 1) for word in lines.split() if "=" in word)
    found = Cluster.of(lines, option.cluster_name)
    option.kubeconfig = str(found.kubeconfig)
    option.kind_bin = str(found.programs / "kind")
    option.kind_kubectl_bin = str(found.programs / "kubectl")
    option.kind_image = words["HEADPOND_NODE_IMAGE"]
    with found.kubeconfig.with_suffix(".lock").open("w") as lock:  # xdist's processes ask at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        return request.getfixturevalue("kind_cluster")


@pytest.fixture(scope="session")
def cluster(kind_cluster: Any) -> Cluster:
    """Give the cluster when pods can run on it."""
    found = Cluster(
        kubeconfig=kind_cluster.kubeconfig_path.resolve(),
        programs=kind_cluster.kubectl_path.parent,
        kind_name=kind_cluster.name,
    )
    found.wait("condition=Ready", "node", "--all", within_s=READY_WITHIN_S)
    found.wait("create", "serviceaccount/default", within_s=READY_WITHIN_S)
    return found


@pytest.fixture(scope="session")
def crds(cluster: Cluster) -> Cluster:
    """Give the cluster when it knows QueueConfigs, as the chart brings them."""
    apply_crds(cluster)
    return cluster


@pytest.fixture(scope="session")
def images(cluster: Cluster) -> dict[str, str]:
    """Build the images, load them, and say their names: `api`, `operator`, `worker`, `redis`."""
    return load_images(cluster)


@pytest.fixture
def kube(crds: Cluster) -> Iterator[Kube]:
    """Give this test a namespace of its own in a cluster that knows QueueConfigs."""
    with crds.namespace() as own:
        yield own


def time_the_test_alone(items: Sequence[pytest.Item], folder: Path, seconds: float) -> None:
    """Let a test have its timeout to itself: the first one of a run waits for the whole cluster."""
    for item in items:
        if folder in item.path.parents:
            given = item.get_closest_marker("timeout")
            limit = given.args[0] if given and given.args else seconds
            item.add_marker(pytest.mark.timeout(limit, func_only=True), append=False)
