"""What whoever runs this process asks it. Open to all: none of it shows a job."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from headpond.errors import StoreUnavailable, Unavailable
from headpond.queues import QueueSample
from headpond_api.answers import ingress_of, problems_for
from headpond_api.ingress import Ingress

router = APIRouter(tags=["probes"])

PATIENCE_S: Final = 0.8
"""Kubernetes gives a probe one second; a store that takes longer is not ready."""


@router.get("/livez", operation_id="livez", summary="Ask whether the process is alive")
async def livez() -> dict[str, str]:
    """Answer, and ask nobody: a store that is away is no reason to restart this process."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    operation_id="readyz",
    summary="Ask whether requests may be sent here",
    responses={503: problems_for()[503]},
)
async def readyz(request: Request) -> dict[str, str]:
    """Answer 200 when the store answers, and this process is not about to end."""
    ingress = ingress_of(request)
    if ingress.closing:
        raise Unavailable("This process is about to end.")
    try:
        async with asyncio.timeout(PATIENCE_S):
            await ingress.store.ping()
    except TimeoutError:
        raise StoreUnavailable(f"The store has not answered within {PATIENCE_S} s.") from None
    return {"status": "ok"}


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Return this process's counters and the queues' figures.

    While the store is away there are no queue figures at all, and headpond_store_up is 0.
    """
    ingress = ingress_of(request)
    samples = None
    try:
        async with asyncio.timeout(PATIENCE_S):
            samples = await _samples(ingress)
    except (TimeoutError, Unavailable):
        pass  # shown as headpond_store_up 0
    return Response(ingress.meter.exposition(samples), media_type=CONTENT_TYPE_LATEST)


async def _samples(ingress: Ingress) -> dict[str, QueueSample]:
    return await ingress.store.sample(await ingress.store.queues())
