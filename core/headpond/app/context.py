"""The job at hand, as its handler sees it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Job:
    """Who the handler works for. A handler asks for it by a parameter annotated `Job`."""

    id: str
    queue: str
    type: str
    tenant: str = ""
    attempt: int = 1
    """1 for the first run."""
    correlation_id: str = ""
    cancelled: bool = field(default=False)
    """Nobody waits for this run any more: its time is up, or the lease was lost.

    A handler in a thread can't be interrupted; it looks here between two steps.
    """
