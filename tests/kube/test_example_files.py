"""The API server takes every QueueConfig of `examples/kubernetes`, in its strictest mood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from kube_cluster import Kube

FILES = sorted((ROOT / "examples" / "kubernetes").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_example_is_taken_as_it_is(kube: Kube, file: Path) -> None:
    """Nothing in it is unknown, and nothing is dropped without a word."""
    said = kube.kubectl(
        "apply", "--dry-run=server", "--validate=strict", "--filename", str(file)
    ).splitlines()
    assert said
    assert all(line.endswith("created (server dry run)") for line in said)
