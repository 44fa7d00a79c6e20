"""The tutorial for Kubernetes, typed as it stands there."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from redis_server import free_port
from tree import ROOT

if TYPE_CHECKING:
    from kube_cluster import Cluster, Kube

PAGE = (ROOT / "docs" / "tutorial" / "kubernetes.md").read_text("utf-8")
TYPED_WITHIN_S = 240


def blocks(language: str) -> list[str]:
    """Return the page's blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.timeout(TYPED_WITHIN_S + 30)
def test_every_command_works(kube: Kube, cluster: Cluster, images: dict[str, str]) -> None:
    """In one shell, one after the other, in a namespace and at a port of the test's own."""
    script = "set -euo pipefail\n" + "\n".join(blocks("sh"))
    script = re.sub(r"\btour\b", kube.name, script).replace("8000", str(free_port()))
    environment = {**kube.environment, "CLUSTER": cluster.kind_name}
    typed = subprocess.Popen(
        ["bash", "-c", script],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = typed.communicate(timeout=TYPED_WITHIN_S)
    finally:
        with contextlib.suppress(ProcessLookupError):  # all of it has ended
            os.killpg(typed.pid, signal.SIGKILL)
    assert typed.returncode == 0, said
    for line in blocks("json"):
        assert line.strip() in said
    # What the page shows of the Events is what there is to see.
    shown = re.findall(r"^  (?:Normal|Warning) +(\w+) .* headpond-operator", PAGE, re.MULTILINE)
    assert set(shown) == {"Serving", "ScaledUp", "ScaledDown"}
    for reason in shown:
        assert re.search(rf"Normal +{reason} .* headpond-operator", said), said
    assert re.search(r"ScaledUp .* 0→4: max is 4; the load asks for 100 workers", said), said
    left = said.rpartition("uninstalled")[2]
    assert "queueconfig.headpond.dev/attendance" in left
    assert "persistentvolumeclaim/data-headpond-redis-0" in left
