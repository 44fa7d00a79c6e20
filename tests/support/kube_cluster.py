"""A real Kubernetes for tests and benchmarks, by the scripts of `tests/cluster`.

    cluster = ensure_cluster("bench")
    images = load_images(cluster)
    with cluster.namespace() as kube:
        kube.apply(document)
        kube.json("get", "pods")

Nothing here knows pytest; the fixtures are in `kube_fixtures`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SCRIPTS: Final = ROOT / "tests" / "cluster"
CHART: Final = ROOT / "charts" / "headpond"
NAME: Final = "headpond-test"
"""The cluster that the tiers share."""

PREPARED_WITHIN_S: Final = 1800
"""Building Kubernetes takes a third of it; a machine does so once, where no registry answers."""
ENDED_WITHIN_S: Final = 600
"""Any command; those that wait say themselves how long."""
LACKS: Final = 3
"""What the scripts exit with when the machine lacks something (tests/cluster/common)."""
FORWARDING: Final = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) ->")


class NotHere(Exception):  # noqa: N818 (no fault: the machine is as it is)
    """This machine can't have a cluster; the sentence says why and what would help."""


class Refused(Exception):  # noqa: N818 (it may be what a test wants)
    """A command ended with a fault; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Kube:
    """One namespace of a cluster, or the cluster as a whole when `name` is empty."""

    kubeconfig: Path
    programs: Path
    """The folder of kind, kubectl and helm."""
    name: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs that speaks to this cluster."""
        path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "KUBECONFIG": str(self.kubeconfig)}

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """Return what kubectl prints; raise `Refused` with what it says instead."""
        return self._run("kubectl", words, stdin)

    def helm(self, *words: str) -> str:
        """Return what helm prints; raise `Refused` with what it says instead."""
        return self._run("helm", words, None)

    def json(self, *words: str) -> Any:
        """Return what kubectl prints as JSON: an object, or a list's `items`."""
        answer = json.loads(self.kubectl(*words, "--output=json"))
        return answer["items"] if str(answer.get("kind", "")).endswith("List") else answer

    def apply(self, *documents: Mapping[str, Any]) -> None:
        """Apply documents, by the server, as `kubectl apply` does."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        self.kubectl("apply", "--server-side", "--filename=-", stdin=json.dumps(listed))

    def wait(self, condition: str, *objects: str, within_s: float = 60) -> None:
        """Return when the objects have the condition (`condition=Ready`, `delete`, …)."""
        self.kubectl("wait", f"--for={condition}", f"--timeout={within_s:g}s", *objects)

    @contextlib.contextmanager
    def forward(self, target: str, port: int) -> Iterator[int]:
        """Give the local port that leads to `port` of a `pod/…`, `svc/…` or `deploy/…`."""
        words = ["port-forward", "--address=127.0.0.1", target, f":{port}"]
        process = subprocess.Popen(
            ["kubectl", *self._here("kubectl"), *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        with process.stdout:
            try:
                line = process.stdout.readline()
                found = FORWARDING.match(line)
                if found is None:
                    message = f"kubectl can't forward {target}: {line}{process.stdout.read()}"
                    raise Refused(message)
                yield int(found[1])
            finally:
                process.terminate()
                process.wait()

    def _here(self, program: str) -> list[str]:
        # kubectl in a container of the cluster would take the pod's namespace instead.
        return [f"--namespace={self.name}"] if self.name and program in {"kubectl", "helm"} else []

    def _run(self, program: str, words: Sequence[str], stdin: str | None) -> str:
        command = [program, *self._here(program), *words]
        try:
            answer = subprocess.run(
                command,
                env=self.environment,
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                text=True,
                check=True,
                timeout=ENDED_WITHIN_S,
            )
        except subprocess.CalledProcessError as error:
            said = error.stderr.strip() or error.stdout.strip()
            message = f"{' '.join(command)}: {said}"
            raise Refused(message) from None
        return answer.stdout


@dataclass(frozen=True, slots=True)
class Cluster(Kube):
    """A kind cluster; `name` is empty, so what it is asked is asked of all namespaces' default."""

    kind_name: str = NAME

    @classmethod
    def of(cls, lines: str, kind_name: str, kubeconfig: Path | None = None) -> Self:
        """Read the lines that the scripts print for `eval`."""
        words = dict(word.split("=", 1) for word in lines.split() if "=" in word)
        programs = Path(words["PATH"].partition(os.pathsep)[0])
        return cls(
            kubeconfig=kubeconfig or Path(words["KUBECONFIG"]),
            programs=programs,
            kind_name=kind_name,
        )

    @contextlib.contextmanager
    def namespace(self, labels: Mapping[str, str] | None = None) -> Iterator[Kube]:
        """Give a namespace of one's own; it goes afterwards, and nobody waits for that."""
        name = f"t-{uuid.uuid4().hex[:10]}"
        metadata = {"name": name, "labels": dict(labels or {})}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        try:
            yield Kube(self.kubeconfig, self.programs, name)
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def script(name: str, *words: str) -> str:
    """Run one of `tests/cluster`; raise `NotHere` when the machine lacks what it needs."""
    command = [str(SCRIPTS / name), *words]
    answer = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PREPARED_WITHIN_S,
    )
    if answer.returncode == LACKS:
        raise NotHere(answer.stderr.strip().rpartition("\n")[2].removeprefix("cluster: "))
    if answer.returncode:
        message = f"tests/cluster/{name} {' '.join(words)}:\n{answer.stderr.strip()}"
        raise Refused(message)
    return answer.stdout


def ensure_cluster(name: str = NAME) -> Cluster:
    """Start the cluster, or find it there; its node is ready."""
    return Cluster.of(script("up", name), name)


def delete_cluster(name: str = NAME) -> None:
    """Delete it, if it is there."""
    script("down", name)


def load_images(cluster: Cluster, tag: str = "test") -> dict[str, str]:
    """Build the images, load them into the cluster; return `redis`, `api`, … → name with tag."""
    names = script("images", "--tag", tag, "--cluster", cluster.kind_name).split()
    return {re.sub(r"^headpond-|:.*$", "", name): name for name in names}


def apply_crds(cluster: Cluster) -> None:
    """Bring the chart's custom resources into the cluster, and wait until it serves them."""
    folder = CHART / "crds"
    cluster.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={folder}")
    # A kind that is quite new has no conditions yet, and kubectl takes that for a fault.
    cluster.wait("jsonpath={.status.acceptedNames.kind}=QueueConfig", f"--filename={folder}")
    cluster.wait("condition=Established", f"--filename={folder}")
