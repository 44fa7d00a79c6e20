"""What the governor needs of a `QueueStore`, so that a simulated one need not be whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from headpond.jobs import NewJob
    from headpond.ports import ScheduleEntry
    from headpond.queues import QueueSample, QueueSettings


class GovernedStore(Protocol):
    """The part of `headpond.ports.QueueStore` that the governor uses, with the contracts there."""

    async def tick(self, queues: Sequence[str]) -> Mapping[str, QueueSample]:
        """Reap, promote and trim, then sample, in one round trip."""
        ...

    async def drain(self, queue: str, workers: Sequence[str]) -> None:
        """Ask these workers to stop claiming."""
        ...

    async def undrain(self, queue: str, workers: Sequence[str]) -> None:
        """Take the request back."""
        ...

    async def set_wake(self, queue: str, backlog: int) -> None:
        """Publish once when the backlog reaches this."""
        ...

    def wakes(self) -> AsyncIterator[str]:
        """Yield the name of each queue whose mark was crossed."""
        ...

    async def record(self, queue: str, decision: str) -> None:
        """Keep a decision."""
        ...

    async def decisions(self, queue: str, limit: int) -> Sequence[str]:
        """Return the newest decisions."""
        ...

    async def schedules(self, queue: str) -> list[ScheduleEntry]:
        """Return the schedules."""
        ...

    async def settings(self, queue: str) -> QueueSettings | None:
        """Return the settings in force."""
        ...

    async def fire(
        self, queue: str, entry: ScheduleEntry, jobs: Sequence[NewJob], next_ms: int
    ) -> bool:
        """Enqueue the occurrences of a schedule and set its next time, in one step."""
        ...
