"""Two operators and one Lease: one acts, the other takes over, and a stale one writes nothing."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from operator_ground import HOMELESS, TEN, ground_of
from operator_process import holder
from until import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kube_cluster import Cluster
    from operator_ground import Ground, Queue
    from operator_process import OperatorProcess

LEASE = "headpond-operator"
DIED_S = 15.0
"""The bar: from a leader's sudden death to the successor's first write."""
LEFT_S = 3.0
"""The same for one that was told to stop."""
NO_MORE = "this operator leads no more"


@dataclass
class Pair:
    """A leader and a standby, whoever of the two is which."""

    ground: Ground

    async def complete(self) -> None:
        """Wait until both run and one of them leads; who was killed is started again."""
        for each in self.ground.operators:
            if not each.pid:
                each.start()
        for each in self.ground.operators:
            await each.ready()
        await until(lambda: self.leads(self.leader) and not self.leads(self.standby), 45)

    @property
    def leader(self) -> OperatorProcess:
        """Who holds the Lease."""
        name = holder(self.ground.objects.get("leases", LEASE))
        return next((o for o in self.ground.operators if o.name == name), self.ground.operators[0])

    @property
    def standby(self) -> OperatorProcess:
        """Who does not."""
        return next(each for each in self.ground.operators if each is not self.leader)

    @staticmethod
    def leads(operator: OperatorProcess) -> bool:
        """Return what it says of itself."""
        return operator.figure("headpond_operator_leading") == 1


@pytest.fixture(scope="module")
def two(crds: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Give a ground that two operators serve."""
    with ground_of(crds, tmp_path_factory.mktemp("two")) as ground:
        ground.operator("a")
        ground.operator("b")
        yield Pair(ground)


async def seconds_to(queue: Queue, replicas: int) -> float:
    """Put in the jobs of so many workers; return how long it takes until they are asked for."""
    began_s = asyncio.get_running_loop().time()
    await queue.enqueue(10 * replicas)
    await queue.scaled(replicas, within_s=30)
    return asyncio.get_running_loop().time() - began_s


async def test_one_of_two_writes(two: Pair) -> None:
    """The other knows as much, is ready, and writes nothing."""
    await two.complete()
    async with two.ground.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        await queue.served()
        await seconds_to(queue, 3)
        series = f'headpond_scaling_writes_total{{queue="{queue.name}"}}'
        await queue.until(lambda: two.leader.figure(series) == 1)
        assert two.standby.figure(series) is None
        assert queue.name not in two.standby.text()
        assert (queue.deployment or {})["metadata"]["generation"] == 2


@pytest.mark.timeout(120)
async def test_a_standby_follows_a_leader_that_was_killed(two: Pair) -> None:
    """SIGKILL in the moment that a backlog comes: it is answered within 15 s."""
    await two.complete()
    async with two.ground.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        await queue.served()
        two.leader.kill()
        assert await seconds_to(queue, 5) < DIED_S


async def test_a_standby_follows_at_once_when_a_leader_is_told_to_stop(two: Pair) -> None:
    """SIGTERM, as in a rollout: the Lease is handed over, and the leader ends well."""
    await two.complete()
    async with two.ground.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        await queue.served()
        leader = two.leader
        leader.send(signal.SIGTERM)
        assert await seconds_to(queue, 5) < LEFT_S
        assert await leader.ended() == 0


@pytest.mark.timeout(120)
async def test_a_leader_that_was_stopped_writes_nothing_stale(two: Pair) -> None:
    """After SIGCONT it believes for no moment in what it was about to write."""
    await two.complete()
    async with two.ground.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        await queue.served()
        leader, standby = two.leader, two.standby
        stood_by = leader.text().count(NO_MORE)
        leader.send(signal.SIGSTOP)
        try:
            assert await seconds_to(queue, 5) < DIED_S
            queue.amend({"scaling": {"max": 6}})
            await queue.enqueue(50)
            await queue.scaled(6)
            written = (queue.deployment or {})["metadata"]["generation"]
        finally:
            leader.send(signal.SIGCONT)
        await leader.says(NO_MORE, stood_by + 1)
        await queue.until(lambda: leader.figure("headpond_operator_leading") == 0)
        assert (queue.deployment or {})["metadata"]["generation"] == written
        assert two.leader is standby
        queue.amend({"scaling": {"max": 7}})
        await queue.enqueue(50)
        await queue.scaled(7)


@pytest.mark.timeout(120)
async def test_a_lease_that_somebody_edits_is_obeyed(two: Pair) -> None:
    """Whoever finds another name in it stops at once; it is taken again when nobody renews it."""
    await two.complete()
    async with two.ground.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        await queue.served()
        leader = two.leader
        stood_by = leader.text().count(NO_MORE)
        two.ground.objects.merge("leases", LEASE, {"spec": {"holderIdentity": "asha-1"}})
        await leader.says(NO_MORE, stood_by + 1, within_s=5)
        assert await seconds_to(queue, 4) < DIED_S
        assert holder(two.ground.objects.get("leases", LEASE)) in {"a", "b"}
