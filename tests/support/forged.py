"""Builders of forged histories, and of what the store says at their end."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from headpond.jobs import JobId, JobState, StoredJob
from history import Accepted, Ended, Offered, Started, in_order
from history_checks import Ending, check
from scaling_cases import a_sample

if TYPE_CHECKING:
    from history import Event

COMPLETED: Final = JobState.COMPLETED
FAILED: Final = JobState.FAILED
CANCELLED: Final = JobState.CANCELLED
WAITING: Final = JobState.WAITING


def accepted(job: str = "a", **more: Any) -> list[Event]:
    """Tell that a job was offered and taken."""
    return [Offered(id=job, at=1.0), Accepted(id=job, at=1.1, **more)]


def a_run(
    began: float = 2.0, ended: float = 3.0, *, how: str = "returned", worker: str = "w", **more: Any
) -> list[Event]:
    """Tell of a run from its beginning to its end; `how` `""` leaves the end out."""
    job, run = more.pop("job", "a"), f"{worker}/{began}"
    end = Ended(id=job, run=run, worker=worker, at=ended, how=how)
    return [Started(id=job, run=run, worker=worker, at=began, **more), *([end] if how else [])]


def a_job(state: JobState = COMPLETED, **more: Any) -> StoredJob:
    """Make a job as the store would show it when all is quiet."""
    values: dict[str, Any] = {
        "id": JobId("a"),
        "queue": "mill",
        "state": state,
        "body": b"",
        "priority": 5,
        "tenant": "",
        "attempts": 1 if state is COMPLETED else 0,
        "crashes": 0,
        "created_ms": 1_050,
        "due_ms": 0,
        "claimed_ms": 0,
        "finished_ms": 3_000 if state in {COMPLETED, FAILED, CANCELLED} else 0,
        "worker": "",
        "parked": False,
        "reason": None,
        "outcome": None,
    }
    return StoredJob(**{**values, **more})


def an_ending(*jobs: StoredJob, **more: Any) -> Ending:
    """Make the store's word, with counts that fit unless others are given."""
    found = Counter(job.state for job in jobs)
    counted = {
        "waiting": found[WAITING],
        "completed": found[COMPLETED],
        "failed": found[FAILED],
        "cancelled": found[CANCELLED],
        "added_total": len(jobs),
        "ended_total": sum(job.attempts for job in jobs),
        **more.pop("counts", {}),
    }
    return Ending(jobs, replace(a_sample(), **counted), lease_ms=3_000, **more)


def rules(events: list[Event], ending: Ending) -> set[str]:
    """Return the rules that find something."""
    return {finding.rule for finding in check(in_order(events), ending)}
