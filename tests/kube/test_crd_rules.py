"""Each rule of the CRD, tried on a real API server, and what it says when it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes import client, config

from queueconfig_examples import EXAMPLES, Example

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kube_cluster import Cluster

CREATED, BAD, REFUSED = 201, 400, 422
"""Taken; not to be read; against the schema or a rule."""

Verdict = tuple[int, str]


@pytest.fixture(scope="module")
def verdict(crds: Cluster) -> Iterator[Callable[[Example], Verdict]]:
    """Ask what becomes of an example; by HTTP, since kubectl takes a tenth of a second for each."""
    api = client.CustomObjectsApi(config.new_client_from_config(str(crds.kubeconfig)))

    with crds.namespace() as kube:

        def ask(example: Example) -> Verdict:
            where = ("headpond.dev", "v1alpha1", kube.name, "queueconfigs")
            document = example.to_document("attendance")
            try:
                api.create_namespaced_custom_object(
                    *where, document, dry_run="All", field_validation="Strict"
                )
            except client.ApiException as refusal:
                return refusal.status, json.loads(refusal.body or "{}")["message"]
            return CREATED, ""

        yield ask
    api.api_client.close()


def largest() -> dict[str, Any]:
    """Return a spec with as many entries as the schema takes, each with what has rules."""
    rate = {"max": 1, "per": "23h59m59s999ms"}
    policy = {"type": "Pods", "value": 1, "period": "29m59s999ms"}
    entry = {"cron": "0,1,2 7 * * 1-5", "tz": "UTC", "min": 1, "max": 9, "for": "6d23h59m59s999ms"}
    overrides = {f"tenant-{'x' * 80}-{n}": {"rateLimit": rate} for n in range(1000)}
    return {
        "jobs": {"tenants": {"overrides": overrides}},
        "scaling": {
            "schedule": [entry] * 100,
            "scaleUp": {"policies": [policy] * 20},
            "scaleDown": {"policies": [policy] * 20},
        },
        "worker": {"apps": ["headpond_school"] * 100},
    }


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.rule} {example.spec}")
def test_the_api_server_thinks_as_the_example_says(
    example: Example, verdict: Callable[[Example], Verdict]
) -> None:
    """What is taken is taken; what is refused is refused by the sentence that the rule has."""
    code, said = verdict(example)
    assert code in ((CREATED,) if example.is_taken else (BAD, REFUSED)), said
    assert example.words in said


def test_the_largest_queueconfig_is_taken(verdict: Callable[[Example], Verdict]) -> None:
    """What rules cost is bounded, also when they run."""
    assert verdict(Example("types", json.dumps(largest()))) == (CREATED, "")
