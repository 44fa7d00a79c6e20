"""Many submissions at once: all or none, or each for itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from headpond.errors import (
    FieldError,
    HeadpondError,
    JobExists,
    JobTypeUnknown,
    PayloadInvalid,
    StoreFull,
    TenantForbidden,
    TooLarge,
    Unavailable,
)
from headpond.jobs import NewJob
from headpond_api import problems
from headpond_api.faults import (
    BulkRejected,
    BulkUnconfirmed,
    JobsExist,
    RequestInvalid,
    reason,
)
from headpond_api.pointers import faults
from headpond_api.schemas import JobSubmission
from headpond_api.submission import Desk

_BREATH: Final = 100
"""After this many items others get their turn: packing a thousand takes some 20 ms."""

_adapter = TypeAdapter(JobSubmission)


@dataclass(slots=True)
class _Item:
    index: int
    submission: JobSubmission | None = None
    job: NewJob | None = None
    fault: HeadpondError | None = None
    created: bool = False

    def rejected(self) -> list[FieldError]:
        """Return the faults with pointers into the whole request."""
        at = f"/jobs/{self.index}"
        errors = getattr(self.fault, "errors", ())
        if errors:
            return [FieldError(at + each.pointer, each.detail) for each in errors]
        return [FieldError(at + _PLACE.get(type(self.fault), ""), str(self.fault))]


_PLACE: Final[dict[type[Any], str]] = {
    JobTypeUnknown: "/type",
    TooLarge: "/payload",
    JobExists: "/job_id",
    TenantForbidden: "/tenant",
}


def _must_be_new(submission: JobSubmission) -> bool:
    return submission.job_id is not None and submission.on_duplicate == "reject"


@dataclass(slots=True)
class Bulk:
    """One bulk on its way."""

    desk: Desk
    all_or_none: bool
    items: list[_Item] = field(default_factory=list)

    async def run(self, given: list[Any]) -> None:
        """Check every item, then enqueue those that may be."""
        away = await self._check(given)
        self._refuse(when=self.all_or_none)
        packed = [item for item in self.items if item.job is not None]
        jobs = [item.job for item in packed if item.job is not None]
        if not jobs:
            self._refuse(when=True)
        if away is not None:
            raise BulkUnconfirmed(self.desk.queue, [job.id for job in jobs]) from away
        try:
            if self.all_or_none:
                await self._refuse_existing(packed)
            created = await self.desk.enqueue(jobs)
        except StoreFull:
            raise
        except Unavailable as error:
            ids = [job.id for job in jobs]
            raise BulkUnconfirmed(self.desk.queue, ids, reason(error)) from error
        for item, job, new in zip(packed, jobs, created, strict=True):
            item.created = new
            if not new and not self._returns(item):
                item.fault = JobExists(job.id, self.desk.queue)

    async def _check(self, given: list[Any]) -> Unavailable | None:
        away: Unavailable | None = None
        admitted: set[str] = set()
        for index, each in enumerate(given):
            item = _Item(index)
            self.items.append(item)
            try:
                item.submission = _adapter.validate_python(each)
                if item.submission.type not in admitted:
                    away = await self.desk.admit(item.submission.type) or away
                    admitted.add(item.submission.type)
                item.job = self.desk.pack(item.submission)
            except ValidationError as error:
                item.fault = RequestInvalid(faults(error))
            except (JobTypeUnknown, PayloadInvalid, TooLarge, TenantForbidden) as error:
                item.fault = error
            if index % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
        return away

    def _refuse(self, *, when: bool) -> None:
        bad = [item for item in self.items if item.fault is not None]
        if bad and when:
            raise BulkRejected([error for item in bad for error in item.rejected()], len(bad))

    async def _refuse_existing(self, packed: list[_Item]) -> None:
        """Raise `JobsExist` for ids that are there already, or stand twice in the request."""
        chosen = [
            item.job.id
            for item in packed
            if item.job and item.submission and _must_be_new(item.submission)
        ]
        if not chosen:
            return
        found = await self.desk.ingress.store.read(self.desk.queue, chosen)
        there = [job_id for job_id, job in zip(chosen, found, strict=True) if job is not None]
        twice = [job_id for job_id, count in Counter(chosen).items() if count > 1]
        if there or twice:
            raise JobsExist(self.desk.queue, there or twice)

    def _returns(self, item: _Item) -> bool:
        """Whether a job that exists already is no fault of this item."""
        chosen = item.submission is not None and item.submission.on_duplicate == "return"
        # All-or-none has looked before: a job that came in between is told of, not refused.
        return chosen or self.all_or_none

    def report(self) -> dict[str, Any]:
        """Return what became of each item; raise `BulkRejected` when that is nothing at all."""
        rows = [self._row(item) for item in self.items]
        statuses = [row["status"] for row in rows]
        if all(status == "rejected" for status in statuses):
            self._refuse(when=True)
        return {
            "queue": self.desk.queue,
            "mode": "all" if self.all_or_none else "each",
            "created": statuses.count("created"),
            "duplicates": statuses.count("duplicate"),
            "rejected": statuses.count("rejected"),
            "jobs": rows,
        }

    def _row(self, item: _Item) -> dict[str, Any]:
        row: dict[str, Any] = {"index": item.index, "id": item.job.id if item.job else None}
        if item.fault is None:
            return {**row, "status": "created" if item.created else "duplicate", "problem": None}
        problem = problems.of(item.fault)
        listed = [{"pointer": e.pointer, "detail": e.detail} for e in item.rejected()]
        said = {"code": problem.code, "detail": problem.detail, "errors": listed}
        return {**row, "status": "rejected", "problem": said}
