"""The API server away, cut off, deaf or contended: nothing is missed, and nobody is restarted."""

from __future__ import annotations

import subprocess
import threading
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from kube_objects import Objects, Refused, objects_of
from operator_account import kubeconfig_of
from operator_ground import HOMELESS, TEN
from tcp_proxy import TcpProxy
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from typing import Any

    from kube_cluster import Cluster
    from operator_ground import Ground, Queue

KNOWN_WITHIN_S = 30.0
"""The bar: from the API server's return to the latest missed change."""


@contextmanager
def others_at_work(ground: Ground, name: str) -> Iterator[Callable[[], int]]:
    """Have somebody change a Deployment's labels all the time; give how often that was."""
    stop, count = threading.Event(), 0

    def change(objects: Objects) -> None:
        nonlocal count
        while not stop.is_set():
            labels = {"example.test/count": str(count)}
            objects.merge("deployments", name, {"metadata": {"labels": labels}})
            count += 1

    with objects_of(ground.kube.kubeconfig, ground.kube.name) as objects:
        thread = threading.Thread(target=change, args=[objects])
        thread.start()
        try:
            yield lambda: count
        finally:
            stop.set()
            thread.join()


async def test_a_deployment_that_others_write_too_is_scaled(served: Ground) -> None:
    """A newer version of it is read and tried again, however often somebody is quicker."""
    async with served.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        await queue.served()
        with others_at_work(served, queue.workers) as count:
            await queue.until(lambda: count() > 10)
            began = count()
            await queue.enqueue(60)
            await queue.scaled(6, within_s=10)
            queue.amend({"scaling": {"max": 7}, "pause": "Drain"})
            await queue.scaled(0, within_s=10)
            assert count() > began
        assert "example.test/count" in (queue.deployment or {})["metadata"]["labels"]


@asynccontextmanager
async def behind_a_proxy(ground: Ground) -> AsyncIterator[TcpProxy]:
    """Have the ground's operator reach the API server through a proxy."""
    with objects_of(ground.kube.kubeconfig, ground.kube.name) as objects:
        port = urlsplit(objects.server).port
    assert port
    async with TcpProxy(port).open() as proxy:
        through = kubeconfig_of(ground.kube, ground.folder, f"https://127.0.0.1:{proxy.port}")
        operator = ground.operator(KUBECONFIG=str(through))
        await operator.leads()
        yield proxy
        operator.kill()


@pytest.mark.timeout(180)
async def test_what_happens_while_no_connection_holds_is_known_soon(ground: Ground) -> None:
    """Cut watches are opened again, a silent one is not believed, and lists find what is gone."""
    async with (
        behind_a_proxy(ground) as proxy,
        ground.queue({"jobs": TEN, "worker": HOMELESS}) as queue,
        ground.queue({"worker": HOMELESS}) as doomed,
    ):
        await queue.served()
        await doomed.served()
        (operator,) = ground.operators
        pid = operator.pid
        proxy.cut_all()
        await queue.enqueue(20)
        await queue.scaled(2)
        proxy.refuses = True
        proxy.cut_all()
        ground.objects.delete("queueconfigs", doomed.name)
        queue.amend({"scaling": {"min": 3}})
        async with ground.queue({"jobs": TEN, "worker": HOMELESS}) as born:
            proxy.refuses = False
            await born.served()
            await queue.scaled(3, within_s=KNOWN_WITHIN_S)
            await operator.says(f"queue {doomed.name} is declared no more")
            for link in proxy.links:
                link.is_deaf = True
            born.amend({"scaling": {"min": 1}})
            await born.scaled(1, within_s=KNOWN_WITHIN_S)
        assert operator.pid == pid


@pytest.mark.timeout(180)
async def test_an_api_server_that_is_killed_is_waited_for(crds: Cluster, own: Ground) -> None:
    """What was decided meanwhile is written when kubelet has started it again."""
    spec = {"jobs": TEN, "worker": HOMELESS}
    async with own.queue(spec) as queue, own.queue({"worker": HOMELESS}) as other:
        await queue.served()
        await other.served()
        (operator,) = own.operators
        pid = operator.pid
        node = f"{crds.kind_name}-control-plane"
        before = api_server(node)
        assert not in_node(node, f"kill -9 {before}")
        await queue.enqueue(50)
        await until(lambda: api_server(node) not in ("", before), 60)
        await until(lambda: answers(queue), 60)
        await until(lambda: amended(other, {"scaling": {"min": 2}}), 20)
        await queue.scaled(5, within_s=KNOWN_WITHIN_S)
        await other.scaled(2, within_s=KNOWN_WITHIN_S)
        assert operator.pid == pid
        await queue.says("Ready", "True", "Serving")


@pytest.fixture
def own(ground: Ground) -> Ground:
    """Give a ground with an operator that sees its API server die."""
    ground.operator()
    return ground


def api_server(node: str) -> str:
    """Return the process id of the API server in its node, `""` while there is none."""
    return in_node(node, "pgrep -x kube-apiserver")


def in_node(node: str, command: str) -> str:
    """Run a command in a node's container; return what it prints."""
    words = ["docker", "exec", node, "sh", "-c", command]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def answers(queue: Queue) -> bool:
    """Return whether the API server can be asked."""
    with suppress(Exception):
        return queue.config is not None
    return False


def amended(queue: Queue, spec: dict[str, Any]) -> bool:
    """Return whether a change was taken: an API server that has just started refuses some."""
    with suppress(Refused):
        queue.amend(spec)
        return True
    return False
