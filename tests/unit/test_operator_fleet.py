"""The fleet of Deployments: whom it believes to work, and whose pods it lets go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from headpond.queues import WorkerState
from headpond_operator.fleet import DELETION_COST, LINGERS_S, SILENT_S, KubeFleet
from headpond_operator.kube import NOT_FOUND, Kube, KubeFault
from headpond_operator.leader import Leader
from headpond_operator.objects import Key
from operator_cases import a_cluster, a_deployment, a_queueconfig, a_roster
from scaling_cases import a_sample, a_worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headpond.queues import QueueSample, WorkerSeen

FOREIGN = {"worker": {"targetRef": {"name": "mailer"}}}


class Leads(Leader):
    """Holds the Lease."""

    @property
    @override
    def is_leading(self) -> bool:
        return True


class Place(Kube):
    """A Deployment of four ready pods, its workers, and what was asked of the API server."""

    def __init__(self, spec: object = None, name: str = "attendance-worker") -> None:
        super().__init__()
        self.now_s = 1_000.0
        self.costs: list[tuple[str, str | None]] = []
        self.scaled: list[int] = []
        self.deleted: list[str] = []
        self.missing: set[str] = set()
        self.samples: Mapping[str, QueueSample] = {}
        body = a_deployment(name)
        body["spec"]["replicas"], body["status"] = 4, {"replicas": 4, "readyReplicas": 4}
        cluster = a_cluster(a_queueconfig(spec=spec), deployments=(body,))
        roster = a_roster(cluster)
        leader = Leads(self, Key("shop", "lease"), "me")
        self.fleet = KubeFleet(
            self, cluster, roster, leader, lambda: self.samples, now_s=lambda: self.now_s
        )

    def hear(self, *workers: WorkerSeen) -> None:
        """Let the store hear of these."""
        self.samples = {"attendance": a_sample(workers=workers)}

    async def look(self, after_s: float = 0.0) -> str:
        """Observe; return what is wrong with the pods."""
        self.now_s += after_s
        await self.fleet.observe(["attendance"])
        for _ in range(5):
            await asyncio.sleep(0)  # errands run
        return self.fleet.verdict("attendance").reason

    @override
    async def patch(self, path: str, body: Any, kind: Any = "merge") -> dict[str, Any]:
        pod = path.rpartition("/")[2]
        if pod in self.missing:
            raise KubeFault(NOT_FOUND, "NotFound", "no such pod")
        self.costs.append((pod, body["metadata"]["annotations"][DELETION_COST]))
        return {}

    @override
    async def apply(self, path: str, body: Mapping[str, Any], manager: str) -> dict[str, Any]:
        self.scaled.append(body["spec"]["replicas"])
        return {"metadata": {"resourceVersion": "50"}}

    @override
    async def delete(self, path: str, uid: str = "") -> None:
        self.deleted.append(path.rpartition("/")[2])


async def test_ready_pods_that_the_store_never_hears_of_are_silent() -> None:
    """They may have another password; the first seconds of a worker prove nothing."""
    place = Place()
    place.hear()
    assert await place.look() == ""
    assert await place.look(after_s=SILENT_S) == "WorkersSilent"
    place.hear(a_worker("w1"))
    assert await place.look() == ""


async def test_pods_that_are_no_workers_are_not_lowered() -> None:
    """A targetRef may name the wrong Deployment."""
    place = Place(FOREIGN, "mailer")
    place.hear()
    with pytest.raises(KubeFault, match="none of them is a worker of queue attendance"):
        await place.fleet.scale("attendance", 0)
    assert place.scaled == []
    assert "not lowered" in place.fleet.unwritten("attendance")


async def test_a_victim_without_a_pod_keeps_the_number() -> None:
    """The ReplicaSet would take another one, which may be at a job."""
    place = Place()
    place.hear(*(a_worker(f"w{number}") for number in range(4)))
    place.missing = {"w3"}
    with pytest.raises(KubeFault, match="HEADPOND_WORKER_ID"):
        await place.fleet.scale("attendance", 3, ["w3"])
    assert place.scaled == []


async def test_to_zero_nobody_is_marked() -> None:
    """All go, whatever they cost."""
    place = Place()
    place.hear(*(a_worker(f"w{number}", state=WorkerState.DRAINED) for number in range(4)))
    await place.fleet.scale("attendance", 0, ["w0", "w1", "w2", "w3"])
    assert (place.scaled, place.costs) == ([0], [])


async def test_who_works_again_costs_as_much_as_the_others() -> None:
    """It was taken back, and must not go before an idle one later."""
    place = Place()
    place.hear(a_worker("w3", state=WorkerState.DRAINED))
    await place.fleet.scale("attendance", 3, ["w3"])
    place.hear(a_worker("w3"))
    await place.look()
    assert place.costs == [("w3", "-100"), ("w3", None)]


async def test_a_drained_worker_that_was_kept_is_deleted_until_it_is_gone() -> None:
    """Nobody would ever give it a job again."""
    place = Place()
    place.hear(a_worker("w3", state=WorkerState.DRAINED))
    await place.fleet.scale("attendance", 3, ["w3"])
    await place.look(after_s=LINGERS_S)
    await place.look(after_s=LINGERS_S)
    assert place.deleted == ["w3", "w3"]
    place.hear(a_worker("w1"))
    await place.look(after_s=LINGERS_S)
    assert place.deleted == ["w3", "w3"]
