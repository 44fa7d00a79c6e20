"""Jobs that the store has: one, or a list."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from headpond.errors import JobUnknown
from headpond.jobs import JobId, JobState, StoredJob
from headpond_api.answers import ingress_of, problems_for
from headpond_api.auth import Caller, require
from headpond_api.faults import JobAmbiguous
from headpond_api.listing import JobQuery, list_jobs
from headpond_api.schemas import JobDetails, JobList
from headpond_api.views import job_details, job_view

router = APIRouter(tags=["jobs"])

Reader = Annotated[Caller, Depends(require("jobs.read"))]


class JobFilters:
    """Which jobs a list shows; all filters hold together."""

    def __init__(
        self,
        *,
        state: Annotated[list[JobState] | None, Query(description="May be repeated.")] = None,
        queue: Annotated[str | None, Query(max_length=100)] = None,
        job_type: Annotated[str | None, Query(alias="type", max_length=100)] = None,
        tenant: Annotated[str | None, Query(max_length=100)] = None,
    ) -> None:
        """Take the query's parameters."""
        self.states = frozenset(state or JobState)
        self.queue = queue
        self.job_type = job_type
        self.tenant = tenant


@router.get(
    "/jobs",
    operation_id="listJobs",
    summary="List jobs",
    responses=problems_for(400, 404, 422),
)
async def list_of_jobs(
    request: Request,
    caller: Reader,
    filters: Annotated[JobFilters, Depends()],
    cursor: Annotated[str, Query(max_length=2000)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> JobList:
    """List by queue, then by state: waiting in the order they will start, ended newest first.

    A page may be short, even empty, and still have a `next_cursor`: follow it until it is null.
    """
    ingress = ingress_of(request)
    names = await ingress.book.names()
    if filters.queue is not None and filters.queue not in names:
        raise await ingress.book.unknown(filters.queue)
    query = JobQuery(
        queues=names if filters.queue is None else [filters.queue],
        states=filters.states,
        caller=caller,
        job_type=filters.job_type,
        tenant=filters.tenant,
        limit=limit,
        named=filters.queue,
    )
    jobs, next_cursor = await list_jobs(ingress.store, query, cursor)
    return JobList(items=[job_view(job) for job in jobs], next_cursor=next_cursor)


@router.get(
    "/jobs/{job_id}",
    operation_id="getJob",
    summary="Ask how a job stands",
    responses=problems_for(404, 409, 422),
)
async def get_job(
    request: Request,
    caller: Reader,
    job_id: Annotated[str, Path(max_length=200)],
    queue: Annotated[str | None, Query(max_length=100)] = None,
) -> JobDetails:
    """Return the job; with `queue` when several queues have a job of this id."""
    found = [job for job in await _find(request, job_id, queue) if caller.acts_for(job.tenant)]
    if not found:
        raise JobUnknown(job_id)
    if len(found) > 1:
        raise JobAmbiguous(job_id, sorted(job.queue for job in found))
    return job_details(found[0], with_payload=caller.may("jobs.payload.read"))


async def _find(request: Request, job_id: str, queue: str | None) -> list[StoredJob]:
    ingress = ingress_of(request)
    if queue is None:
        return await ingress.store.find(JobId(job_id))
    if queue not in await ingress.book.names():
        raise await ingress.book.unknown(queue)
    return [job for job in await ingress.store.read(queue, [JobId(job_id)]) if job is not None]
