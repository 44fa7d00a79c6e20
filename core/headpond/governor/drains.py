"""Whom to ask to drain, whom to take back, whom to stop. Pure.

A worker may be stopped when three things hold at once in one sample: it was marked in an earlier
round (since then the store gives it nothing), the store counts no job with it, and it says itself
that it is drained. Who is under way is read from the workers' own words too, so that a governor
that starts anew goes on with the drains of the one before; but it marks them again before it
believes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headpond.queues import WorkerState

if TYPE_CHECKING:
    from headpond.queues import QueueSample, WorkerSeen

_DRAIN = (WorkerState.DRAINING, WorkerState.DRAINED)
_CLAIM = (WorkerState.STARTING, WorkerState.WORKING)


@dataclass(frozen=True, slots=True)
class Staff:
    """A queue's workers as the governor left them."""

    wanted: int
    """Workers wanted, as last written."""
    asked: frozenset[str] = frozenset()
    """Marked in earlier rounds."""
    released: frozenset[str] = frozenset()
    """Taken back, and not yet heard to work again."""
    stopped: frozenset[str] = frozenset()
    """Whom the fleet was told to stop; the store may still know them for a moment."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do about a queue's workers in this round."""

    ask: tuple[str, ...]
    release: tuple[str, ...]
    stop: tuple[str, ...]
    """Acknowledged: these and no others may be stopped."""
    to: int
    """The number of workers to write together with `stop`."""
    staff: Staff
    """How things stand when all of it is done."""


def plan_down(sample: QueueSample, staff: Staff, target: int) -> Plan:
    """Plan a round on the way from `staff.wanted` workers to `target`.

    The idlest are asked first, of equally idle ones the youngest. Whom the store has not heard of
    can't be asked and counts as staying, unless there is nothing to do and nobody is to stay.
    """
    present = [worker for worker in sample.workers if worker.id not in staff.stopped]
    if target == 0 and _may_all_go(sample, staff, present):
        return _end(staff, [worker.id for worker in present])
    excess = max(0, staff.wanted - target)
    under_way = sorted((w for w in present if _is_under_way(w, staff)), key=_readiness)
    kept, taken_back = under_way[:excess], under_way[excess:]
    unheard = max(0, staff.wanted - len(present)) if _work(sample) else 0
    free = sorted((w for w in present if _may_be_asked(w, staff)), key=_idleness)
    chosen = free[: max(0, excess - len(kept) - unheard)]
    stop = tuple(w.id for w in kept if _has_acknowledged(w, staff))
    again = [w for w in kept if w.id not in staff.asked]
    asked = frozenset(w.id for w in (*kept, *chosen)) - frozenset(stop)
    release = tuple(w.id for w in taken_back)
    silent = {w.id for w in present if w.state in _DRAIN and w.id in staff.released}
    return Plan(
        ask=tuple(w.id for w in (*again, *chosen)),
        release=release,
        stop=stop,
        to=staff.wanted - len(stop),
        staff=Staff(
            wanted=staff.wanted - len(stop),
            asked=asked,
            released=(frozenset(release) | silent) - asked,
            stopped=_still_known(sample, staff) | frozenset(stop),
        ),
    )


def _end(staff: Staff, stop: list[str]) -> Plan:
    stopped = staff.stopped | frozenset(stop)
    return Plan((), (), tuple(stop), 0, Staff(wanted=0, stopped=stopped))


def _may_all_go(sample: QueueSample, staff: Staff, present: list[WorkerSeen]) -> bool:
    """Return whether zero can be written at once: workers that never came up are called off so."""
    if _work(sample) or not staff.wanted:
        return False
    return all(_has_acknowledged(worker, staff) for worker in present)


def _work(sample: QueueSample) -> int:
    """Return how many jobs somebody may be at, or could begin at any moment."""
    return sample.active if sample.is_held else sample.outstanding


def _is_under_way(worker: WorkerSeen, staff: Staff) -> bool:
    if worker.state is WorkerState.STOPPING:
        return False
    if worker.id in staff.asked:
        return True
    return worker.state in _DRAIN and worker.id not in staff.released


def _may_be_asked(worker: WorkerSeen, staff: Staff) -> bool:
    if worker.id in staff.asked:
        return False
    return worker.state in _CLAIM or (worker.state in _DRAIN and worker.id in staff.released)


def _has_acknowledged(worker: WorkerSeen, staff: Staff) -> bool:
    is_quiet = worker.state is WorkerState.DRAINED and not worker.active
    return is_quiet and worker.id in staff.asked


def _readiness(worker: WorkerSeen) -> tuple[bool, int, str]:
    """Sort those that will go soonest to the front: they stay asked when some are taken back."""
    return (worker.state is not WorkerState.DRAINED, worker.active, worker.id)


def _idleness(worker: WorkerSeen) -> tuple[int, int, str]:
    return (worker.active, -worker.started_ms, worker.id)


def _still_known(sample: QueueSample, staff: Staff) -> frozenset[str]:
    return staff.stopped & frozenset(worker.id for worker in sample.workers)
