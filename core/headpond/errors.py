"""Every error that Headpond raises, in one tree.

::

    HeadpondError
    ├── Invalid            the caller must change the request       HTTP 400, 413, 415, 422
    │   ├── PayloadInvalid     the job type's model rejects it
    │   ├── ConfigInvalid      a QueueConfig or a setting
    │   └── TooLarge
    ├── NotFound           there is no such thing                   HTTP 404
    │   ├── QueueUnknown
    │   ├── JobTypeUnknown
    │   └── JobUnknown
    ├── Conflict           it clashes with what exists              HTTP 409
    │   ├── JobExists
    │   └── BatchLocked
    ├── Denied             the credential is missing or wrong       HTTP 401
    │   └── Forbidden          it is good, but not for this         HTTP 403
    │       └── TenantForbidden    nor for this tenant
    ├── SealBroken         sealed data were changed, or moved from another place
    └── Unavailable        nothing is wrong with the request        HTTP 503, 507
        ├── KeyMissing         to seal with, or to open with
        ├── StoreUnavailable
        ├── StoreFull
        ├── NotDurable         the store has the job, not yet as safe as asked
        └── StoreUnfit         the start-up gate refuses this Redis

Shells translate by the base class (problem documents, exit codes, retry or dead letter); nothing
here knows of HTTP, taskiq or Kubernetes. `code` is stable and documented, the message is a sentence
with the offending value and what to do.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class HeadpondError(Exception):
    """Root of the tree; `str(error)` is a sentence for people."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False


class Invalid(HeadpondError):
    """The request can't be taken as it is."""

    code = "invalid"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault of a document: where it is and what is wrong."""

    pointer: str
    """JSON pointer (RFC 6901) into the document, `""` for the whole of it."""
    detail: str
    """One sentence."""


ANY_JOB: Final = "any"
"""In place of a job type: what is asked for with a job is wrong, whatever its type."""
_SHOWN: Final = 3


class PayloadInvalid(Invalid):
    """A payload that the job type's model rejects, or a wish that no job can have."""

    code = "payload-invalid"

    def __init__(self, job_type: str, errors: Sequence[FieldError]) -> None:
        """Keep each fault; the message says the first three."""
        self.job_type = job_type
        self.errors = tuple(errors)
        what = f"The payload does not fit the job type {job_type!r}"
        said = [f"{each.pointer}: {each.detail}".removeprefix(": ") for each in errors[:_SHOWN]]
        if len(self.errors) > _SHOWN:
            said.append(f"And {len(self.errors) - _SHOWN} more.")
        super().__init__(" ".join([*([] if job_type == ANY_JOB else [f"{what}:"]), *said]))


class ConfigInvalid(Invalid):
    """A configuration value that is unknown, out of range or contradicts another."""

    code = "config-invalid"

    def __init__(self, errors: Sequence[FieldError], source: str = "") -> None:
        """Say each fault with its path; `source` is a file name or a resource."""
        self.errors = tuple(errors)
        self.source = source
        where = f"{source}: " if source else ""
        super().__init__("\n".join(f"{where}{e.pointer or '/'}: {e.detail}" for e in self.errors))


class TooLarge(Invalid):
    """A body or payload over its limit."""

    code = "too-large"

    def __init__(self, what: str, size: int, limit: int) -> None:
        """Sizes are bytes."""
        super().__init__(f"{what} has {size:,} bytes; the limit is {limit:,}.")


class NotFound(HeadpondError):
    """There is no such thing (or it is another tenant's)."""

    code = "not-found"


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(repr(n) for n in names[:20]) or "none"
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""  # noqa: PLR2004 (a readable list)
    return f"{hint} Known: {listed}{more}."


class QueueUnknown(NotFound):
    """No queue of this name is configured."""

    code = "queue-unknown"

    def __init__(self, queue: str, known: Iterable[str] = ()) -> None:
        """Name what exists and the nearest name."""
        self.queue = queue
        super().__init__(f"There is no queue {queue!r}.{_nearest(queue, known)}")


class JobTypeUnknown(NotFound):
    """No app that is loaded has this job type in this queue."""

    code = "job-type-unknown"

    def __init__(self, job_type: str, queue: str, known: Iterable[str] = ()) -> None:
        """Name what exists and the nearest name."""
        self.job_type = job_type
        super().__init__(
            f"Queue {queue!r} has no job type {job_type!r}.{_nearest(job_type, known)}"
        )


class JobUnknown(NotFound):
    """No job has this id: never accepted, or trimmed by the queue's retention."""

    code = "job-unknown"

    def __init__(self, job_id: str) -> None:
        """Name the id."""
        self.job_id = job_id
        super().__init__(f"There is no job {job_id!r}: never accepted, or its retention has ended.")


class Conflict(HeadpondError):
    """The request clashes with what exists."""

    code = "conflict"


class JobExists(Conflict):
    """A job of this id is in the queue already."""

    code = "job-exists"

    def __init__(self, job_id: str, queue: str) -> None:
        """Name the id and say what would return the existing job instead."""
        self.job_id = job_id
        self.queue = queue
        super().__init__(
            f"Queue {queue!r} has a job {job_id!r} already;"
            " send on_duplicate='return' to get that one instead."
        )


class BatchLocked(Conflict):
    """A batch of this name is being worked on."""

    code = "batch-locked"

    def __init__(self, batch_id: str, queue: str) -> None:
        """Name the batch and say when it may be opened again."""
        self.batch_id = batch_id
        self.queue = queue
        super().__init__(
            f"Batch {batch_id!r} of queue {queue!r} is being worked on; it may be opened again"
            " once its jobs have ended or its lock has run out."
        )


class Denied(HeadpondError):
    """The credential is missing, wrong, or may not do this."""

    code = "denied"


class Forbidden(Denied):
    """The credential is good, and may not do this."""

    code = "forbidden"


class TenantForbidden(Forbidden):
    """A caller that may not act for this tenant."""

    code = "tenant-forbidden"

    def __init__(self, tenant: str) -> None:
        """Name the tenant."""
        super().__init__(f"This credential may not act for the tenant {tenant!r}.")


class SealBroken(HeadpondError):
    """Sealed data that are not as they were sealed, or not where."""

    code = "seal-broken"

    def __init__(self, key_id: str = "") -> None:
        """Name the key that they claim."""
        key = f"with the key {key_id!r}" if key_id else "with a key of ours"
        super().__init__(
            f"What is sealed here does not open {key}: it was changed, moved from another job,"
            " queue or tenant, or sealed with another key of that id."
        )


class Unavailable(HeadpondError):
    """Nothing is wrong with the request; the same may succeed later."""

    code = "unavailable"
    retryable = True


class KeyMissing(Unavailable):
    """A key that is needed and that this process does not have."""

    code = "key-missing"

    def __init__(self, key_id: str, message: str) -> None:
        """Name the key; `""` is any, to seal with."""
        self.key_id = key_id
        super().__init__(message)


class StoreUnavailable(Unavailable):
    """The store did not answer, so what was asked may or may not have happened."""

    code = "store-unavailable"


class StoreFull(Unavailable):
    """The store refuses new jobs because its memory is used up; running jobs can still end."""

    code = "store-full"


class NotDurable(Unavailable):
    """The job is in the store, but not yet as safe as its queue's durability asks."""

    code = "not-durable"


class StoreUnfit(Unavailable):
    """The start-up gate refuses this store: its version, policy or rights would lose jobs."""

    code = "store-unfit"
    retryable = False
