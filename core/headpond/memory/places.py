"""Every job of one queue, each in exactly one place, and each place in its order."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headpond.errors import Invalid
from headpond.jobs import HIGHEST_PRIORITY, JobState, StoredJob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headpond.jobs import FailReason, JobId

Rank = tuple[float | str, ...]
"""Where a job stands among those of its state; ends with its id, so no two are equal."""


@dataclass(slots=True, eq=False)
class Row:
    """One job, as it changes. The times of `StoredJob`; 0 for 'not yet'."""

    id: JobId
    body: bytes
    priority: int
    tenant: str
    created_ms: int
    since_ms: int
    state: JobState = JobState.WAITING
    tag: float = 0.0
    """Place among its level's tenants (`FairTags`); kept until it ends or becomes due again."""
    attempts: int = 0
    crashes: int = 0
    due_ms: int = 0
    claimed_ms: int = 0
    finished_ms: int = 0
    end: int = 0
    """Counts up with each ended job: the order of those that end in the same millisecond."""
    worker: str = ""
    fence: str = ""
    lease_end_ms: int = 0
    parked: str = ""
    reason: FailReason | None = None
    outcome: bytes | None = None

    def rank(self) -> Rank:
        """Return its place in its state's order."""
        match self.state:
            case JobState.WAITING:
                return (HIGHEST_PRIORITY - self.priority, self.tag, self.id)
            case JobState.DELAYED:
                return (self.due_ms, self.id)
            case JobState.ACTIVE:
                return (self.claimed_ms, self.id)
            case JobState.COMPLETED | JobState.FAILED | JobState.CANCELLED:
                return (-self.finished_ms, -self.end, self.id)

    def stored(self, queue: str) -> StoredJob:
        """Return it as the port shows it."""
        return StoredJob(
            id=self.id,
            queue=queue,
            state=self.state,
            body=self.body,
            priority=self.priority,
            tenant=self.tenant,
            attempts=self.attempts,
            crashes=self.crashes,
            created_ms=self.created_ms,
            due_ms=self.due_ms,
            claimed_ms=self.claimed_ms,
            finished_ms=self.finished_ms,
            worker=self.worker,
            parked=bool(self.parked),
            reason=self.reason,
            outcome=self.outcome,
        )


class Places:
    """The rows by id, and the ids of each state in order."""

    def __init__(self) -> None:
        """Begin with none."""
        self._rows: dict[JobId, Row] = {}
        self._orders: dict[JobState, list[Rank]] = {state: [] for state in JobState}

    def __contains__(self, job_id: JobId) -> bool:
        """Whether there is such a job, in whatever state."""
        return job_id in self._rows

    def get(self, job_id: JobId) -> Row | None:
        """Return the job."""
        return self._rows.get(job_id)

    def count(self, state: JobState) -> int:
        """Return how many jobs are in this state."""
        return len(self._orders[state])

    def first(self, state: JobState) -> Row | None:
        """Return the first in the order of this state."""
        order = self._orders[state]
        return self._row(order[0]) if order else None

    def last(self, state: JobState) -> Row | None:
        """Return the last in the order of this state."""
        order = self._orders[state]
        return self._row(order[-1]) if order else None

    def each(self, state: JobState) -> Iterator[Row]:
        """Yield the jobs of this state in order; the caller may move them meanwhile."""
        return (self._row(rank) for rank in tuple(self._orders[state]))

    def add(self, row: Row) -> None:
        """Take a new job in."""
        self._rows[row.id] = row
        insort(self._orders[row.state], row.rank())

    def lift(self, row: Row) -> None:
        """Take it out of its order, to be changed and `add`ed again in the same step."""
        order = self._orders[row.state]
        del order[bisect_left(order, row.rank())]

    def drop(self, row: Row) -> None:
        """Forget the job; its id is free again."""
        self.lift(row)
        del self._rows[row.id]

    def slice(self, state: JobState, cursor: str, limit: int) -> tuple[list[Row], str]:
        """Return up to `limit` jobs behind `cursor`, and the cursor behind those."""
        order = self._orders[state]
        start = bisect_right(order, _parse_cursor(state, cursor)) if cursor else 0
        ranks = order[start : start + limit]
        more = start + limit < len(order)
        behind = json.dumps([state, *ranks[-1]], separators=(",", ":")) if more and ranks else ""
        return [self._row(rank) for rank in ranks], behind

    def _row(self, rank: Rank) -> Row:
        return self._rows[rank[-1]]  # type: ignore[index]  # a rank ends with the id


def _parse_cursor(state: JobState, cursor: str) -> Rank:
    message = f"{cursor!r} is no cursor of this list; leave it out to begin at the start."
    try:
        given, *rank = json.loads(cursor)
    except (ValueError, TypeError) as error:
        raise Invalid(message) from error
    kinds = [str if isinstance(part, str) else float for part in rank]
    shape = len(Row("", b"", 0, "", 0, 0, state).rank())  # type: ignore[arg-type]
    if given != state or kinds != [float] * (shape - 1) + [str]:
        raise Invalid(message)
    return tuple(rank)
