"""What kubelet and Prometheus hear of an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operator_account import kubeconfig_of
from operator_ground import HOMELESS, TEN
from redis_server import free_port
from until import until

if TYPE_CHECKING:
    from operator_ground import Ground


async def test_an_operator_at_work(served: Ground) -> None:
    """It lives, is ready, and its metrics tell of each queue."""
    (operator,) = served.operators
    await operator.ready()
    assert operator.probe("/livez")[0] == 200
    async with served.queue({"jobs": TEN, "worker": HOMELESS}) as queue:
        await queue.served()
        await queue.enqueue(20)
        await queue.scaled(2)
        series = f'headpond_scaling_desired_replicas{{queue="{queue.name}"}}'
        await queue.until(lambda: operator.figure(series) == 2)
        assert operator.figure("headpond_operator_leading") == 1
        assert operator.figure("headpond_store_up") == 1
        assert operator.figure('headpond_scaling_decisions_total{rule="demand"}')
        served.objects.delete("queueconfigs", queue.name)
        await queue.ground.operators[0].says(f"queue {queue.name} is declared no more")
        await until(lambda: operator.figure(series) is None)


async def test_an_operator_that_knows_nothing_yet(ground: Ground) -> None:
    """Without an API server it lives and is not ready: a restart would not help."""
    dead = kubeconfig_of(ground.kube, ground.folder, f"https://127.0.0.1:{free_port()}")
    operator = ground.operator(KUBECONFIG=str(dead))
    await until(lambda: operator.probe("/livez")[0] == 200, 45)
    assert operator.probe("/readyz")[0] == 503
    await operator.says("The API server can't be reached")
    assert operator.pid
