"""Every job of one queue, each in exactly one place, and each place in its order."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING

from headpond.errors import Invalid
from headpond.jobs import JobState
from headpond.memory.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headpond.jobs import JobId
    from headpond.memory.rows import Rank


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

    def nth(self, state: JobState, number: int) -> Row | None:
        """Return the one behind `number` others in the order of this state."""
        order = self._orders[state]
        return self._row(order[number]) if number < len(order) else None

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
