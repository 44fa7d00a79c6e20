"""What an operator costs that serves 1,000 queues and looks at each of them every second.

Needs a Kubernetes (kind). 990 queues are empty and without workers; ten have a worker and get 20
jobs each second, which this script ends in a worker's name a second later: their figures change all
the time, their number of workers does not, because a write of it is what the benchmark `wake` is
about. Measured over a minute from /proc; the API server counts the operator's requests itself, by a
FlowSchema of its own. KEDA 2.21 was measured on such a cluster with 200 empty queues polled each
second: operator and metrics adapter, one connection to Redis for each queue.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil
import yaml

sys.path.insert(0, str(Path(__file__).parent / "support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from harness.command import Benchmark, main
from harness.rows import Bar, Row
from headpond.envelope import Outcome, pack
from headpond.jobs import Done, JobId, NewJob
from headpond.ports import WorkerBeat
from headpond.queues import WorkerState
from headpond.redis import RedisQueueStore
from idle_pods import SITTING
from operator_bench import rounds, stand
from redis_server import free_port
from until import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.lab import Lab
    from operator_bench import Stand

BUSY_PART: Final = 0.01
JOBS: Final = 20
"""For each busy queue in each second."""
MEASURED_S: Final = 60.0
LEAST_ROUNDS: Final = 0.7
"""A second; fewer mean that the machine is too busy for the operator to do its work."""
SETTLED_S: Final = 45.0
"""Statuses of a thousand queues are written two a second where only figures are new, and whole
lists are compared each 20 s: both have begun to be steady by then."""
SERVED_WITHIN_S: Final = 400.0
AT_ONCE: Final = 200
"""QueueConfigs in one `kubectl apply`."""
KEDA_QUEUES: Final = 200
KEDA_MCPU: Final = 76.2 + 2.0
KEDA_MIB: Final = 184 + 106
GOOD: Final = pack(Outcome(started_ms=1, run_us=1000))


# ── a minute of load ──


class Load:
    """Plays the workers of the busy queues, and those who send them jobs."""

    def __init__(self, store: RedisQueueStore, names: list[str]) -> None:
        """Keep these busy."""
        self._store = store
        self._names = names
        self._numbers = itertools.count()

    async def run(self) -> None:
        """Go on for ever: each second all jobs of the last one end, and as many come."""
        for second in itertools.count():
            began_s = time.monotonic()
            await asyncio.gather(*(self._turn(name) for name in self._names))
            if second % 5 == 0:
                await asyncio.to_thread(self._beat)
            await asyncio.sleep(max(0.0, began_s + 1 - time.monotonic()))

    async def _turn(self, name: str) -> None:
        claims = (await self._store.exchange(name, f"{name}-w", [], JOBS)).claims
        jobs = [NewJob(JobId(f"j{next(self._numbers)}"), b"{}") for _ in range(JOBS)]
        await self._store.enqueue(name, jobs)
        ended = [Done(claim.id, claim.fence, GOOD, run_us=1000) for claim in claims]
        await self._store.exchange(name, f"{name}-w", ended, 0)

    def _beat(self) -> None:
        for name in self._names:
            worker = f"{name}-w"
            beat = WorkerBeat(worker, WorkerState.WORKING, slots=JOBS, started_ms=1)
            keeper = self._store.leases(name, worker)
            keeper.renew(beat, [])
            keeper.close()


# ── counting requests where they arrive ──


@contextmanager
def counted(place: Stand) -> Iterator[Path]:
    """Give a kubeconfig of an account whose requests the API server counts apart from all others.

    A FlowSchema may name a single account, and the metrics count what each let through; it is let
    through as any other account's requests are.
    """
    name, account = place.kube.name, "counted"
    subject = {"kind": "ServiceAccount", "name": account, "namespace": name}
    place.kube.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": account},
            "subjects": [subject],
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
        },
        _flow(name, account),
    )
    try:
        token = place.kube.kubectl("create", "token", account, "--duration=4h").strip()
        config = yaml.safe_load(place.kube.kubeconfig.read_text("utf-8"))
        config["users"] = [
            {"name": each["name"], "user": {"token": token}} for each in config["users"]
        ]
        path = place.folder / "counted.kubeconfig"
        path.write_text(yaml.safe_dump(config), "utf-8")
        yield path
    finally:
        place.cluster.kubectl("delete", "flowschema", name, "--ignore-not-found")


def _flow(name: str, account: str) -> dict[str, Any]:
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    return {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": {"name": name},
        "spec": {
            "matchingPrecedence": 500,
            "priorityLevelConfiguration": {"name": "workload-low"},
            "distinguisherMethod": {"type": "ByUser"},
            "rules": [
                {
                    "subjects": [
                        {
                            "kind": "ServiceAccount",
                            "serviceAccount": {"name": account, "namespace": name},
                        }
                    ],
                    "resourceRules": [{**everything, "clusterScope": True, "namespaces": ["*"]}],
                    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
                }
            ],
        },
    }


def requests(place: Stand) -> float:
    """Return how many requests of the account the API server has let through."""
    text = place.cluster.kubectl("get", "--raw", "/metrics")
    line = re.compile(
        r"^apiserver_flowcontrol_dispatched_requests_total"
        rf'\{{flow_schema="{place.kube.name}".*\}} (\S+)$',
        re.MULTILINE,
    )
    return sum(float(found) for found in line.findall(text))


# ── the operator under measurement ──


def declare(place: Stand, names: list[str], busy: list[str]) -> None:
    """Apply all QueueConfigs."""
    jobs = {"concurrency": JOBS}
    place.declare(*busy, jobs=jobs, scaling={"min": 1, "max": 1}, worker=SITTING)
    idle = names[len(busy) :]
    for at in range(0, len(idle), AT_ONCE):
        place.declare(*idle[at : at + AT_ONCE], jobs=jobs, worker=SITTING)


def served(place: Stand) -> int:
    """Return how many QueueConfigs say that they are served."""
    said = [
        (each["type"], each["status"])
        for config in place.objects.all("queueconfigs")
        for each in (config.get("status") or {}).get("conditions") or ()
    ]
    return said.count(("Ready", "True"))


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one operator, over the time measured."""

    mcpu: float
    mib: float
    requests: float
    """A second."""
    connections: int
    """To Redis."""
    rounds: float
    """A second."""


async def cost_of(place: Stand, process: psutil.Process, redis_port: int, port: int) -> Cost:
    """Look at it for a minute; `port` is where it tells its metrics."""
    times, began_s = process.cpu_times(), time.monotonic()
    asked, looked = requests(place), rounds(port)
    await asyncio.sleep(MEASURED_S)
    now, took_s = process.cpu_times(), time.monotonic() - began_s
    spent_s = now.user + now.system - times.user - times.system
    there = process.net_connections("tcp")
    return Cost(
        mcpu=1000 * spent_s / took_s,
        mib=process.memory_info().rss / 2**20,
        requests=(requests(place) - asked) / took_s,
        connections=sum(each.raddr[1:] == (redis_port,) for each in there),  # () while it listens
        rounds=(rounds(port) - looked) / took_s,
    )


async def serve(lab: Lab, place: Stand, redis_url: str, kubeconfig: Path) -> Cost:
    """Have the queues served, and look at what that costs."""
    names = [f"queue-{number:04}" for number in range(lab.options.jobs)]
    busy = names[: max(1, round(len(names) * BUSY_PART))]
    declare(place, names, busy)
    lab.say(f"{len(names):,} QueueConfigs declared, {len(busy)} of them busy")
    store = RedisQueueStore(redis_url)
    await store.start()
    probe_port = free_port()
    own = {"HEADPOND_PROBE_PORT": str(probe_port)}
    with place.operator(redis_url, kubeconfig, **own) as operator:
        began_s = time.monotonic()
        await operator.leads(within_s=120)
        while served(place) < len(names):  # a list of them all is no cheap question
            await asyncio.sleep(3)
            if time.monotonic() - began_s > SERVED_WITHIN_S:
                sys.exit(f"{served(place)} of {len(names)} are served:\n{operator.last_words()}")
        lab.say(f"all are served {time.monotonic() - began_s:.0f} s after the operator's start")
        load = asyncio.create_task(Load(store, busy).run())
        await until(lambda: _sitting(place) == len(busy), 120)
        await asyncio.sleep(SETTLED_S)
        port = int(redis_url.rpartition(":")[2].partition("/")[0])
        found = await cost_of(place, psutil.Process(operator.pid), port, probe_port)
        lab.say(str(found))
        if found.rounds < LEAST_ROUNDS:
            sys.exit(f"Only {found.rounds:.2f} rounds a second: the machine is too busy.")
        if load.done():
            load.result()
        load.cancel()
    await store.close()
    return found


def _sitting(place: Stand) -> int:
    pods = place.objects.all("pods")
    return sum((pod.get("status") or {}).get("phase") == "Running" for pod in pods)


def measure(lab: Lab) -> list[Row]:
    """Look at one operator."""
    with lab.bench("ours") as bench, stand(lab) as place, counted(place) as kubeconfig:
        found = asyncio.run(serve(lab, place, bench.redis.url, kubeconfig))
    at = f"thousand_queues: {lab.options.jobs:,} queues"
    beside = f"; KEDA 2.21 at {KEDA_QUEUES}"
    return [
        Row(f"{at}, mCPU{beside}", [found.mcpu], [KEDA_MCPU], Bar("ours", "<=", 100)),
        Row(f"{at}, MiB resident{beside}", [found.mib], [KEDA_MIB], Bar("ours", "<=", 256)),
        Row(f"{at}, requests/s to the API server", [found.requests], [], Bar("ours", "<=", 5)),
        Row(
            f"{at}, connections to Redis{beside}",
            [found.connections],
            [KEDA_QUEUES],
            Bar("ours", "<=", 10),
        ),
    ]


if __name__ == "__main__":
    benchmark = Benchmark(
        "thousand_queues", __doc__, 1000, measure, runs=1, least=20, counts="queues"
    )
    sys.exit(main(benchmark))
