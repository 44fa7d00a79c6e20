"""Stored jobs and samples → what the API shows of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from headpond.envelope import Envelope, Outcome, unpack_envelope, unpack_outcome
from headpond.jobs import StoredJob
from headpond.queues import Hold, QueueSample
from headpond.sealing import SHOWN
from headpond_api.schemas import (
    Health,
    HoldView,
    JobDetails,
    JobError,
    JobView,
    QueueStats,
    QueueView,
    SystemHealth,
)

SEALED: Final = "The message is sealed, as the payload was."

ALONE_S: Final = 60.0
"""Jobs that wait this long without any worker are a degraded queue: a cold start takes less."""

NO_JOBS: Final = QueueStats(
    waiting=0, active=0, completed=0, failed=0, delayed=0, paused=0, is_paused=False
)
"""A queue that is declared but was never configured in the store: there can be no jobs in it."""


def moment(at_ms: int) -> datetime | None:
    """Return Unix milliseconds as a time in UTC; 0 is 'not yet'."""
    return datetime.fromtimestamp(at_ms / 1000, UTC) if at_ms else None


def job_view(job: StoredJob) -> JobView:
    """Return what everybody may see who may see jobs."""
    return JobView(**_fields(job, _envelope(job), _outcome(job)))


def job_details(job: StoredJob, *, with_payload: bool) -> JobDetails:
    """Return one job, with what it carries where that may be shown."""
    envelope, outcome = _envelope(job), _outcome(job)
    carried: dict[str, Any] = {}
    if with_payload:
        carried["payload"] = _payload(envelope)
        carried |= _end(outcome)
    return JobDetails(**_fields(job, envelope, outcome), **carried)


def _envelope(job: StoredJob) -> Envelope:
    """Return what the caller sent; empty where it can't be read (the job fails as `integrity`)."""
    try:
        return unpack_envelope(job.body)
    except msgspec.MsgspecError:
        return Envelope(job_type="", args=[])


def _outcome(job: StoredJob) -> Outcome | None:
    return None if job.outcome is None else unpack_outcome(job.outcome)


def _fields(job: StoredJob, envelope: Envelope, outcome: Outcome | None) -> dict[str, Any]:
    last = None if job.claimed_ms else outcome
    return {
        "id": job.id,
        "queue": job.queue,
        "type": envelope.job_type,
        "state": job.state,
        "tenant": job.tenant,
        "priority": job.priority,
        "attempts": job.attempts,
        "crashes": job.crashes,
        "parked": job.parked,
        "reason": job.reason,
        "worker": last.worker if last else job.worker,
        "correlation_id": envelope.correlation_id,
        "created_at": datetime.fromtimestamp(job.created_ms / 1000, UTC),
        "due_at": moment(job.due_ms),
        "started_at": moment(last.started_ms if last else job.claimed_ms),
        "finished_at": moment(job.finished_ms),
    }


def _payload(envelope: Envelope) -> Any:
    """Return the payload; of a job that taskiq's `.kiq()` sent, all its arguments."""
    if envelope.sealed and not envelope.args:
        return dict(SHOWN)
    if len(envelope.args) == 1 and not envelope.kwargs:
        return envelope.args[0]
    if not envelope.args and not envelope.kwargs:
        return None
    return {"args": envelope.args, "kwargs": envelope.kwargs}


def _end(outcome: Outcome | None) -> dict[str, Any]:
    if outcome is None:
        return {}
    if not outcome.error:
        return {"result": dict(SHOWN) if outcome.sealed else outcome.result}
    message = SEALED if outcome.sealed else outcome.message
    error = JobError(type=outcome.error, message=message, trace=outcome.trace)
    return {"error": error}


def stats(sample: QueueSample | None) -> QueueStats:
    """Return how many jobs are in each of six states, and whether the queue is paused.

    A delayed job whose time has come counts as waiting: all it wants is a worker.
    """
    if sample is None:
        return NO_JOBS
    return QueueStats(
        waiting=sample.waiting + sample.due,
        active=sample.active,
        completed=sample.completed,
        failed=sample.failed,
        delayed=sample.delayed,
        paused=sample.waiting + sample.due if sample.is_held else 0,
        is_paused=sample.is_held,
    )


def hold_view(hold: Hold) -> HoldView:
    """Return a hold."""
    return HoldView(
        source=hold.source,
        by=hold.by,
        reason=hold.reason,
        since=datetime.fromtimestamp(hold.since_ms / 1000, UTC),
        until=moment(hold.until_ms),
    )


def queue_view(name: str, sample: QueueSample | None, job_types: Iterable[str]) -> QueueView:
    """Return a queue."""
    return QueueView(
        name=name,
        stats=stats(sample),
        holds=[hold_view(hold) for hold in sample.held] if sample else [],
        oldest_age_seconds=sample.oldest_age_s if sample else 0.0,
        workers=len(sample.workers) if sample else 0,
        job_types=sorted(job_types),
    )


def queue_health(sample: QueueSample) -> Health:
    """Judge one queue; a hold is somebody's will, and healthy."""
    reasons = []
    unattended = sample.backlog and not sample.workers and not sample.is_held
    if unattended and sample.oldest_age_s > ALONE_S:
        reasons.append(
            f"{sample.backlog} jobs wait, the oldest for {sample.oldest_age_s:.0f} s,"
            " and no worker was heard of."
        )
    if sample.parked:
        reasons.append(f"{sample.parked} jobs wait for a worker that knows their type.")
    return Health(status="degraded" if reasons else "healthy", reasons=reasons)


def system_health(samples: Mapping[str, QueueSample]) -> SystemHealth:
    """Judge all queues; the worst of them is how the system is."""
    queues = {name: queue_health(samples[name]) for name in sorted(samples)}
    degraded = any(each.status != "healthy" for each in queues.values())
    return SystemHealth(
        status="degraded" if degraded else "healthy", queues=queues, events=Health(status="healthy")
    )


def store_away(reason: str) -> SystemHealth:
    """Return the health of a system whose store does not answer: nothing is known of any queue."""
    away = Health(status="unhealthy", reasons=[reason])
    return SystemHealth(status="unhealthy", queues={}, events=away)
