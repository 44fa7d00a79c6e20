"""Fixtures of the tier `e2e`: the images and the chart in a real cluster."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kube_cluster import Refused
from kube_fixtures import cluster, crds, images, kind_cluster, kube, time_the_test_alone
from release import Release

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from kube_cluster import Cluster, Kube

__all__ = ["cluster", "crds", "images", "kind_cluster", "kube"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the whole way be walked more than once."""
    words = "walk the whole way of test_install.py so often (default 1)"
    parser.addoption("--times", type=int, default=1, help=words)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each walk its number."""
    if "turn" in metafunc.fixturenames:
        # Without a word of this folder pytest reads this file too late for options.
        times = metafunc.config.getoption("times", default=1)
        metafunc.parametrize("turn", range(1, times + 1))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test five minutes, without the time that the cluster and the images take."""
    time_the_test_alone(items, Path(__file__).parent, 300)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the cluster says: afterwards the namespace is gone."""
    report = yield
    own = getattr(item, "funcargs", {}).get("kube")
    if report.failed and own is not None:
        report.sections.append(("cluster", told(own)))
    return report


def told(kube: Kube) -> str:
    """Return pods, queues, Events and the operators' last words."""
    commands = (
        ("get", "pods,queueconfigs", "--output=wide"),
        ("get", "events", "--sort-by=.metadata.creationTimestamp"),
        ("logs", "--selector=app.kubernetes.io/component=operator", "--tail=40", "--prefix"),
    )
    said = []
    for words in commands:
        try:
            said.append(kube.kubectl(*words))
        except Refused as error:
            said.append(str(error))
    return "\n".join(said)


@pytest.fixture
def release(kube: Kube, images: dict[str, str], cluster: Cluster) -> Release:
    """Give what installs Headpond into this test's namespace, and speaks to it."""
    return Release(kube, images, f"{cluster.kind_name}-control-plane")


@pytest.fixture
def measured(capsys: pytest.CaptureFixture[str]) -> Callable[[str, float, float], None]:
    """Give what prints a figure beside its bar, as the benchmarks do, whatever else is captured."""

    def show(name: str, ours: float, bar: float) -> None:
        line = {"name": name, "ours": round(ours, 1), "bar": bar, "held": ours <= bar}
        with capsys.disabled():
            sys.stdout.write(f"\n{json.dumps(line)}\n")

    return show
