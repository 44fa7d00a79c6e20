"""The peer of our API: a FastAPI route that validates, kicks and answers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from pydantic import BaseModel

from harness.stock import broker, noop, stamp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Work(BaseModel):
    """What a no-op job carries."""

    number: int
    text: str


class Sent(BaseModel):
    """What a job that is timed carries."""

    sent_ns: int
    text: str


@asynccontextmanager
async def _connected(_: FastAPI) -> AsyncIterator[None]:
    await broker.startup()
    yield
    await broker.shutdown()


api = FastAPI(lifespan=_connected)


@api.post("/jobs", status_code=202)
async def enqueue(work: Work) -> dict[str, str]:
    """Enqueue one job."""
    task = await noop.kiq(work.number, work.text)
    return {"id": task.task_id}


@api.post("/stamps", status_code=202)
async def enqueue_stamp(sent: Sent) -> dict[str, str]:
    """Enqueue one job that is timed."""
    task = await stamp.kiq(sent.sent_ns, sent.text)
    return {"id": task.task_id}
