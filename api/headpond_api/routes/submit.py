"""Jobs on their way in: the hot path."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from headpond.errors import HeadpondError, JobExists, Unavailable
from headpond.jobs import NewJob
from headpond_api.answers import json_answer, problems_for
from headpond_api.bulk import Bulk
from headpond_api.direct import DirectRoute
from headpond_api.faults import EnqueueUnconfirmed, unconfirmed
from headpond_api.schemas import BulkReport, BulkSubmission, JobReceipt, JobSubmission
from headpond_api.submission import Desk
from headpond_api.views import job_view

router = APIRouter(route_class=DirectRoute, tags=["jobs"])

_REFUSED = (400, 404, 409, 413, 415, 422, 507)


@router.post(
    "/queues/{queue}/jobs",
    operation_id="submitJob",
    summary="Enqueue a job",
    status_code=202,
    response_model=JobReceipt,
    responses={
        200: {"model": JobReceipt, "description": "The queue had this job already."},
        **problems_for(*_REFUSED),
    },
)
async def submit_job(request: Request, queue: str, submission: JobSubmission) -> Response:
    """Put one job into the queue. Once this answers 202, the store has it.

    On a 503 it is not known: send the same again with the `job_id` of the problem and
    `on_duplicate: return`.
    """
    desk = Desk.at(request, queue)
    try:
        answer = await _taken(desk, submission)
    except HeadpondError as error:
        desk.ingress.meter.failed(queue, error)
        raise
    is_new = answer.status_code == HTTPStatus.ACCEPTED
    desk.ingress.meter.submitted(queue, "accepted" if is_new else "duplicate")
    return answer


async def _taken(desk: Desk, submission: JobSubmission) -> Response:
    queue = desk.queue
    away = await desk.admit(submission.type)
    job = desk.pack(submission)
    if away is not None:
        raise EnqueueUnconfirmed(queue, job.id) from away
    try:
        (created,) = await desk.enqueue([job])
        if not created:
            return await _existing(desk, submission, job)
    except Unavailable as error:
        raise unconfirmed(error, queue, job.id) from error
    return json_answer(desk.receipt(submission, job), 202, {"Location": _location(queue, job.id)})


async def _existing(desk: Desk, submission: JobSubmission, job: NewJob) -> Response:
    (found,) = await desk.ingress.store.read(desk.queue, [job.id])
    # None: its retention took the job away in this very moment; the client may repeat.
    if submission.on_duplicate == "reject" or found is None:
        raise JobExists(job.id, desk.queue)
    if not desk.caller.acts_for(found.tenant):
        raise JobExists(job.id, desk.queue)
    document = job_view(found).model_dump(include=_RECEIPT) | {"created": False}
    return json_answer(document, 200, {"Location": _location(desk.queue, job.id)})


_RECEIPT = set(JobReceipt.model_fields) - {"created"}


def _location(queue: str, job_id: str) -> str:
    return f"/api/v1/jobs/{job_id}?queue={queue}"


@router.post(
    "/queues/{queue}/jobs/bulk",
    operation_id="submitJobs",
    summary="Enqueue up to 1,000 jobs",
    status_code=202,
    response_model=BulkReport,
    responses={
        200: {"model": BulkReport, "description": "Nothing new: the queue had those jobs already."},
        **problems_for(*_REFUSED),
    },
)
async def submit_jobs(request: Request, queue: str, bulk: BulkSubmission) -> Response:
    """Put many jobs into the queue in one step: all or none, or (`mode: each`) those that are good.

    To be able to repeat after a lost answer, give each job a `job_id` and `on_duplicate: return`.
    """
    desk = Desk.at(request, queue)
    going = Bulk(desk, all_or_none=bulk.mode == "all")
    meter = desk.ingress.meter
    try:
        await going.run(list(bulk.jobs))
        report = going.report()
    except HeadpondError as error:
        meter.failed(queue, error, len(bulk.jobs))
        raise
    meter.submitted(queue, "accepted", report["created"])
    meter.submitted(queue, "duplicate", report["duplicates"])
    meter.submitted(queue, "refused", report["rejected"])
    return json_answer(report, 202 if report["created"] else 200)
