"""Pages over the jobs of several queues and states, with filters, in bounded work.

A page is looked for in at most `ROUNDS` questions to the store. It may therefore be short, even
empty, and still have a cursor: who filters for something rare goes on until `next_cursor` is null.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from headpond.envelope import unpack_envelope
from headpond.jobs import JobState, StoredJob
from headpond.ports import QueueStore
from headpond.queues import QueueSample
from headpond_api.auth import Caller
from headpond_api.faults import CursorInvalid

ROUNDS: Final = 20
"""Questions to the store for one page."""

ORDER: Final = tuple(JobState)
"""States of a queue are listed in this order."""


class _Place(msgspec.Struct, array_like=True, frozen=True):
    """What a cursor holds."""

    query: str
    queue: str
    state: int
    inner: str


_read_place = msgspec.msgpack.Decoder(_Place).decode


@dataclass(frozen=True, slots=True)
class JobQuery:
    """What is asked for."""

    queues: Sequence[str]
    """Sorted."""
    states: frozenset[JobState]
    caller: Caller
    job_type: str | None = None
    tenant: str | None = None
    limit: int = 50
    named: str | None = None
    """The one queue that was asked for, if one was."""

    def fits(self, job: StoredJob) -> bool:
        """Whether the job is asked for, and the caller's business."""
        if self.tenant is not None and job.tenant != self.tenant:
            return False
        if not self.caller.acts_for(job.tenant):
            return False
        return self.job_type is None or unpack_envelope(job.body).job_type == self.job_type

    def fingerprint(self) -> str:
        """Return what must stay the same while a cursor is followed."""
        asked = (sorted(self.states), self.job_type, self.tenant, self.named)
        return hashlib.sha256(msgspec.msgpack.encode(asked)).hexdigest()[:12]


@dataclass(slots=True)
class _Walk:
    """One page in the making."""

    query: JobQuery
    found: list[StoredJob] = field(default_factory=list)
    rounds: int = 0

    @property
    def over(self) -> bool:
        return len(self.found) >= self.query.limit or self.rounds >= ROUNDS

    async def through(self, store: QueueStore, queue: str, state: JobState, inner: str) -> str:
        """Take from one state of one queue; return where to go on in it, `""` when it is done."""
        while not self.over:
            wanted = self.query.limit - len(self.found)
            page = await store.page(queue, state, inner, wanted)
            self.rounds += 1
            self.found += [job for job in page.jobs if self.query.fits(job)]
            inner = page.cursor
            if not inner:
                break
        return inner


async def list_jobs(
    store: QueueStore, query: JobQuery, cursor: str
) -> tuple[list[StoredJob], str | None]:
    """Return the jobs of one page, and the cursor of the next (`None`: that was all)."""
    place = _place(cursor, query)
    samples = await store.sample(query.queues)
    stops = [stop for stop in _stops(query, samples) if place is None or stop >= _at(place)]
    walk = _Walk(query)
    for at, (queue, number) in enumerate(stops):
        resumed = place is not None and (queue, number) == _at(place)
        inner = place.inner if place is not None and resumed else ""
        inner = await walk.through(store, queue, ORDER[number], inner)
        if inner:
            return walk.found, _cursor(query, queue, number, inner)
        if walk.over and at + 1 < len(stops):
            return walk.found, _cursor(query, *stops[at + 1], "")
    return walk.found, None


def _stops(query: JobQuery, samples: Mapping[str, QueueSample]) -> Iterator[tuple[str, int]]:
    """Yield the states of the queues that have jobs, in the order of the list."""
    for queue in query.queues:
        sample = samples.get(queue)
        for number, state in enumerate(ORDER):
            if sample is not None and state in query.states and _count(sample, state):
                yield queue, number


def _count(sample: QueueSample, state: JobState) -> int:
    count: int = getattr(sample, state.value)
    return count + sample.due if state is JobState.DELAYED else count


def _at(place: _Place) -> tuple[str, int]:
    return place.queue, place.state


def _place(cursor: str, query: JobQuery) -> _Place | None:
    if not cursor:
        return None
    try:
        place = _read_place(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise CursorInvalid from error
    if place.query != query.fingerprint():
        raise CursorInvalid
    return place


def _cursor(query: JobQuery, queue: str, number: int, inner: str) -> str:
    place = _Place(query.fingerprint(), queue, number, inner)
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).decode().rstrip("=")
