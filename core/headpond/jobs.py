"""A job's names, states and the values that travel with it. Pure: no clock, no I/O.

The values of which a busy worker makes 100,000 a second are msgspec structs: a frozen dataclass
takes ten times as long to make.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, NewType

import msgspec

from headpond.errors import ANY_JOB, FieldError, PayloadInvalid

JobId = NewType("JobId", str)
"""Unique in its queue for as long as the job is kept."""

DEFAULT_TENANT: Final = ""
"""Jobs of nobody in particular; shown as `default`."""

PRIORITIES: Final = {"low": 2, "normal": 5, "high": 7, "critical": 9}
"""The four names; the integers 0 to 9 are all allowed."""

DEFAULT_PRIORITY: Final = 5
HIGHEST_PRIORITY: Final = 9

LONGEST_KEY: Final = 200
"""Characters of a key of uniqueness."""

_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@=+~-]{0,199}")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")


class JobState(StrEnum):
    """Where a job is; it is in exactly one of these at any moment."""

    WAITING = "waiting"
    DELAYED = "delayed"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class FailReason(StrEnum):
    """Why a job is in `failed`, the dead-letter set."""

    EXHAUSTED = "exhausted"
    """Its retries are used up."""
    UNRECOVERABLE = "unrecoverable"
    """The handler said that no retry helps."""
    CRASHED = "crashed"
    """Its worker was lost too often while it ran (poison)."""
    TIMEOUT = "timeout"
    MANUAL = "manual"
    INTEGRITY = "integrity"
    EXPIRED = "expired"


def check_job_id(value: str) -> JobId:
    """Return `value` as a job id, or raise `PayloadInvalid` for `/job_id`.

    >>> check_job_id("student-7-session-2-date-25122024")
    'student-7-session-2-date-25122024'
    """
    if not _JOB_ID.fullmatch(value):
        raise _rejected(
            "job_id",
            "a job id has 1 to 200 letters, digits or any of . _ : @ = + ~ -,"
            " and begins with a letter or a digit",
        )
    return JobId(value)


def check_tenant(value: str) -> str:
    """Return `value` as a tenant's name (`""` is the default tenant), or raise `PayloadInvalid`."""
    if value and not _TENANT.fullmatch(value):
        raise _rejected(
            "tenant",
            "a tenant has 1 to 100 letters, digits or any of . _ @ -,"
            " and begins with a letter or a digit",
        )
    return value


def parse_priority(value: int | str) -> int:
    """Turn a name or an integer 0-9 into the integer, or raise `PayloadInvalid`.

    >>> parse_priority("high")
    7
    """
    if isinstance(value, str):
        if value in PRIORITIES:
            return PRIORITIES[value]
        raise _rejected("priority", f"{value!r} is none of {', '.join(PRIORITIES)}")
    if not 0 <= value <= HIGHEST_PRIORITY:
        raise _rejected("priority", f"{value} is not within 0 to {HIGHEST_PRIORITY}")
    return value


def _rejected(field: str, detail: str) -> PayloadInvalid:
    return PayloadInvalid(ANY_JOB, [FieldError(f"/{field}", f"{detail}.")])


@dataclass(frozen=True, slots=True)
class Unique:
    """At most one job of this key, tenant and queue at a time. Raises `PayloadInvalid`."""

    key: str
    """1 to 200 printable characters."""
    for_ms: int = 0
    """The key is free again after this long, whatever the job does; 0: no end by time."""
    until: Literal["start", "end", ""] = "end"
    """The key is free again when the job starts, when it has ended, or (`""`) by `for_ms` alone."""
    mode: Literal["skip", "replace", "debounce"] = "skip"
    """What a second job of the key does while the first has not started: nothing; take its place in
    the queue; or take its place and wait its own delay anew. The first is cancelled then. Once the
    first is active, every mode skips."""

    def __post_init__(self) -> None:
        """Refuse keys that can't be kept, and a key that would never be free again."""
        key: object = self.key  # callers without a type checker pass anything
        span: object = self.for_ms
        if not (isinstance(key, str) and key.isprintable() and 0 < len(key) <= LONGEST_KEY):
            detail = f"{self.key!r} is no key: write 1 to {LONGEST_KEY} printable characters"
            raise _rejected("unique/key", detail)
        if not (type(span) is int and 0 <= span <= LONGEST_UNIQUE_MS):
            detail = f"{self.for_ms!r} is not a whole number of ms from 0 to ten years"
            raise _rejected("unique/for", detail)
        if self.mode not in ("skip", "replace", "debounce"):
            raise _rejected("unique/mode", f"{self.mode!r} is none of skip, replace, debounce")
        if self.until not in ("start", "end", ""):
            raise _rejected("unique/until", f"{self.until!r} is neither start nor end")
        if not self.until and not self.for_ms:
            raise _rejected("unique/for", "without `until` it must say how long the key is taken")


LONGEST_UNIQUE_MS: Final = 10 * 366 * 86_400_000
"""Ten years."""


class NewJob(msgspec.Struct, frozen=True, gc=False):
    """A job on its way into a queue."""

    id: JobId
    body: bytes
    """The packed envelope (`headpond.envelope`); a store never looks inside."""
    priority: int = DEFAULT_PRIORITY
    tenant: str = DEFAULT_TENANT
    delay_ms: int = 0
    """Wait this long by the store's clock before it is due."""
    run_at_ms: int = 0
    """Or: due at this moment, Unix time in milliseconds; 0 means at once."""
    unique: Unique | None = None
    batch: str = ""
    """The batch that counts it (`headpond.batches`); opened before."""


LONGEST_WAIT_MS: Final = 100 * 366 * 86_400_000
"""A hundred years: a job must become due on a day that a calendar can show."""
_END_OF_TIME_MS: Final = 253_402_300_799_999
"""The last moment of the year 9999."""


def check_new_job(job: NewJob) -> None:
    """Raise `PayloadInvalid` for what no store could keep; each store asks before it does anything.

    Callers are a queue's neighbours in one step of a store: what is wrong with one job must not
    reach it.
    """
    check_job_id(job.id)
    if job.tenant:
        check_tenant(job.tenant)
    if job.priority != DEFAULT_PRIORITY:
        parse_priority(job.priority)
    if job.batch:
        check_job_id(job.batch)
    if not 0 <= job.delay_ms <= LONGEST_WAIT_MS:
        raise _rejected("delay", f"{job.delay_ms} ms is not within 0 and 100 years")
    if not 0 <= job.run_at_ms <= _END_OF_TIME_MS:
        raise _rejected("run_at", f"{job.run_at_ms} ms is in no year from 1970 to 9999")


class Placed(msgspec.Struct, frozen=True, gc=False):
    """What became of one job of an enqueue; true when it was added."""

    id: JobId
    """Its own, or that of the job which holds its key."""
    created: bool = True
    replaced: JobId | None = None
    """The job that was cancelled in its favour."""

    def __bool__(self) -> bool:
        """Whether it was added."""
        return self.created


class Claim(msgspec.Struct, frozen=True, gc=False):
    """A job that a worker holds until its lease ends."""

    id: JobId
    body: bytes
    fence: str
    """Token of this very claim; what carries a stale one changes nothing."""
    attempts: int
    """How often the handler ran and ended before."""
    crashes: int
    """How often a lease of this job ran out before."""
    since_ms: int
    """Waiting since: enqueued, or due, or due again."""


class Done(msgspec.Struct, frozen=True, gc=False):
    """A held job ended well."""

    id: JobId
    fence: str
    outcome: bytes
    """Packed `headpond.envelope.Outcome`."""
    run_us: int
    """How long the handler ran."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A held job's handler ended badly: the attempt counts, then it is retried or given up."""

    id: JobId
    fence: str
    outcome: bytes
    run_us: int
    reason: FailReason = FailReason.EXHAUSTED
    """Why it is given up; unused when `retry_in_ms` is set."""
    retry_in_ms: int | None = None
    """Run again after this long (0: at once); `None`: into `failed`."""


@dataclass(frozen=True, slots=True)
class Released:
    """A held job goes back without a counted attempt: to its old place, or as delayed."""

    id: JobId
    fence: str
    delay_ms: int = 0
    parked: str = ""
    """The job type that this worker does not know; `""` when it is not parked."""
    body: bytes | None = None
    """A changed envelope (taskiq's requeue), or `None` to keep the old one."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A held job's handler was stopped because somebody cancelled the job."""

    id: JobId
    fence: str
    outcome: bytes
    run_us: int
    """0: it never began, and no attempt is counted."""


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far a held job is; it goes on."""

    id: JobId
    fence: str
    progress: bytes
    """Packed `headpond.envelope.Progress`."""


Ended = Done | Failed | Released | Stopped | Progressed
"""What a worker reports of a job it holds."""


class Cancellation(StrEnum):
    """What came of a cancellation, true at the moment of the answer."""

    CANCELLED = "cancelled"
    """It had not started, and never will."""
    ASKED = "asked"
    """It runs; its handler is told, and unless it ends well before that, it ends as cancelled."""
    ENDED = "ended"
    """It had ended already; nothing changed."""
    UNKNOWN = "unknown"
    """There is no such job."""


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job as the store has it at one moment; times are Unix milliseconds, 0 for 'not yet'."""

    id: JobId
    queue: str
    state: JobState
    body: bytes
    priority: int
    tenant: str
    attempts: int
    crashes: int
    created_ms: int
    due_ms: int
    """When a delayed job becomes due, else 0."""
    claimed_ms: int
    """When the running claim began, else 0."""
    finished_ms: int
    worker: str
    """Who runs it, `""` unless active."""
    parked: bool
    reason: FailReason | None
    outcome: bytes | None
    """Of the last end: result or error. Packed `headpond.envelope.Outcome`."""
    progress: bytes | None = None
    """Packed `headpond.envelope.Progress`, as last reported."""
    batch: str = ""
    """The batch that waits for its end, else `""`."""
    is_cancelling: bool = False
    """It runs, and was asked to stop."""
