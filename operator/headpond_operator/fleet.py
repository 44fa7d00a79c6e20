"""The Fleet port on Deployments: how many workers there are, and how the number is written."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from headpond.ports import FleetView
from headpond.queues import WorkerState
from headpond_operator.kube import CONFLICT, NOT_FOUND, KubeFault
from headpond_operator.leader import NotLeading
from headpond_operator.manifests import scale_body
from headpond_operator.objects import SCALE_MANAGER, version_of
from headpond_operator.pods import FINE, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from headpond.queues import QueueSample
    from headpond_operator.cluster import Cluster
    from headpond_operator.kube import Kube
    from headpond_operator.leader import Leader
    from headpond_operator.objects import DeploymentSeen
    from headpond_operator.roster import Roster, Standing

TRIES: Final = 4
"""Of a write that meets a newer version: the Deployment's status changes while pods come up."""
SILENT_S: Final = 30.0
"""Two leases: a worker that is heard of no longer than this does not work."""
LOOK_AFTER_S: Final = 3.0
"""Pods that were asked for and aren't ready by then are looked at …"""
LOOK_EVERY_S: Final = 5.0
"""… and again this much later."""
LOOKS_AT_ONCE: Final = 2
"""Deployments whose pods are listed in one round: bounds what a broken image costs the API."""
LINGERS_S: Final = 15.0
"""A worker that may go and whose pod is still there by then is deleted: the ReplicaSet prefers
pods that are not ready, and took one of those in its stead."""
AT_ONCE: Final = 16
TOLD_EVERY_S: Final = 60.0
"""Whoever writes the number again and again (a tool of GitOps) is named this often."""
DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"


@dataclass(slots=True)
class _Crew:
    """What is remembered of one queue's workers."""

    raised_ms: int = 0
    """When the number was last raised, by the store's clock, until a worker of that is heard of."""
    cold_start_s: float = 0.0
    unready_s: float = 0.0
    """Since when not all pods are ready; 0: they are."""
    silent_s: float = 0.0
    """Since when pods are ready of which the store hears nothing; 0: it hears of some."""
    looked_s: float = float("-inf")
    verdict: Verdict = FINE
    unwritten: str = ""
    """Why the number could not be written last time."""
    written: int = -1
    """The number that was last written or seen; -1: none yet."""
    marked: dict[str, float] = field(default_factory=dict)
    """Pods that are to go before others, and since when."""
    told_s: dict[str, float] = field(default_factory=dict)
    """Who else has changed the number, and when that was said."""


class KubeFleet:
    """Counts and scales Deployments. It writes only while the Lease is held."""

    def __init__(  # noqa: PLR0913 - the ports of the fleet
        self,
        kube: Kube,
        cluster: Cluster,
        roster: Roster,
        leader: Leader,
        samples: Callable[[], Mapping[str, QueueSample]],
        *,
        now_s: Callable[[], float],
        patience_s: float = 120.0,
    ) -> None:
        """Ask `samples` for the store's latest; `now_s` is Unix time; `judge` has the patience."""
        self._kube = kube
        self._cluster = cluster
        self._roster = roster
        self._leader = leader
        self._samples = samples
        self._now_s = now_s
        self._patience_s = patience_s
        self._crews: dict[str, _Crew] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._errands: set[asyncio.Task[None]] = set()
        """Looks at pods, and deletions: the loop does not wait for them."""
        self.drifted: Callable[[str, str], None] = lambda *_: None
        """Told queue and sentence when somebody else has changed the number."""

    # ── the port ──

    async def observe(self, queues: Sequence[str]) -> Mapping[str, FleetView]:
        """Say how many workers each queue has; a queue whose Deployment is missing is left out."""
        seen = [
            (queue, standing, deployment)
            for queue in queues
            if (standing := self._roster.by_queue.get(queue))
            if (deployment := self.deployment(standing))
        ]
        self._look([(q, d) for q, _, d in seen])
        for queue, standing, deployment in seen:
            self._tidy(queue, standing)
            self._compare(queue, deployment)
        self._crews = {queue: self._crew(queue) for queue, _, _ in seen}  # of no others
        return {queue: self._view(queue, deployment) for queue, _, deployment in seen}

    async def scale(self, queue: str, replicas: int, victims: Sequence[str] = ()) -> None:
        """Write the number, once; before it goes down mark the pods of the victims."""
        standing = self._roster.by_queue[queue]
        deployment = self.deployment(standing)
        if deployment is None:
            message = f"Deployment {standing.target} does not exist."
            raise KubeFault(NOT_FOUND, "NotFound", message)
        crew = self._crew(queue)
        # To zero all go, whatever they cost.
        pods = [self._pod(standing, worker) for worker in victims] if replicas else []
        is_down = replicas < deployment.replicas
        if standing.is_foreign and is_down and self._are_strangers(deployment, queue):
            crew.unwritten = (
                f"Deployment {deployment.key.name} has {deployment.ready} ready pods, and none of"
                f" them is a worker of queue {queue}: it is not lowered."
                " Mend spec.worker.targetRef."
            )
            raise KubeFault(0, "NoWorkers", crew.unwritten)
        crew.marked.update(dict.fromkeys(pods, self._now_s()))
        try:
            await asyncio.gather(*(self._mark(standing.target.namespace, pod) for pod in pods))
            version = await self._write(deployment, replicas)
        except KubeFault as fault:
            crew.unwritten = f"The number of replicas can't be written: {fault}"
            raise
        crew.unwritten, crew.written = "", replicas
        if replicas > deployment.replicas:
            sample = self._samples().get(queue)
            crew.raised_ms = sample.at_ms if sample else 0
        self._cluster.rescaled(deployment.key, replicas, version)

    def verdict(self, queue: str) -> Verdict:
        """Return what is wrong with a queue's pods."""
        return self._crew(queue).verdict

    def unwritten(self, queue: str) -> str:
        """Return why the number could not be written, `""` when it could."""
        return self._crew(queue).unwritten

    # ── looking ──

    def _crew(self, queue: str) -> _Crew:
        return self._crews.setdefault(queue, _Crew())

    def deployment(self, standing: Standing) -> DeploymentSeen | None:
        """Return the Deployment that serves a QueueConfig, `None` when it isn't there."""
        found = self._cluster.deployments.get(standing.target)
        if found is None or standing.is_foreign or found.owner_uid == standing.declared.uid:
            return found
        return None  # it has our name, and is somebody else's

    def _view(self, queue: str, deployment: DeploymentSeen) -> FleetView:
        crew, sample = self._crew(queue), self._samples().get(queue)
        heard = [w for w in sample.workers if w.state is not WorkerState.STOPPING] if sample else []
        self._learn_cold_start(crew, sample)
        verdict = crew.verdict
        return FleetView(
            replicas=deployment.replicas,
            starting=max(0, deployment.replicas - len(heard)),
            cold_start_s=crew.cold_start_s,
            crash_looping=verdict.is_stuck,
            trouble=verdict.sentence,
        )

    def _learn_cold_start(self, crew: _Crew, sample: QueueSample | None) -> None:
        """Measure from the write to the first worker that came after it, by the store's clock."""
        if not crew.raised_ms or sample is None:
            return
        came = [w.started_ms for w in sample.workers if w.started_ms >= crew.raised_ms]
        if came:
            crew.cold_start_s = (min(came) - crew.raised_ms) / 1000
            crew.raised_ms = 0

    def _look(self, deployments: Sequence[tuple[str, DeploymentSeen]]) -> None:
        """Look at the pods of Deployments that should have more ready ones; the stalest first."""
        now_s = self._now_s()
        due = []
        for queue, deployment in deployments:
            crew = self._crew(queue)
            if deployment.failure:
                crew.verdict = Verdict("QuotaOrAdmission", deployment.failure, is_stuck=True)
            elif deployment.ready >= deployment.replicas:
                crew.unready_s, crew.verdict = 0.0, self._listen(queue, deployment, now_s)
            else:
                crew.unready_s = crew.unready_s or now_s
                next_s = max(crew.unready_s + LOOK_AFTER_S, crew.looked_s + LOOK_EVERY_S)
                if now_s >= next_s:
                    due.append((crew.looked_s, queue, deployment))
        due.sort(key=lambda each: each[:2])
        for _, queue, deployment in due[: max(0, LOOKS_AT_ONCE - len(self._errands))]:
            self._crew(queue).looked_s = now_s
            self._send(self._judge(queue, deployment))

    def _are_strangers(self, deployment: DeploymentSeen, queue: str) -> bool:
        """Return whether pods are ready of which the store has heard nothing."""
        sample = self._samples().get(queue)
        return bool(deployment.ready and sample is not None and not sample.workers)

    def _listen(self, queue: str, deployment: DeploymentSeen, now_s: float) -> Verdict:
        """Judge pods that are all ready: if the store hears of none they do no work."""
        crew = self._crew(queue)
        if not self._are_strangers(deployment, queue):
            crew.silent_s = 0.0
            return FINE
        crew.silent_s = crew.silent_s or now_s
        if now_s - crew.silent_s < SILENT_S:
            return FINE
        sentence = (
            f"{deployment.ready} pods are ready, and Redis has heard of none of them for"
            f" {SILENT_S:g} s: they use another Redis, another password or another queue. See their"
            f" logs; kubectl rollout restart deployment/{deployment.key.name} gives them new ones."
        )
        return Verdict("WorkersSilent", sentence, is_stuck=True)

    def _send(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _judge(self, queue: str, deployment: DeploymentSeen) -> None:
        path = f"/api/v1/namespaces/{deployment.key.namespace}/pods"
        try:
            pods = [p async for p in self._kube.items(path, labelSelector=deployment.selector)]
        except KubeFault:
            return  # what was known stays; whoever watches says that the API server is away
        self._crew(queue).verdict = judge(pods, self._now_s(), self._patience_s)

    def _tidy(self, queue: str, standing: Standing) -> None:
        """See to the pods of workers that were told to go, and of those that were taken back.

        The ReplicaSet may have kept one of the former: its pod is deleted, again and again until
        the worker is gone, for nobody would ever give it a job again.
        """
        crew, sample = self._crew(queue), self._samples().get(queue)
        if not crew.marked or sample is None:
            return
        states = {self._pod(standing, worker.id): worker.state for worker in sample.workers}
        now_s, namespace = self._now_s(), standing.target.namespace
        for pod, told_s in list(crew.marked.items()):
            state = states.get(pod)
            if state is None:
                del crew.marked[pod]
            elif state in (WorkerState.STARTING, WorkerState.WORKING):
                del crew.marked[pod]
                self._send(self._unmark(namespace, pod))
            elif state is WorkerState.DRAINED and now_s - told_s >= LINGERS_S:
                crew.marked[pod] = now_s
                self._send(self._delete(namespace, pod))

    async def _delete(self, namespace: str, pod: str) -> None:
        with suppress(KubeFault, NotLeading):  # it is tried again
            self._leader.check()
            await self._kube.delete(f"/api/v1/namespaces/{namespace}/pods/{pod}")

    async def _unmark(self, namespace: str, pod: str) -> None:
        with suppress(KubeFault, NotLeading):  # at worst an idle one is preferred to it later
            await self._annotate(namespace, pod, None)

    def _compare(self, queue: str, deployment: DeploymentSeen) -> None:
        """Say so, once a minute and writer, when somebody else has changed the number."""
        crew, scaler = self._crew(queue), deployment.scaler
        is_ours = crew.written in (-1, deployment.replicas) or scaler == SCALE_MANAGER
        if not is_ours and self._now_s() - crew.told_s.get(scaler, 0.0) >= TOLD_EVERY_S:
            crew.told_s = {scaler: self._now_s()}
            sentence = (
                f"{scaler or 'Somebody'} changed the replicas of Deployment"
                f" {deployment.key.name} from {crew.written} to {deployment.replicas}."
            )
            self.drifted(queue, sentence)
        crew.written = deployment.replicas

    def _pod(self, standing: Standing, worker: str) -> str:
        """Return the pod of a worker: its id, or its host where somebody else chose the id."""
        sample = self._samples().get(standing.declared.queue)
        if standing.is_foreign and sample is not None:
            hosts = {seen.id: seen.host for seen in sample.workers}
            return hosts.get(worker) or worker
        return worker

    # ── writing ──

    async def _mark(self, namespace: str, pod: str) -> None:
        """Have the ReplicaSet take this pod before others; raise `KubeFault` when there is none."""
        try:
            async with self._gate:
                await self._annotate(namespace, pod, "-100")
        except KubeFault as fault:
            if fault.status != NOT_FOUND:
                raise
            # A pod that is gone is out of the next sample; one of another name never was ours.
            message = (
                f"The worker that may go has no pod {pod}, so another would be taken."
                " Set HEADPOND_WORKER_ID from metadata.name in the pod's template."
            )
            raise KubeFault(NOT_FOUND, fault.reason, message) from fault

    async def _annotate(self, namespace: str, pod: str, cost: str | None) -> None:
        self._leader.check()
        body = {"metadata": {"annotations": {DELETION_COST: cost}}}
        await self._kube.patch(f"/api/v1/namespaces/{namespace}/pods/{pod}", body)

    async def _write(self, deployment: DeploymentSeen, replicas: int) -> int:
        """Apply `/scale` at the version that was seen; a newer one is read and tried again."""
        key = deployment.key
        path = f"/apis/apps/v1/namespaces/{key.namespace}/deployments/{key.name}"
        version = deployment.version
        for left in reversed(range(TRIES)):
            self._leader.check()
            try:
                scale = await self._kube.apply(
                    f"{path}/scale", scale_body(key, replicas, version), SCALE_MANAGER
                )
            except KubeFault as fault:
                if fault.status != CONFLICT or not left:
                    raise
                now = await self._kube.get(f"{path}/scale")
                version = version_of(now)
            else:
                return version_of(scale)
        raise AssertionError  # the loop returns or raises
