"""The cluster itself: what the other tests of this tier stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kube_cluster import Refused

if TYPE_CHECKING:
    from kube_cluster import Cluster, Kube

OLDEST_MINOR = 30


def test_the_api_server_is_one_that_we_support(cluster: Cluster) -> None:
    """Its version is new enough for the CRD's CEL rules."""
    version = cluster.json("version")["serverVersion"]
    assert (int(version["major"]), int(version["minor"].rstrip("+"))) >= (1, OLDEST_MINOR)


def test_queueconfigs_are_established(crds: Cluster) -> None:
    """The chart's CRD is one that the API server serves."""
    found = crds.json("get", "crd", "queueconfigs.headpond.dev")
    conditions = {each["type"]: each["status"] for each in found["status"]["conditions"]}
    assert conditions["Established"] == "True"
    assert conditions["NamesAccepted"] == "True"


def test_a_test_has_a_namespace_of_its_own(kube: Kube) -> None:
    """What one test applies lies in its namespace, and reads back."""
    kube.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "here"}})
    found = kube.json("get", "configmap", "here")
    assert found["metadata"]["namespace"] == kube.name
    assert [each["metadata"]["name"] for each in kube.json("get", "queueconfigs")] == []


def test_what_the_api_server_refuses_is_said(kube: Kube) -> None:
    """A refusal arrives with the API server's own sentence."""
    with pytest.raises(Refused, match=r"metadata\.name: Invalid value"):
        kube.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "Not A Name"}})
