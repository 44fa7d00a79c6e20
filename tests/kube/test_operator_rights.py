"""An operator with fewer rights than it needs says so; with the chart's it lacks none.

All operators of these tests run as an account that has the rights which the chart renders.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from operator_account import ACCOUNT
from operator_ground import HOMELESS, TEN

if TYPE_CHECKING:
    from operator_ground import Ground


def take_away(ground: Ground, resource: str) -> list[dict[str, list[str]]]:
    """Take the right to change a resource away; return the rules that there were."""
    before: list[dict[str, list[str]]] = ground.kube.json("get", "role", ACCOUNT)["rules"]
    after = [
        rule | {"verbs": ["get", "list", "watch"]} if resource in rule["resources"] else rule
        for rule in before
    ]
    give(ground, after)
    return before


def give(ground: Ground, rules: list[dict[str, list[str]]]) -> None:
    """Give the operator these rights."""
    patch = [{"op": "replace", "path": "/rules", "value": rules}]
    ground.kube.kubectl("patch", "role", ACCOUNT, "--type=json", "-p", json.dumps(patch))


@pytest.mark.timeout(150)  # what was refused is tried again half a minute later
async def test_what_the_role_lacks_is_said(ground: Ground) -> None:
    """Neither to make a Deployment nor to scale one; granted, it is done without a restart."""
    rules = take_away(ground, "deployments")
    async with ground.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        ground.operator()
        said = await queue.says("Ready", "False", "Forbidden", within_s=50)
        assert f'deployments.apps "{queue.workers}" is forbidden' in said
        assert said.endswith("Grant it to the operator's role, or mend the quota.")
        assert await queue.told("Forbidden") == [said]
        give(ground, rules)
        await queue.says("Ready", "True", "Serving", within_s=40)
        take_away(ground, "deployments/scale")
        await queue.enqueue(30)
        said = await queue.says("ScalingActive", "False", "ScaleRefused")
        assert "deployments/scale" in said or "scale" in said
        assert queue.replicas == 0
        give(ground, rules)
        await queue.scaled(3)
        await queue.says("ScalingActive", "True", "Auto")


async def test_nothing_else_than_the_charts_rights_is_asked_for(served: Ground) -> None:
    """From declaration to workers and back, the API server has nothing to refuse."""
    async with served.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        await queue.served()
        await queue.enqueue(10)
        await queue.scaled(1)
        await queue.told("ScaledUp")
    (operator,) = served.operators
    assert "forbidden" not in operator.text()
