"""What `taskiq worker taskiq_app:broker` runs in tests."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from taskiq import PrometheusMiddleware, TaskiqEvents, TaskiqState

from headpond.broker import HeadpondBroker
from headpond.redis import RedisQueueStore

broker = HeadpondBroker(
    RedisQueueStore(os.environ["HEADPOND_REDIS_URL"], os.environ["HEADPOND_NAMESPACE"]), "tasks"
)
if "METRICS_PORT" in os.environ:
    metrics = PrometheusMiddleware(
        metrics_path=Path("metrics").absolute(),
        server_addr="127.0.0.1",
        server_port=int(os.environ["METRICS_PORT"]),
    )
    broker.add_middlewares(metrics)


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def start(state: TaskiqState) -> None:
    """Leave a word for the tasks."""
    state.word = "started"


@broker.task(task_name="taskiq_app.add")
async def add(one: int, two: int = 1) -> int:
    """Add two numbers."""
    return one + two


@broker.task(task_name="taskiq_app.rest")
async def rest(seconds: float) -> str:
    """Take a while; return what the process was told at its start."""
    await asyncio.sleep(seconds)
    return str(broker.state.word)
