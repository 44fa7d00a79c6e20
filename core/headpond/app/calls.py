"""Jobs on their way into a queue, one or many, and what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from headpond.app.wishes import refused
from headpond.errors import FieldError, PayloadInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from headpond.app.job_type import JobType
    from headpond.app.wishes import Wishes
    from headpond.jobs import JobId, NewJob, Placed
    from headpond.ports import QueueStore

CHUNK: Final = 1000
"""Jobs in one call of a store."""
CHUNK_BYTES: Final = 4 * 1024 * 1024
"""Of all their payloads: Redis serves nobody else for some 10 ms a MiB."""
AT_ONCE: Final = 4
"""Such calls under way, so that a store is never kept waiting for the next."""


@dataclass(slots=True, unsafe_hash=True)  # a frozen one takes three times as long to make
class Enqueued:
    """What became of an enqueue."""

    id: JobId
    """The job's own, or that of the one which holds its key."""
    created: bool
    """False: a job of this id or with this key was there already, and nothing was changed."""
    replaced: JobId | None = None
    """The job with this key that was cancelled in favour of the new one."""


@dataclass(slots=True)
class Call:
    """A job that is ready to be enqueued: its payload fits. Made by `JobType.call`."""

    job_type: JobType
    payload: Any
    wishes: Wishes

    def pack(self) -> NewJob:
        """Make the job that a store takes; after `Queue.refresh`, by whose terms it is sealed."""
        return self.job_type.make(self.payload, self.wishes)

    def for_queue(self, queue: str, field: str) -> Call:
        """Return itself, or raise for `field` when it is for another queue."""
        if self.job_type.queue == queue:
            return self
        detail = f"{self.job_type!r} is a job of another queue than {queue!r}."
        raise refused(field, detail)


def enqueued(placed: Placed) -> Enqueued:
    """Return what a store says, as callers see it."""
    return Enqueued(placed.id, placed.created, placed.replaced)


def packed(payloads: Iterable[Any], pack: Callable[[Any], NewJob]) -> list[NewJob]:
    """Pack them all, or raise `PayloadInvalid` whose pointers begin with the payload's index."""
    given: object = payloads  # callers without a type checker pass anything
    if not isinstance(given, Iterable):
        raise refused("", f"{given!r} are no payloads: give several of them.")
    jobs = []
    for at, payload in enumerate(payloads):
        try:
            jobs.append(pack(payload))
        except PayloadInvalid as error:
            faults = [FieldError(f"/{at}{each.pointer}", each.detail) for each in error.errors]
            raise PayloadInvalid(error.job_type, faults) from error
    return jobs


async def send(store: QueueStore, queue: str, jobs: list[NewJob]) -> list[Enqueued]:
    """Enqueue any number of jobs, in their order."""
    placed: list[Enqueued] = []
    chunks = list(_chunks(jobs))
    for at in range(0, len(chunks), AT_ONCE):
        under_way = [store.enqueue(queue, chunk) for chunk in chunks[at : at + AT_ONCE]]
        for answers in await asyncio.gather(*under_way):
            placed += map(enqueued, answers)
    return placed


def _chunks(jobs: list[NewJob]) -> Iterator[list[NewJob]]:
    chunk: list[NewJob] = []
    size = 0
    for job in jobs:
        size += len(job.body)
        if chunk and (len(chunk) == CHUNK or size > CHUNK_BYTES):
            yield chunk
            chunk, size = [], len(job.body)
        chunk.append(job)
    if chunk:
        yield chunk
