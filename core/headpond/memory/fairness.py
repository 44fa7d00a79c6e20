"""Whose turn it is within a priority level: start-time fair queueing over tenants.

A job's tag is `max(virtual time of its level, last tag of its tenant in that level) + 1 / weight`;
the virtual time is the largest tag claimed in the level. Jobs start in the order of their tags, so
each tenant with work gets its turn whatever the others have piled up, and one tenant alone is
served first in, first out. See P. Goyal, H. Vin, H. Cheng, "Start-time fair queueing" (SIGCOMM
1996).
"""

from __future__ import annotations

from collections import defaultdict


class FairTags:
    """Gives out the tags of one queue."""

    def __init__(self) -> None:
        """Begin at virtual time 0 in each level."""
        self._times: defaultdict[int, float] = defaultdict(float)
        self._lasts: dict[tuple[int, str], float] = {}

    def next(self, level: int, tenant: str, weight: int = 1) -> float:
        """Return the tag of the tenant's next job."""
        tag = max(self._times[level], self._lasts.get((level, tenant), 0.0)) + 1 / weight
        self._lasts[level, tenant] = tag
        return tag

    def claimed(self, level: int, tenant: str, tag: float) -> None:
        """Move the virtual time on; a tenant that it has caught up with needs no memory."""
        time = self._times[level] = max(self._times[level], tag)
        if self._lasts.get((level, tenant), 0.0) <= time:
            self._lasts.pop((level, tenant), None)

    def rest(self) -> None:
        """Forget the tenants' last tags: nothing waits, so whoever comes next begins level."""
        self._lasts.clear()
