"""How each side's processes are started: its worker, its sender, its API."""

from __future__ import annotations

from typing import Final

from harness import bullmq
from harness.children import python
from harness.side import QUEUE, SLOTS

BULLMQ: Final = "bullmq"
"""The one side that is no module of `harness`."""

_TASKIQ: Final = ("--workers", "1", "--max-async-tasks", str(SLOTS), "--log-level", "WARNING")
_RECEIVER: Final = ("--receiver", "headpond_workers.receiver:HeadpondReceiver")
_OURS: Final = ("headpond_workers", "--queue", QUEUE)

_WORKERS: Final = {
    "ours": _OURS,
    "ours_one_tenant": _OURS,
    "ours_thousand_tenants": _OURS,
    "ours_taskiq": ("taskiq", "worker", "harness.ours_taskiq:broker", *_TASKIQ, *_RECEIVER),
    "stock": ("taskiq", "worker", "harness.stock:broker", *_TASKIQ),
    "stock_middleware": ("taskiq", "worker", "harness.stock_middleware:broker", *_TASKIQ),
}

_UVICORN: Final = (
    "--loop",
    "uvloop",
    "--http",
    "httptools",
    "--no-access-log",
    "--log-level",
    "error",
)

_APIS: Final = {
    "ours": ("headpond_api",),
    "stock": ("uvicorn", "harness.stock_api:api", *_UVICORN),
}


def worker(side: str) -> list[str]:
    """Return what starts one worker process."""
    if side == BULLMQ:
        return bullmq.command("worker")
    return python("-m", *_WORKERS[side])


def produce(side: str, verb: str, *figures: int) -> list[str]:
    """Return what sends jobs, or looks at them, and prints JSON."""
    words = (verb, *map(str, figures))
    if side == BULLMQ:
        return bullmq.command(*words)
    return python("-m", "harness.produce", side, *words)


def api(side: str) -> list[str]:
    """Return what starts one HTTP process."""
    return python("-m", *_APIS[side])
