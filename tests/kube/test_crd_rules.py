"""Each rule of the CRD, tried on a real API server, and what it says when it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from queueconfig_examples import EXAMPLES, Example
from queueconfig_server import CREATED

if TYPE_CHECKING:
    from kubernetes.client import CustomObjectsApi

    from queueconfig_server import QueueConfigServer

BAD, REFUSED = 400, 422
"""What can't be read, and what breaks the schema or a rule."""


@pytest.fixture(scope="module")
def api(queueconfigs: QueueConfigServer) -> CustomObjectsApi:
    """One connection for all examples."""
    return queueconfigs.api()


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
    example: Example, queueconfigs: QueueConfigServer, api: CustomObjectsApi
) -> None:
    """What is taken is taken; what is refused is refused by the sentence that the rule has."""
    code, said = queueconfigs.verdict(api, example.to_document("attendance"))
    assert code in ((CREATED,) if example.is_taken else (BAD, REFUSED)), said
    assert example.words in said


def test_the_largest_queueconfig_is_taken(
    queueconfigs: QueueConfigServer, api: CustomObjectsApi
) -> None:
    """What rules cost is bounded, also when they run."""
    example = Example("types", json.dumps(largest()))
    assert queueconfigs.verdict(api, example.to_document("largest")) == (CREATED, "")
