"""taskiq's results, read from the jobs: result and end are one step, so neither is lost alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from taskiq import AsyncResultBackend, TaskiqResult
from typing_extensions import override

from headpond.broker.formatter import message_of
from headpond.envelope import Envelope, unpack_envelope, unpack_outcome
from headpond.errors import HeadpondError, JobUnknown, KeyMissing, SealBroken
from headpond.jobs import JobId, JobState
from headpond.sealing import Keyring, Place, open_envelope, open_outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from headpond.jobs import StoredJob
    from headpond.ports import QueueStore

ENDED = {JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED}


class JobFailed(HeadpondError):
    """What a failed job's result carries: the error's class name and message, never the class."""

    code = "job-failed"

    def __init__(self, error: str, message: str) -> None:
        """Keep both."""
        self.error = error
        self.message = message
        super().__init__(f"{error}: {message}" if message else error)


class StoreResultBackend(AsyncResultBackend[Any]):
    """Results of one queue's jobs."""

    def __init__(
        self, store: QueueStore, queue: str, keys: Callable[[], Keyring] = Keyring
    ) -> None:
        """Keep where to look; `keys` is asked for sealed results."""
        self._store = store
        self._queue = queue
        self._keys = keys

    @override
    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        """Do nothing: the worker reports the result with the job's end."""

    @override
    async def is_result_ready(self, task_id: str) -> bool:
        job = await self._job(task_id)
        return job is not None and job.state in ENDED

    @override
    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[Any]:
        job = await self._job(task_id)
        if job is None or job.state not in ENDED:
            raise JobUnknown(task_id)
        return result_of(job, self._keys)

    async def _job(self, task_id: str) -> StoredJob | None:
        (job,) = await self._store.read(self._queue, [JobId(task_id)])
        return job


def result_of(job: StoredJob, keys: Callable[[], Keyring] = Keyring) -> TaskiqResult[Any]:
    """Return an ended job's outcome as taskiq's result.

    Raises `KeyMissing` for a sealed one that can't be opened here, `SealBroken` for a changed one.
    """
    envelope = _envelope(job)
    outcome = unpack_outcome(job.outcome) if job.outcome else None
    if outcome is not None and outcome.sealed:
        place = Place(job.queue, job.id, envelope.job_type, job.tenant)
        outcome = open_outcome(keys(), place, outcome)
    failed = job.state is not JobState.COMPLETED
    error: BaseException | None = None
    if failed:
        named = outcome.error if outcome is not None else job.state.value
        error = JobFailed(named, outcome.message if outcome is not None else "")
    return TaskiqResult.model_construct(
        is_err=failed,
        log=None,
        return_value=None if outcome is None or failed else outcome.result,
        execution_time=0.0 if outcome is None else outcome.run_us / 1_000_000,
        labels=_labels(job, envelope, keys),
        error=error,
    )


def _envelope(job: StoredJob) -> Envelope:
    try:
        return unpack_envelope(job.body)
    except msgspec.MsgspecError:
        return Envelope("", [])  # failed as `integrity`: nobody can read it


def _labels(job: StoredJob, envelope: Envelope, keys: Callable[[], Keyring]) -> dict[str, Any]:
    """Return what labels can be read."""
    try:
        if envelope.sealed:
            place = Place(job.queue, job.id, envelope.job_type, job.tenant)
            envelope = open_envelope(keys(), place, envelope)
        return message_of(envelope, job.id).labels
    except (KeyMissing, SealBroken, ValueError):
        return {}
