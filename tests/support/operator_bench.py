"""What the operator's benchmarks stand on: a namespace, an operator, and what the API server tells.

The operator is a process of this machine, so that its time and memory are read where they are. Only
scripts of `benchmarks/` can import this.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.request import urlopen

import redis

from harness import slow
from idle_pods import PAUSE
from kube_cluster import NotHere, apply_crds, ensure_cluster, load_images
from kube_objects import objects_of
from operator_process import OperatorProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from harness.lab import Lab
    from kube_cluster import Cluster, Kube
    from kube_objects import Objects

HOMELESS: Final = {"image": PAUSE, "nodeSelector": {"headpond.dev/bench": "nowhere"}}
"""Workers that fit no node: any number of them costs little."""
LONGEST_LINE: Final = 2**22
WATCHED_FOR_S: Final = 86_400
REDIS_PORT: Final = 6379
READY_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Stand:
    """A namespace of the cluster that tests and benchmarks share; it goes with the benchmark."""

    cluster: Cluster
    kube: Kube
    objects: Objects
    folder: Path

    @contextmanager
    def operator(
        self, redis_url: str, kubeconfig: Path | None = None, **own: str
    ) -> Iterator[OperatorProcess]:
        """Run an operator that serves this namespace."""
        where = kubeconfig or self.kube.kubeconfig
        process = OperatorProcess(self.folder, "operator", where, self.kube.name, redis_url, own)
        process.start()
        try:
            yield process
        except BaseException:
            sys.stderr.write(process.last_words() + "\n")
            raise
        finally:
            process.kill()

    def declare(self, *names: str, **spec: Any) -> None:
        """Apply QueueConfigs of this spec."""
        self.kube.apply(*(queueconfig(name, spec) for name in names))

    def deployments(self) -> str:
        """Return the path of its Deployments."""
        return f"/apis/apps/v1/namespaces/{self.kube.name}/deployments"

    def pods(self) -> str:
        """Return the path of its pods."""
        return f"/api/v1/namespaces/{self.kube.name}/pods"


@contextmanager
def stand(lab: Lab) -> Iterator[Stand]:
    """Give a place in a cluster, or end the process with the reason why there is none."""
    try:
        cluster = ensure_cluster()
    except NotHere as reason:
        sys.exit(f"This benchmark needs a Kubernetes: {reason}")
    apply_crds(cluster)
    version = cluster.json("version")["serverVersion"]["gitVersion"]
    lab.versions["Kubernetes"] = version.removeprefix("v")
    with (
        tempfile.TemporaryDirectory(prefix="headpond-") as folder,
        cluster.namespace() as kube,
        objects_of(kube.kubeconfig, kube.name) as objects,
    ):
        yield Stand(cluster, kube, objects, Path(folder))


def queueconfig(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a QueueConfig."""
    return {
        "apiVersion": "headpond.dev/v1alpha1",
        "kind": "QueueConfig",
        "metadata": {"name": name},
        "spec": dict(spec),
    }


# ── what the API server tells ──


@asynccontextmanager
async def following(
    kube: Kube, path: str, take: Callable[[str, dict[str, Any], float], None]
) -> AsyncIterator[None]:
    """Give `take` each word of a watch: its type, the object, and when it came (Unix time)."""
    process = await asyncio.create_subprocess_exec(
        "kubectl",
        "get",
        "--raw",
        f"{path}?watch=true&timeoutSeconds={WATCHED_FOR_S}",
        env=kube.environment,
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
    )

    async def read() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            came_s = time.time()
            event = json.loads(line)
            take(event["type"], event["object"], came_s)

    reading = asyncio.create_task(read())
    try:
        yield
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        process.kill()
        await process.wait()


class Scales:
    """The number of each Deployment: now, what there is of it, and the moments of its changes."""

    def __init__(self) -> None:
        """Know nothing yet; `take` is for `following`."""
        self.wanted: dict[str, int] = {}
        self.there: dict[str, int] = {}
        """Pods that have not gone yet."""
        self.ready: dict[str, int] = {}
        self.moves: dict[str, list[tuple[float, int]]] = {}
        """When another number was seen, and which."""

    def take(self, kind: str, body: dict[str, Any], came_s: float) -> None:
        """Hear of a Deployment."""
        name, wanted = body["metadata"]["name"], int(body["spec"].get("replicas", 0))
        if kind == "DELETED":
            self.wanted.pop(name, None)
            return
        if self.wanted.get(name) != wanted:
            self.moves.setdefault(name, []).append((came_s, wanted))
        self.wanted[name] = wanted
        status = body.get("status") or {}
        self.there[name] = int(status.get("replicas", 0))
        self.ready[name] = int(status.get("readyReplicas", 0))

    def is_empty(self, name: str) -> bool:
        """Whether the number is zero and no pod is left."""
        return self.wanted.get(name) == 0 and not self.there[name]


def rounds(port: int) -> float:
    """Return how often the operator has looked at all queues, by its metrics."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return float(re.findall(r"^headpond_governor_tick_seconds_count (\S+)$", text, re.MULTILINE)[0])


# ── real workers: a Redis that pods can reach, an image, and the app in a ConfigMap ──


@dataclass(frozen=True, slots=True)
class Yard:
    """What real workers need."""

    redis_url: str
    """From this machine."""
    worker: Mapping[str, Any]
    """`spec.worker` of a QueueConfig whose pods run `harness.slow`."""


def yard(place: Stand) -> Yard:
    """Bring a Redis and the images into the cluster."""
    images = load_images(place.cluster)
    source = Path(slow.__file__).read_text("utf-8")
    place.kube.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "apps"},
            "data": {"slow.py": source},
        },
        _redis_pod(images["redis"]),
        _redis_service(),
    )
    place.kube.wait("condition=Ready", "pod/redis", within_s=120)
    url = _redis_url(place)
    _await_answer(url)
    return Yard(url, _worker(images["worker"], place.kube.name))


def _await_answer(url: str) -> None:
    """Return when the node's port leads to the pod, which is a little later than it is ready."""
    deadline_s = time.monotonic() + READY_WITHIN_S
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.1)
            else:
                return


def _worker(image: str, namespace: str) -> dict[str, Any]:
    mount = {"name": "apps", "mountPath": "/srv/apps", "readOnly": True}
    return {
        "image": image,
        "apps": ["slow"],
        "env": [
            {"name": "HEADPOND_REDIS_URL", "value": f"redis://redis.{namespace}:{REDIS_PORT}/0"}
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        "podTemplate": {
            "spec": {
                "containers": [{"name": "worker", "volumeMounts": [mount]}],
                "volumes": [{"name": "apps", "configMap": {"name": "apps"}}],
            }
        },
    }


def _redis_pod(image: str) -> dict[str, Any]:
    options = {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "protected-mode": "no",
    }
    container = {
        "name": "redis",
        "image": image,
        "args": [word for name, value in options.items() for word in (f"--{name}", value)],
        "readinessProbe": {"tcpSocket": {"port": REDIS_PORT}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "redis", "labels": {"app": "redis"}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }


def _redis_service() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "redis"},
        "spec": {
            "type": "NodePort",
            "selector": {"app": "redis"},
            "ports": [{"port": REDIS_PORT}],
        },
    }


def _redis_url(place: Stand) -> str:
    """Return the address by the node's port."""
    (node, *_) = place.cluster.json("get", "nodes")
    addresses = {each["type"]: each["address"] for each in node["status"]["addresses"]}
    (port,) = place.kube.json("get", "service", "redis")["spec"]["ports"]
    return f"redis://{addresses['InternalIP']}:{port['nodePort']}/0"
