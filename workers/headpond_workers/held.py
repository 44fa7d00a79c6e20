"""A job that this worker holds: from its claim until its end is reported."""

from __future__ import annotations

import asyncio
from contextvars import Token
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from headpond.app import Job
from headpond.broker import Running
from headpond.envelope import Progress
from headpond.jobs import Claim, Released
from headpond.retries import RetryPolicy
from headpond.sealing import Place

if TYPE_CHECKING:
    from collections.abc import Mapping

Why = Literal["", "timeout", "shutdown", "lost", "cancelled"]
"""What a run was told to stop for."""


class Held(msgspec.Struct, eq=False):
    """A claim, and what is known of its run. Made for every job, so it is a msgspec struct."""

    claim: Claim
    since: float = 0.0
    """When it was claimed, by the loop's clock."""
    ticket: list[None] = msgspec.field(default_factory=lambda: [None])
    """The right to start it or to hand it back; empty once taken."""
    ready_s: float = 0.0
    """When it could have started, by the loop's clock: how long it waited then is the store's."""
    has_slot: bool = False
    task: asyncio.Task[None] | None = None
    """What it runs in."""
    began: float = 0.0
    deadline: float = 0.0
    """When its time is up, by the loop's clock; 0: it has not started or has no limit."""
    limit_s: float = 0.0
    leave_at: float = 0.0
    """When it is left behind, should it not have heeded its interruption by then; 0: never."""
    retry: RetryPolicy | None = None
    job: Job | None = None
    running: Running | None = None
    """For whom it matters that a run may kick its own id."""
    token: Token[Running | None] | None = None
    """Takes `running` out of the context again."""
    ended_by: Why = ""
    """Why it was interrupted."""
    in_thread: bool = False
    """Its handler runs in a thread, which can't be interrupted."""
    has_returned: bool = False
    """The handler has ended well; what remains is taskiq's."""
    given_back: bool = False
    """The lease thread gave it back, because the loop did not come to start it."""
    place: Place | None = None
    """Of a sealed job: what it leaves is sealed for this place."""
    said: Progress | None = None
    """Its latest progress."""
    passed_on: Progress | None = None
    """The progress that was passed on last."""
    unheard: bytes | None = None
    """The same, packed, until the store has answered."""
    is_saying: bool = False
    """Progress is on its way."""
    silent_until: float = 0.0
    """No progress is passed on before."""

    def begin(self) -> bool:
        """Take the right to start it or to hand it back; the first of two threads gets it."""
        try:
            self.ticket.pop()
        except IndexError:
            return False
        return True

    def set_limit(self, labels: Mapping[str, Any] | None, limit_s: float) -> None:
        """Set when the run's time is up: as its label says, else after `limit_s`; 0: never."""
        if labels and (label := labels.get("timeout")) is not None:
            limit_s = float(label)
        self.limit_s = limit_s
        self.deadline = self.began + limit_s if limit_s else 0.0

    def released(self) -> Released:
        """Return the report that gives the job back."""
        return Released(self.claim.id, self.claim.fence)
