"""What only an HTTP API can find wrong, as members of Headpond's one tree of errors.

::

    Invalid
    ├── MalformedJson      not JSON, or JSON that two readers would understand differently   400
    ├── MediaTypeUnsupported                                                                415
    ├── CursorInvalid      a cursor that this API did not give out                           400
    ├── RequestInvalid     the body or a parameter does not fit its schema                   422
    └── BulkRejected       no job of a bulk could be taken                                   422
    Conflict
    ├── JobsExist          some jobs of an all-or-none bulk are there already                409
    ├── JobAmbiguous       the id exists in several queues                                   409
    └── HeldBySpec         a runtime resume can't lift a hold of the declaration             409
    Denied
    ├── Unauthenticated                                                                      401
    └── Forbidden
        └── PermissionMissing                                                                403
    StoreUnavailable
    ├── EnqueueUnconfirmed it is not known whether the job is in                             503
    └── BulkUnconfirmed    or the jobs
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from headpond.errors import (
    Conflict,
    Denied,
    FieldError,
    Forbidden,
    Invalid,
    NotDurable,
    StoreFull,
    StoreUnavailable,
    Unavailable,
)

MOST_FAULTS: Final = 100
"""A problem lists this many faults at most."""


class MalformedJson(Invalid):
    """A body that is no JSON, or no JSON that everybody reads alike."""

    code = "malformed-json"

    def __init__(self, reason: str, pointer: str = "") -> None:
        """Say what is wrong; `pointer` where it is, if that can be said."""
        self.errors = (FieldError(pointer, reason),) if pointer else ()
        super().__init__(f"The body can't be read as JSON: {reason}")


class MediaTypeUnsupported(Invalid):
    """A body that does not say that it is JSON."""

    code = "media-type-unsupported"


class CursorInvalid(Invalid):
    """A cursor that is broken, or was given out for another query."""

    code = "cursor-invalid"

    def __init__(self) -> None:
        """Say how to get a good one."""
        super().__init__(
            "The cursor does not belong to this query:"
            " begin without one, and keep the filters while following next_cursor."
        )


class RequestInvalid(Invalid):
    """A body or a parameter that does not fit its schema."""

    code = "request-invalid"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        """Keep each fault; the message counts them."""
        self.errors = tuple(errors)
        count = len(self.errors)
        what = "1 field does" if count == 1 else f"{count} fields do"
        super().__init__(f"{what} not fit the schema; see errors.")


class BulkRejected(Invalid):
    """A bulk of which no job could be taken."""

    code = "bulk-rejected"

    def __init__(self, errors: Sequence[FieldError], items: int) -> None:
        """Keep the first faults; the message counts the items."""
        self.errors = tuple(errors[:MOST_FAULTS])
        which = "1 item is" if items == 1 else f"{items} items are"
        super().__init__(f"{which} rejected and nothing was enqueued; see errors.")


class JobsExist(Conflict):
    """Jobs of an all-or-none bulk that are in the queue already."""

    code = "jobs-exist"

    def __init__(self, queue: str, job_ids: Sequence[str]) -> None:
        """Name them."""
        self.queue = queue
        self.job_ids = list(job_ids)
        some = ", ".join(repr(each) for each in self.job_ids[:5])
        more = " …" if len(self.job_ids) > 5 else ""  # noqa: PLR2004 (a readable list)
        super().__init__(
            f"Queue {queue!r} has {len(self.job_ids)} of these jobs already ({some}{more}), so"
            " nothing was enqueued; send on_duplicate='return', or mode='each'."
        )


class JobAmbiguous(Conflict):
    """A job id that several queues have."""

    code = "job-ambiguous"

    def __init__(self, job_id: str, queues: Sequence[str]) -> None:
        """Name the queues."""
        self.job_id = job_id
        self.queues = list(queues)
        listed = ", ".join(repr(queue) for queue in self.queues)
        super().__init__(f"Job {job_id!r} is in several queues: {listed}; add ?queue=.")


class HeldBySpec(Conflict):
    """A queue that its declaration holds; a runtime resume can't lift that."""

    code = "held-by-spec"

    def __init__(self, queue: str) -> None:
        """Say where the hold can be lifted."""
        self.queue = queue
        super().__init__(
            f"Queue {queue!r} is held by its QueueConfig, which wins: set spec.pause to None there."
        )


class Unauthenticated(Denied):
    """No credential, or one that nobody has."""

    code = "unauthenticated"

    def __init__(self) -> None:
        """Say the same whatever is wrong, so that nothing can be learned."""
        super().__init__(
            "A valid key is needed: send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'."
        )


class PermissionMissing(Forbidden):
    """A caller without the permission for this."""

    def __init__(self, permission: str) -> None:
        """Name the permission that is missing."""
        self.permission = permission
        super().__init__(
            f"This needs the permission {permission!r}, which the caller does not have."
        )


_AWAY: Final = "The store did not answer"


class EnqueueUnconfirmed(StoreUnavailable):
    """The store did not answer, so the job may or may not be in; repeating is safe."""

    def __init__(self, queue: str, job_id: str, why: str = _AWAY) -> None:
        """Name the id that makes a repetition safe."""
        self.queue = queue
        self.job_id = job_id
        super().__init__(
            f"{why}, so job {job_id!r} may or may not be in queue {queue!r}."
            " Send it again with this job_id and on_duplicate='return': it will not run twice."
        )


class BulkUnconfirmed(StoreUnavailable):
    """The store did not answer, so the jobs may or may not be in; repeating is safe."""

    def __init__(self, queue: str, job_ids: Sequence[str], why: str = _AWAY) -> None:
        """Name the ids that make a repetition safe, in the order of the request."""
        self.queue = queue
        self.job_ids = list(job_ids)
        super().__init__(
            f"{why}, so these jobs may or may not be in queue {queue!r}. Send"
            " them again with these job_ids and on_duplicate='return': none will run twice."
        )


def unconfirmed(error: Unavailable, queue: str, job_id: str) -> Unavailable:
    """Return what to raise for a job whose enqueue ended in `error`."""
    if isinstance(error, StoreFull):
        return StoreFull(str(error))
    return EnqueueUnconfirmed(queue, job_id, reason(error))


def reason(error: Unavailable) -> str:
    """Return why an enqueue is not confirmed, as the begin of a sentence."""
    return str(error) if isinstance(error, NotDurable) else _AWAY
