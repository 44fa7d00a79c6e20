"""The attendance routes, at the very paths of the system that they replace.

The API that serves them has checked the credential and decoded the body: `request.state` has the
`caller`, the `json` and the `correlation_id`. What is raised here it turns into problem documents.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Depends, Request, Response

from headpond.errors import JobUnknown, StoreUnavailable, TenantForbidden
from headpond_school.answers import MarkAccepted, MarkJob, mark_job
from headpond_school.attendance import mark_attendance
from headpond_school.marks import Mark

PREFIX: Final = "/api/v2/api/school/attendance"

_MARK_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": Mark.model_json_schema()}},
    }
}

router = APIRouter(prefix=PREFIX, tags=["school"])


class MarkUnconfirmed(StoreUnavailable):
    """The store did not answer, so the mark may or may not be in; repeating it is safe."""

    def __init__(self, job_id: str) -> None:
        """Name the job that it has, or would have."""
        self.job_id = job_id
        super().__init__(
            f"The store did not answer, so the mark may or may not be in as job {job_id!r}."
            " Send the same again: it will not count twice."
        )


class Caller(Protocol):
    """Who sent the request, as the API knows it."""

    def may(self, permission: str) -> bool:
        """Whether it has the permission."""
        ...

    def need(self, permission: str) -> None:
        """Raise without the permission."""
        ...

    def acts_for(self, tenant: str) -> bool:
        """Whether this tenant's jobs are its business."""
        ...


def calling(request: Request) -> Caller:
    """Return who sent the request."""
    caller: Caller = request.state.caller
    return caller


def _mark(request: Request) -> Mark:
    mark: Mark = mark_attendance.accept(getattr(request.state, "json", None))
    return mark


Calling = Annotated[Caller, Depends(calling)]


@router.post(
    "/mark",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="markAttendance",
    summary="Mark one student's attendance",
    responses={
        200: {"model": MarkAccepted, "description": "Such a mark was accepted before."},
        403: {"description": "The credential may not act for this tenant."},
    },
    openapi_extra=_MARK_BODY,
)
async def mark(request: Request, caller: Calling, response: Response) -> MarkAccepted:
    """Accept a mark; a repeat (same tenant, student, session and date) gets the first one's job."""
    caller.need("jobs.create")
    sent = _mark(request)
    if not caller.acts_for(sent.tenant_id):
        raise TenantForbidden(sent.tenant_id)
    try:
        enqueued = await mark_attendance.enqueue(
            sent,
            job_id=sent.job_id,
            tenant=sent.tenant_id,
            correlation_id=request.state.correlation_id,
        )
    except StoreUnavailable as error:
        raise MarkUnconfirmed(sent.job_id) from error
    if not enqueued.created:
        response.status_code = HTTPStatus.OK
    return MarkAccepted(
        job_id=enqueued.id,
        queue=mark_attendance.queue,
        duplicate=not enqueued.created,
        status_url=f"{PREFIX}/job/{enqueued.id}",
    )


@router.get(
    "/job/{job_id}",
    operation_id="getAttendanceJob",
    summary="Ask how a mark's job stands",
    responses={404: {"description": "No such job, or another tenant's."}},
)
async def job(job_id: str, caller: Calling) -> MarkJob:
    """Return the job's state, result or error, and times."""
    caller.need("jobs.read")
    status = await mark_attendance.status(job_id)
    if status is None or not caller.acts_for(status.tenant):
        raise JobUnknown(job_id)
    return mark_job(
        status,
        queue=mark_attendance.queue,
        with_payload=caller.may("jobs.payload.read"),
    )
