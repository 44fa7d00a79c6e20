"""From a submission to a job that a store takes: job type, payload, size, time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from fastapi import Request

from headpond.app.identity import new_job_id
from headpond.errors import (
    FieldError,
    PayloadInvalid,
    StoreUnavailable,
    TenantForbidden,
    TooLarge,
)
from headpond.jobs import JobState, NewJob
from headpond_api.auth import Caller, caller_of
from headpond_api.fields import milliseconds
from headpond_api.ingress import Ingress
from headpond_api.schemas import JobSubmission

PATIENCE_S: Final = 5.0
"""A store that takes longer to enqueue is reported as away: HTTP clients often wait 10 s only."""

_SLOW: Final = f"The store has not answered within {PATIENCE_S:.0f} s."


@dataclass(frozen=True, slots=True)
class Desk:
    """Takes the submissions of one request."""

    ingress: Ingress
    caller: Caller
    queue: str
    correlation_id: str
    size: int
    """Bytes of the whole request."""
    deadline: float
    """Of the loop's time: until then the store may take for it."""

    @classmethod
    def at(cls, request: Request, queue: str) -> Desk:
        """Return the desk for a request; raise `Forbidden` when the caller may not enqueue."""
        caller = caller_of(request)
        caller.need("jobs.create")
        state = request.scope["state"]
        return cls(
            request.app.state.ingress,
            caller,
            queue,
            state["correlation_id"],
            state.get("size", 0),
            asyncio.get_running_loop().time() + PATIENCE_S,
        )

    async def admit(self, job_type: str) -> StoreUnavailable | None:
        """Check queue and job type, and that the queue's settings here are fresh.

        A store that is away is returned and not raised: what is wrong with the request comes first.
        """
        fault = await self.ingress.book.check_type(self.queue, job_type)
        if fault is not None:
            raise fault
        book = self.ingress.book
        if book.is_fresh(self.queue, self.deadline - PATIENCE_S):
            return None
        try:
            async with asyncio.timeout_at(self.deadline):
                await book.admit(self.queue)
        except TimeoutError:
            return StoreUnavailable(_SLOW)
        except StoreUnavailable as error:
            return error
        return None

    async def enqueue(self, jobs: list[NewJob]) -> list[bool]:
        """Hand the jobs to the store; False for each whose id it has."""
        try:
            async with asyncio.timeout_at(self.deadline):
                placed = await self.ingress.store.enqueue(self.queue, jobs)
                return [each.created for each in placed]
        except TimeoutError:
            raise StoreUnavailable(_SLOW) from None

    def pack(self, submission: JobSubmission) -> NewJob:
        """Check the submission's payload and tenant and make the job."""
        if not self.caller.acts_for(submission.tenant):
            raise TenantForbidden(submission.tenant)
        self._check_size(submission.payload)
        job_type = self.ingress.catalog.job_type(self.queue, submission.type)
        try:
            return job_type.pack(
                submission.payload,
                job_id=submission.job_id or new_job_id(),
                tenant=submission.tenant,
                priority=submission.priority,
                delay_ms=_delay_ms(submission),
                run_at_ms=milliseconds(submission.run_at) if submission.run_at else 0,
                correlation_id=submission.correlation_id or self.correlation_id,
            )
        except PayloadInvalid as error:
            below = [FieldError(f"/payload{each.pointer}", each.detail) for each in error.errors]
            raise PayloadInvalid(submission.type, below) from error

    def receipt(self, submission: JobSubmission, job: NewJob) -> dict[str, Any]:
        """Return what to answer for a job that the store has just taken."""
        later = job.delay_ms > 0 or job.run_at_ms > self.ingress.clock.now_ms()
        return {
            "id": job.id,
            "queue": self.queue,
            "type": submission.type,
            "state": JobState.DELAYED if later else JobState.WAITING,
            "tenant": job.tenant,
            "priority": job.priority,
            "correlation_id": submission.correlation_id or self.correlation_id,
            "created": True,
        }

    def _check_size(self, payload: Any) -> None:
        limit = self.ingress.settings.max_payload_bytes
        if self.size > limit and (size := len(msgspec.json.encode(payload))) > limit:
            raise TooLarge("The payload", size, limit)


def _delay_ms(submission: JobSubmission) -> int:
    return round(submission.delay.total_seconds() * 1000) if submission.delay else 0
