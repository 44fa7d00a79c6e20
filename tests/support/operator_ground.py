"""A namespace whose QueueConfigs an operator serves, and one queue of it as a test sees it."""

from __future__ import annotations

import contextlib
import itertools
import json
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import pytest

from headpond.envelope import Outcome, pack
from headpond.jobs import Done, JobId, NewJob
from headpond.ports import WorkerBeat
from headpond.queues import WorkerState
from headpond.redis import RedisQueueStore
from idle_pods import PAUSE
from kube_objects import Objects, objects_of
from operator_account import grant, kubeconfig_of
from operator_process import OperatorProcess
from redis_server import RedisServer
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

    from headpond.jobs import Claim
    from headpond.queues import QueueSample
    from kube_cluster import Cluster, Kube

RESTRICTED: Final = {"pod-security.kubernetes.io/enforce": "restricted"}
HOMELESS: Final = {"image": PAUSE, "nodeSelector": {"never": "here"}}
"""Workers that fit no node: a number of them costs nothing."""
TEN: Final = {"concurrency": 10}
"""A backlog of 50 asks for five workers while nobody knows how long a job takes."""


@dataclass
class Ground:
    """A namespace, a Redis and an operator's environment."""

    kube: Kube
    objects: Objects
    redis: RedisServer
    folder: Path
    kubeconfig: Path
    """Of the operator, with the rights that the chart gives it and no more."""
    operators: list[OperatorProcess] = field(default_factory=list)

    def operator(self, name: str = "operator", **own: str) -> OperatorProcess:
        """Start an operator; it ends with the ground."""
        made = OperatorProcess(
            self.folder, name, self.kubeconfig, self.kube.name, self.redis.url, own
        )
        self.operators.append(made)
        made.start()
        return made

    @asynccontextmanager
    async def queue(
        self, spec: Mapping[str, Any] | None = None, name: str = ""
    ) -> AsyncIterator[Queue]:
        """Give a queue that is declared, unless `spec` is `None`; its QueueConfig goes at last."""
        store = RedisQueueStore(self.redis.url)
        made = Queue(name or f"q-{uuid4().hex[:8]}", self, store)
        try:
            if spec is not None:
                made.declare(spec)
            yield made
        finally:
            await store.close()
            # The API server may be what the test has taken away.
            with contextlib.suppress(Exception):
                self.objects.delete("queueconfigs", made.name)


@contextmanager
def ground_of(
    cluster: Cluster, folder: Path, labels: Mapping[str, str] = RESTRICTED
) -> Iterator[Ground]:
    """Give a namespace and a Redis, without an operator yet."""
    redis = RedisServer(folder)
    redis.start()
    with cluster.namespace(labels) as kube, objects_of(kube.kubeconfig, kube.name) as objects:
        grant(kube)
        ground = Ground(kube, objects, redis, folder, kubeconfig_of(kube, folder))
        try:
            yield ground
        finally:
            for each in ground.operators:
                each.kill()
            redis.kill()


@dataclass
class Queue:
    """One queue: its QueueConfig, its Deployment, and its jobs."""

    name: str
    ground: Ground
    store: RedisQueueStore
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def workers(self) -> str:
        """The name of its own Deployment."""
        return f"{self.name}-worker"

    # ── its declaration ──

    def declare(self, spec: Mapping[str, Any], **metadata: Any) -> None:
        """Create the QueueConfig, or give it another spec, as `kubectl apply` does."""
        self.ground.kube.apply(
            {
                "apiVersion": "headpond.dev/v1alpha1",
                "kind": "QueueConfig",
                "metadata": {"name": self.name, **metadata},
                "spec": dict(spec),
            }
        )

    def amend(self, spec: Mapping[str, Any]) -> None:
        """Merge something into the spec."""
        self.ground.objects.merge("queueconfigs", self.name, {"spec": spec})

    # ── what is there ──

    @property
    def config(self) -> dict[str, Any]:
        """The QueueConfig."""
        found = self.ground.objects.get("queueconfigs", self.name)
        assert found, f"there is no QueueConfig {self.name}"
        return found

    @property
    def status(self) -> dict[str, Any]:
        """Its status, empty while there is none."""
        found: dict[str, Any] = self.config.get("status") or {}
        return found

    def condition(self, kind: str) -> tuple[str, str, str]:
        """Return a condition's status, reason and message; empty while there is none."""
        for each in self.status.get("conditions") or ():
            if each["type"] == kind:
                return each["status"], each["reason"], each["message"]
        return "", "", ""

    @property
    def deployment(self) -> dict[str, Any] | None:
        """Its own Deployment, if there is one."""
        return self.ground.objects.get("deployments", self.workers)

    @property
    def replicas(self) -> int:
        """What its own Deployment asks for; -1: there is none."""
        found = self.deployment
        return -1 if found is None else int(found["spec"]["replicas"])

    def events(self, reason: str = "") -> list[str]:
        """Return the messages of the Events about it, the oldest first."""
        found = self.ground.objects.all("events", f"involvedObject.name={self.name}")
        found.sort(key=lambda each: int(each["metadata"]["resourceVersion"]))
        return [each["message"] for each in found if reason in ("", each["reason"])]

    # ── waiting for it ──

    async def until(self, there: Callable[[], Any], within_s: float = 20.0) -> Any:
        """Wait for something; a failure tells what was there instead."""
        try:
            return await until(there, within_s)
        except AssertionError as error:
            shown = json.dumps(self.status, indent=1, ensure_ascii=False)
            logs = "\n".join(each.last_words() for each in self.ground.operators)
            message = f"{error}\nreplicas {self.replicas}\n{shown}\n{logs}"
            raise AssertionError(message) from None

    async def served(self) -> None:
        """Wait until it is in force: declared, with a Deployment, and known to the store."""
        await self.says("Ready", "True", "Serving", within_s=45)

    async def scaled(self, replicas: int, within_s: float = 20.0) -> None:
        """Wait until its own Deployment asks for so many."""
        await self.until(lambda: self.replicas == replicas, within_s)

    async def says(self, kind: str, status: str, reason: str, within_s: float = 20.0) -> str:
        """Wait for a condition; return its message."""
        await self.until(lambda: self.condition(kind)[:2] == (status, reason), within_s)
        return self.condition(kind)[2]

    async def told(self, reason: str, within_s: float = 20.0) -> list[str]:
        """Wait for an Event; return the messages of all such."""
        found: list[str] = await self.until(lambda: self.events(reason), within_s)
        return found

    # ── its jobs ──

    async def enqueue(self, count: int) -> list[JobId]:
        """Put jobs into it."""
        jobs = [NewJob(JobId(f"{self.name}-{next(self._numbers)}"), b"{}") for _ in range(count)]
        placed = await self.store.enqueue(self.name, jobs)
        assert len(placed) == count
        return [each.id for each in jobs]

    def beat(self, *workers: str, state: WorkerState = WorkerState.WORKING) -> None:
        """Be heard of as these workers, for a lease."""
        for worker in workers:
            keeper = self.store.leases(self.name, worker)
            keeper.renew(WorkerBeat(worker, state, slots=10, started_ms=1), [])
            keeper.close()

    async def end(self, claim: Claim, worker: str = "w-1", took_s: float = 0.1) -> None:
        """End a claimed job well, as its worker does; `took_s` is what the store is told."""
        took_us = round(took_s * 1_000_000)
        outcome = pack(Outcome(started_ms=1, run_us=took_us))
        done = Done(claim.id, claim.fence, outcome, took_us)
        exchange = await self.store.exchange(self.name, worker, [done], 0)
        assert not exchange.stale

    async def sample(self) -> QueueSample:
        """Sample it."""
        return (await self.store.sample([self.name]))[self.name]


# ── fixtures, which the tier's conftest names ──


@pytest.fixture(scope="session")
def served(crds: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Give a ground whose operator runs all the time, for tests that leave it as it is."""
    with ground_of(crds, tmp_path_factory.mktemp("served")) as ground:
        # Less than it waits before it looks at pods: what fits no node is told at the first look.
        ground.operator(HEADPOND_UNSCHEDULABLE_AFTER_S="1")
        yield ground


@pytest.fixture
def ground(crds: Cluster, tmp_path: Path) -> Iterator[Ground]:
    """Give a ground without an operator."""
    with ground_of(crds, tmp_path) as own:
        yield own
