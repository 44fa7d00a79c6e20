"""Queues: how they stand, and what may be done to them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from headpond.errors import FieldError, StoreUnavailable
from headpond.jobs import JobState
from headpond.queues import Hold, QueueSample
from headpond_api.answers import ingress_of, problems_for
from headpond_api.auth import caller_of, require
from headpond_api.faults import HeldBySpec, RequestInvalid
from headpond_api.fields import milliseconds
from headpond_api.problems import RETRY_AFTER_S
from headpond_api.schemas import (
    Cleared,
    ClearRequest,
    DecisionList,
    PauseRequest,
    PauseState,
    QueueList,
    QueueStats,
    SystemHealth,
)
from headpond_api.views import hold_view, queue_view, stats, store_away, system_health

router = APIRouter(prefix="/queues", tags=["queues"])

_READ = [Depends(require("system.queues.read"))]
_MANAGE = [Depends(require("system.queues.manage"))]

_MANAGED = problems_for(400, 404, 413, 415, 422)


@router.get(
    "",
    dependencies=_READ,
    operation_id="listQueues",
    summary="List queues",
    responses=problems_for(422),
)
async def list_queues(
    request: Request,
    cursor: Annotated[str, Query(max_length=100)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> QueueList:
    """List the queues by name: those in the store, and those that the loaded apps declare."""
    ingress = ingress_of(request)
    names = [name for name in await ingress.book.names() if name > cursor]
    page = names[:limit]
    samples = await ingress.store.sample(page)
    declared = {name: ingress.catalog.job_types(name) for name in ingress.catalog.queue_names()}
    items = [queue_view(name, samples.get(name), declared.get(name, ())) for name in page]
    return QueueList(items=items, next_cursor=page[-1] if len(names) > limit else None)


@router.get(
    "/stats",
    dependencies=_READ,
    operation_id="getStats",
    summary="Count the jobs of every queue",
    responses=problems_for(),
)
async def get_stats(request: Request) -> dict[str, QueueStats]:
    """Return each queue's six counts and whether it is paused."""
    ingress = ingress_of(request)
    names = await ingress.book.names()
    samples = await ingress.store.sample(names)
    return {name: stats(samples.get(name)) for name in names}


@router.get(
    "/stats/{queue}",
    dependencies=_READ,
    operation_id="getQueueStats",
    summary="Count the jobs of a queue",
    responses=problems_for(404, 422),
)
async def get_queue_stats(request: Request, queue: str) -> QueueStats:
    """Return the queue's six counts and whether it is paused."""
    return stats(await _sample(request, queue))


@router.get(
    "/health",
    dependencies=_READ,
    operation_id="getHealth",
    summary="Ask whether all is well",
    responses={
        **problems_for(),
        503: {"model": SystemHealth, "description": "The store does not answer: `unhealthy`."},
    },
)
async def get_health(request: Request, response: Response) -> SystemHealth:
    """Judge every queue and the events.

    `degraded`: some jobs get no worker. `unhealthy` (503): nothing is known, for the store is away.
    """
    ingress = ingress_of(request)
    try:
        return system_health(await ingress.store.sample(await ingress.book.names()))
    except StoreUnavailable as error:
        response.status_code = 503
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
        return store_away(str(error))


@router.post(
    "/{queue}/pause",
    dependencies=_MANAGE,
    operation_id="pauseQueue",
    summary="Pause a queue",
    responses=_MANAGED,
)
async def pause_queue(request: Request, queue: str, body: PauseRequest | None = None) -> PauseState:
    """Start no more jobs. Running ones finish, new ones are accepted."""
    ingress = ingress_of(request)
    asked = body or PauseRequest()
    await ingress.book.admit(queue)
    now_ms = ingress.clock.now_ms()
    until_ms = milliseconds(asked.until) if asked.until else 0
    if asked.until and until_ms <= now_ms:
        raise RequestInvalid([FieldError("/until", "The moment is over; give a later one.")])
    hold = Hold(
        "runtime", caller_of(request).name, asked.reason, since_ms=now_ms, until_ms=until_ms
    )
    await ingress.store.hold(queue, hold)
    return _paused(await _sample(request, queue), queue, "No job starts until it is resumed.")


@router.post(
    "/{queue}/resume",
    dependencies=_MANAGE,
    operation_id="resumeQueue",
    summary="Resume a queue",
    responses={**_MANAGED, **problems_for(409)},
)
async def resume_queue(request: Request, queue: str) -> PauseState:
    """Lift a pause that was made here. One of the QueueConfig stays: 409 says so."""
    ingress = ingress_of(request)
    await ingress.book.admit(queue)
    lifted = await ingress.store.resume(queue, "runtime")
    sample = await _sample(request, queue)
    if sample is not None and sample.is_held:
        if not lifted:
            raise HeldBySpec(queue)
        return _paused(sample, queue, f"The pause made here is lifted. {HeldBySpec(queue)}")
    return _paused(sample, queue, "Jobs start again." if lifted else "It was not paused.")


@router.post(
    "/{queue}/clear",
    dependencies=_MANAGE,
    operation_id="clearQueue",
    summary="Remove the jobs of a queue",
    responses=_MANAGED,
)
async def clear_queue(request: Request, queue: str, body: ClearRequest | None = None) -> Cleared:
    """Remove the jobs of these states, waiting and delayed ones by default; never active ones."""
    asked = body or ClearRequest()
    ingress = ingress_of(request)
    await ingress.book.admit(queue)
    states = [JobState(each) for each in dict.fromkeys(asked.states)]
    removed = await ingress.store.clear(queue, states)
    return Cleared(queue=queue, states=asked.states, removed=removed)


@router.get(
    "/{queue}/decisions",
    dependencies=_READ,
    operation_id="listDecisions",
    summary="Ask why a queue has as many workers as it has",
    responses=problems_for(404, 422),
)
async def list_decisions(
    request: Request,
    queue: str,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> DecisionList:
    """Return the latest scaling decisions, newest first, each with its rule and a sentence."""
    await _sample(request, queue)
    kept = await ingress_of(request).store.decisions(queue, limit)
    items: list[dict[str, Any]] = [msgspec.json.decode(each) for each in kept]
    return DecisionList(queue=queue, items=items)


async def _sample(request: Request, queue: str) -> QueueSample | None:
    """Return the queue's sample; `None` when it is declared only. Raises `QueueUnknown`."""
    ingress = ingress_of(request)
    sample = (await ingress.store.sample([queue])).get(queue)
    if sample is None and queue not in ingress.catalog.queue_names():
        raise await ingress.book.unknown(queue)
    return sample


def _paused(sample: QueueSample | None, queue: str, detail: str) -> PauseState:
    holds = [hold_view(hold) for hold in sample.held] if sample else []
    return PauseState(queue=queue, is_paused=bool(holds), holds=holds, detail=detail)
