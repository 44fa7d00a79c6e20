"""A history in order: the runs of each job, the answers about it, and who was away when."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import history

if TYPE_CHECKING:
    from collections.abc import Sequence

    from history import Accepted, Asked, Event

FOREVER: Final = float("inf")


@dataclass(slots=True)
class Run:
    """One run of a handler, as it was told; times are seconds."""

    id: str
    job: str
    worker: str
    attempt: int
    began: float
    ended: float = FOREVER
    """Told, or when its worker died."""
    how: str = ""
    """`""`: its end was never told."""


@dataclass(slots=True)
class Past:
    """What a history says, by job and by worker."""

    offered: dict[str, str] = field(default_factory=dict)
    """Each with its batch, `""` for none."""
    answers: dict[str, list[Accepted]] = field(default_factory=lambda: defaultdict(list))
    refused: set[str] = field(default_factory=set)
    """Ids that were offered once and refused."""
    replaced: set[str] = field(default_factory=set)
    asks: dict[str, list[Asked]] = field(default_factory=lambda: defaultdict(list))
    runs: dict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))
    killed: dict[str, float] = field(default_factory=dict)
    leaving: dict[str, float] = field(default_factory=dict)
    """Workers by when they were told to end."""
    snaps: int = 0
    cuts: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    """By worker, `""` for all of them: from when to when."""

    def away_s(self, worker: str, since: float, until: float) -> float:
        """Return for how long at most a worker was away without a break between two moments."""
        return max(
            (
                min(end, until) - max(begin, since)
                for begin, end in (*self.cuts.get(worker, ()), *self.cuts.get("", ()))
            ),
            default=0.0,
        )

    def was_in(self, job: str, at: float) -> bool:
        """Say whether a job had been accepted by then."""
        return any(answer.created and answer.at < at for answer in self.answers.get(job, ()))

    def was_asked(self, job: str, *verbs: str) -> bool:
        """Say whether any of this was asked of a job and may have happened."""
        return any(
            ask.verb in verbs and ask.answer in MAY_HAVE_HAPPENED[ask.verb]
            for ask in self.asks.get(job, ())
        )


MAY_HAVE_HAPPENED: Final = {
    "cancel": {"cancelled", "asked", ""},
    "fail": {"cancelled", "asked", ""},
    "retry": {"failed", "cancelled", ""},
}
"""Answers by verb; `""` is none, and then nobody knows."""


def past_of(events: Sequence[Event]) -> Past:
    """Put a history (by time) in order."""
    reader = _Reader()
    for event in events:
        reader.take_answer(event)
        reader.take_run(event)
        reader.take_fault(event)
    return reader.done()


class _Reader:
    """Reads a history from its beginning."""

    def __init__(self) -> None:
        self.past = Past()
        self._open_runs: dict[str, Run] = {}
        self._open_cuts: dict[str, float] = {}
        self._unanswered: Counter[str] = Counter()

    def take_answer(self, event: Event) -> None:
        """Take what producers and people were told."""
        past = self.past
        match event:
            case history.Offered():
                past.offered.setdefault(event.id, event.batch)
                self._unanswered[event.id] += 1
            case history.Accepted():
                past.answers[event.id].append(event)
                if event.replaced:
                    past.replaced.add(event.replaced)
            case history.Refused():
                self._unanswered[event.id] -= 1
            case history.Asked():
                past.asks[event.id].append(event)
            case _:
                pass

    def take_run(self, event: Event) -> None:
        """Take what handlers told."""
        match event:
            case history.Started():
                run = Run(event.run, event.id, event.worker, event.attempt, event.at)
                self.past.runs[event.id].append(run)
                self._open_runs[event.run] = run
            case history.Ended():
                ended = self._open_runs.pop(event.run, None)
                if ended is not None:
                    ended.ended, ended.how = event.at, event.how
            case _:
                pass

    def take_fault(self, event: Event) -> None:
        """Take what was done to workers."""
        match event:
            case history.Killed():
                self.past.killed[event.worker] = event.at
                self._die(event.worker, event.at)
            case history.Leaving():
                self.past.leaving[event.worker] = event.at
            case history.Left():
                self._die(event.worker, event.at)
            case history.Snapped():
                self.past.snaps += 1
            case history.Cut():
                self._open_cuts.setdefault(event.worker, event.at)
            case history.Healed():
                since = self._open_cuts.pop(event.worker)
                self.past.cuts[event.worker].append((since, event.at))
            case _:
                pass

    def done(self) -> Past:
        """Return it all; what was never healed lasts."""
        for worker, since in self._open_cuts.items():
            self.past.cuts[worker].append((since, FOREVER))
        self.past.refused = {job for job, count in self._unanswered.items() if count <= 0}
        return self.past

    def _die(self, worker: str, at: float) -> None:
        for run in [run for run in self._open_runs.values() if run.worker == worker]:
            run.ended = at
            del self._open_runs[run.id]
