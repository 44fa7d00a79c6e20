"""Headpond, installed by its chart: what a user of a cluster does with it, as methods.

release = Release(kube, images, node)
release.install()
release.declare(a_queue())
with release.api() as api:
    api.send("outside", 1000)
"""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx

from kube_cluster import CHART
from tree import ROOT
from until import until_seen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kube_cluster import Kube

VALUES: Final = ROOT / "tests" / "e2e" / "values.yaml"
NAME: Final = "headpond"
QUEUE: Final = "attendance"
WORKERS: Final = f"deployment/{QUEUE}-worker"
REDIS: Final = f"statefulset/{NAME}-redis"
OPERATOR: Final = "app.kubernetes.io/component=operator"

READY_WITHIN_S: Final = 120
"""The bar is 60 s; a machine that does something else besides gets twice that."""
PAGE: Final = 500
SOURCES: Final = ROOT / "tests" / "e2e" / "inside"
"""What runs in pods: Python's own library is all that they have."""
ROWS: Final = {"name": "rows", "persistentVolumeClaim": {"claimName": "rows"}}
MOUNTED: Final = {"name": "rows", "mountPath": "/rows"}


def a_queue(*, work_ms: int = 200, **scaling: Any) -> dict[str, Any]:
    """Return the QueueConfig `attendance`: ten jobs at once in a worker, four workers at most."""
    quick = {"min": 0, "max": 4, "target": {"wait": "5s"}, "idleAfter": "5s"}
    return {
        "apiVersion": "headpond.dev/v1alpha1",
        "kind": "QueueConfig",
        "metadata": {"name": QUEUE},
        "spec": {
            "jobs": {
                "concurrency": 10,
                "timeout": "30s",
                "retention": {"completed": {"count": 5000}},
            },
            "scaling": {**quick, "scaleDown": {"stabilization": "5s"}, **scaling},
            "worker": {
                "apps": ["headpond_school"],
                "env": [
                    {"name": "HEADPOND_SCHOOL_WORK_MS", "value": str(work_ms)},
                    {"name": "HEADPOND_DATABASE_URL", "value": "sqlite:////rows/attendance.db"},
                ],
                "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}},
                # All pods of one node can write into one SQLite.
                "podTemplate": {
                    "spec": {
                        "containers": [{"name": "worker", "volumeMounts": [MOUNTED]}],
                        "volumes": [ROWS],
                    }
                },
            },
        },
    }


class Api:
    """The API as somebody outside of the cluster sees it."""

    def __init__(self, port: int, key: str) -> None:
        """Speak to the local port."""
        headers = {"Authorization": f"Bearer {key}"}
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60
        )

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def get(self, path: str, **query: Any) -> Any:
        """Return what the API answers."""
        answer = self._client.get(f"/api/v1{path}", params=query)
        answer.raise_for_status()
        return answer.json()

    def send(self, name: str, count: int) -> None:
        """Send jobs `name-0`, `name-1`, … in bulks of 500."""
        for first in range(0, count, PAGE):
            numbers = range(first, min(first + PAGE, count))
            jobs = [a_job(f"{name}-{number}") for number in numbers]
            answer = self._client.post(f"/api/v1/queues/{QUEUE}/jobs/bulk", json={"jobs": jobs})
            assert answer.status_code == httpx.codes.ACCEPTED, answer.text
            assert answer.json()["created"] == len(jobs)

    def stats(self) -> dict[str, int]:
        """Return the queue's counts."""
        found: dict[str, int] = self.get(f"/queues/stats/{QUEUE}")
        return found

    def jobs(self, **query: Any) -> list[dict[str, Any]]:
        """Return all jobs that the filters let through, page after page."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.get("/jobs", queue=QUEUE, limit=PAGE, **query, **cursor)
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}


def a_job(job_id: str) -> dict[str, Any]:
    """Return a mark of a student who is called as the job."""
    payload = {
        "tenantId": "greenfield",
        "institutionId": "north",
        "studentId": job_id,
        "date": "2026-11-23",
        "status": "present",
    }
    return {"type": "mark-attendance", "job_id": job_id, "tenant": "greenfield", "payload": payload}


@dataclass(frozen=True, slots=True)
class Release:
    """A release of the chart in a namespace of its own."""

    kube: Kube
    images: Mapping[str, str]
    node: str
    """The container that is the cluster's node."""

    def install(self, *words: str) -> float:
        """Install, wait until everything is ready, and return how many seconds it took."""
        began_s = time.monotonic()
        wait = ["--wait", f"--timeout={READY_WITHIN_S}s"]
        self.kube.helm("install", NAME, str(CHART), "--values", str(VALUES), *wait, *words)
        return time.monotonic() - began_s

    def declare(self, queue: Mapping[str, Any]) -> None:
        """Apply a QueueConfig, with a volume for the rows; wait until the operator serves it."""
        if not self.kube.json("get", "persistentvolumeclaims", "--selector=rows=true"):
            self._make_rows()
        self.kube.apply(queue)
        self.kube.wait("condition=Ready", f"queueconfig/{QUEUE}", within_s=20)

    @contextlib.contextmanager
    def api(self) -> Iterator[Api]:
        """Give the API, by a port-forward and with the key that the chart made."""
        secret = self.kube.json("get", "secret", f"{NAME}-api-key")["data"]["api-key"]
        with self.kube.forward(f"service/{NAME}-api", 80) as port:
            api = Api(port, base64.b64decode(secret).decode())
            try:
                yield api
            finally:
                api.close()

    def send_inside(self, name: str, count: int) -> None:
        """Send jobs from a pod, by the Service's name, half of them at the school's own route."""
        address = {"name": "ADDRESS", "value": f"http://{NAME}-api"}
        source = {"secretKeyRef": {"name": f"{NAME}-api-key", "key": "api-key"}}
        self.run("sender", [name, str(count)], env=[address, {"name": "KEY", "valueFrom": source}])

    def rows(self) -> list[tuple[str, str]]:
        """Return student and job of each row that the workers wrote."""
        text = self.run("reader", [], user=10001, volumeMounts=[MOUNTED])
        return [(row[0], row[1]) for row in json.loads(text)]

    def queueconfig(self) -> dict[str, Any]:
        """Return the QueueConfig as it is in the cluster."""
        found: dict[str, Any] = self.kube.json("get", "queueconfig", QUEUE)
        return found

    def condition(self, kind: str) -> tuple[str, str]:
        """Return status and reason of a condition."""
        for each in self.queueconfig().get("status", {}).get("conditions", []):
            if each["type"] == kind:
                return each["status"], each["reason"]
        return "", ""

    def replicas(self) -> int:
        """Return how many workers the Deployment is to have."""
        return int(self.kube.kubectl("get", WORKERS, "--output=jsonpath={.spec.replicas}"))

    def ready(self) -> int:
        """Return how many workers are ready."""
        text = self.kube.kubectl("get", WORKERS, "--output=jsonpath={.status.readyReplicas}")
        return int(text or 0)

    def events(self) -> list[dict[str, Any]]:
        """Return what was posted about the QueueConfig, the oldest first."""
        about = "--field-selector=involvedObject.kind=QueueConfig"
        found = self.kube.json("get", "events", about)
        return sorted(found, key=lambda event: str(event["metadata"]["creationTimestamp"]))

    def operators(self) -> list[str]:
        """Return the operator's pods that are ready."""
        pods = self.kube.json("get", "pods", f"--selector={OPERATOR}")
        return [pod["metadata"]["name"] for pod in pods if _is_ready(pod)]

    def kill(self, *pods: str) -> None:
        """Send SIGKILL to the operators in these pods, all at once.

        `kubectl delete --force` would let them take leave; so it is done on the node.
        """
        mine = f"^HEADPOND_IDENTITY=({'|'.join(pods)})$"
        kill = f"kill -9 $(grep -lzE '{mine}' /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3)"
        subprocess.run(["docker", "exec", self.node, "sh", "-c", kill], check=True, timeout=20)

    def leader(self) -> str:
        """Return the operator's pod that holds the Lease, under a name that begins with its own."""
        held = "--output=jsonpath={.spec.holderIdentity}"
        holder = self.kube.kubectl("get", "lease", "headpond-operator", held)
        found: str = until_seen(
            lambda: next((pod for pod in self.operators() if holder.startswith(pod)), ""),
            20,
            f"{holder} is a pod that is ready",
        )
        return found

    @contextlib.contextmanager
    def watched(self) -> Iterator[list[int]]:
        """Give the numbers of workers asked for, one after the other, while they are written."""
        seen: list[int] = []
        begun = threading.Event()
        numbers = r"--output=jsonpath={.spec.replicas}{'\n'}"
        process = subprocess.Popen(
            ["kubectl", f"--namespace={self.kube.name}", "get", WORKERS, "--watch", numbers],
            env=self.kube.environment,
            stdout=subprocess.PIPE,
            text=True,
        )

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                number = int(line)
                if seen[-1:] != [number]:
                    seen.append(number)
                begun.set()

        reader = threading.Thread(target=read)
        reader.start()
        try:
            assert begun.wait(20), "the watch does not begin"
            yield seen
        finally:
            process.terminate()
            process.wait()
            reader.join()
            if process.stdout is not None:
                process.stdout.close()

    def run(self, name: str, words: list[str], user: int = 10001, **container: Any) -> str:
        """Run a program of `tests/e2e/inside` in a pod, and return what it prints."""
        code = (SOURCES / f"{name}.py").read_text("utf-8")
        mounts = container.get("volumeMounts")
        main = {
            "name": "main",
            "image": self.images["worker"],
            "imagePullPolicy": "Never",
            "command": ["python", "-c", code, *words],
            **container,
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": 0,
                "securityContext": {"runAsUser": user, "runAsNonRoot": user != 0},
                "containers": [main],
                "volumes": [ROWS] if mounts else [],
            },
        }
        self.kube.apply(pod)
        phase = until_seen(
            lambda: self._phase(name) in {"Succeeded", "Failed"} and self._phase(name),
            60,
            f"pod {name} ends",
        )
        said = self.kube.kubectl("logs", name)
        assert phase == "Succeeded", said
        self.kube.kubectl("delete", "pod", name, "--now")
        return said

    def _phase(self, pod: str) -> str:
        return self.kube.kubectl("get", "pod", pod, "--output=jsonpath={.status.phase}")

    def _make_rows(self) -> None:
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "rows", "labels": {"rows": "true"}},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "100Mi"}},
            },
        }
        self.kube.apply(claim)
        # A folder of the node is root's at first.
        self.run("opener", [], user=0, volumeMounts=[MOUNTED])


def _is_ready(pod: Mapping[str, Any]) -> bool:
    if "deletionTimestamp" in pod["metadata"]:
        return False
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
