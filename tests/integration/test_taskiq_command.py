"""taskiq's own command runs a Headpond queue: `taskiq worker --receiver …:HeadpondReceiver`."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

import taskiq_bench
from redis_server import free_port
from taskiq_bench import redis_broker, result, stored
from until import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headpond.broker import HeadpondBroker

RECEIVER = "headpond_workers.receiver:HeadpondReceiver"


@contextmanager
def taskiq_worker(
    folder: Path, environ: dict[str, str], *words: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run taskiq's command with one child process; leave none behind."""
    command = [sys.executable, "-m", "taskiq", "worker", "taskiq_app:broker", "--workers", "1"]
    with (folder / "taskiq.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--receiver", RECEIVER, *words],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(taskiq_bench.__file__).parent),
                **environ,
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        for child in children(process):
            child.kill()
        process.kill()
        process.wait()


def children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return its child processes."""
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


@pytest.fixture
def environ(redis_url: str, namespace: str) -> dict[str, str]:
    """Say where the jobs are."""
    return {"HEADPOND_REDIS_URL": redis_url, "HEADPOND_NAMESPACE": namespace}


@pytest.fixture
def broker(redis_url: str, namespace: str) -> HeadpondBroker:
    """Give a client's broker on the same queue, which knows the tasks by name only."""
    return redis_broker(redis_url, namespace)


async def test_the_command_runs_tasks_and_ends_with_grace(
    broker: HeadpondBroker, environ: dict[str, str], tmp_path: Path
) -> None:
    """Tasks run, metrics are counted, and SIGTERM lets what runs come to its end."""

    @broker.task(task_name="taskiq_app.add")
    async def add(one: int, two: int = 1) -> int: ...  # type: ignore[empty-body]  # a client's stub

    @broker.task(task_name="taskiq_app.rest")
    async def rest(seconds: float) -> str: ...  # type: ignore[empty-body]  # a client's stub

    port = free_port()
    await broker.startup()
    with taskiq_worker(tmp_path, {**environ, "METRICS_PORT": str(port)}) as process:
        tasks = [await add.kiq(number) for number in range(50)]
        results = [(await result(task, within_s=30)).return_value for task in tasks]
        assert results == [number + 1 for number in range(50)]

        url = f"http://127.0.0.1:{port}/metrics"
        metrics = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read().decode())
        assert 'received_tasks_total{task_name="taskiq_app.add"} 50.0' in metrics

        resting = await rest.kiq(1.5)

        async def active() -> bool:
            return bool((await stored(broker, resting.task_id)).worker)

        await until(active)
        process.send_signal(signal.SIGTERM)
        await until(lambda: process.poll() is not None)
        done = await resting.get_result()
        assert done.return_value == "started"
        assert (await stored(broker, resting.task_id)).attempts == 1
    await broker.shutdown()


async def test_the_command_without_our_receiver_says_what_to_do(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Nothing is claimed; the log names the receiver."""
    words = ("--receiver", "taskiq.receiver:Receiver", "--max-fails", "1")
    with taskiq_worker(tmp_path, environ, *words):
        log = tmp_path / "taskiq.log"
        await until(lambda: "--receiver headpond_workers.receiver" in log.read_text("utf-8"))
