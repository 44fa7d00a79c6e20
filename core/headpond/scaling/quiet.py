"""What keeps the number from going down: quiet not long enough, running jobs, a restart. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from headpond.scaling.case import Move
from headpond.scaling.words import duration, jobs, workers

if TYPE_CHECKING:
    from headpond.queues import QueueSample
    from headpond.scaling.case import Case

UNKNOWN_START_S: Final = 5.0
"""A worker's start while none has been seen."""
ROUND_S: Final = 1.0
"""Added to a start: the next decision is up to so much later."""
FRESH: Final = 2
"""So many samples in a row must show nothing to do before zero."""
LEAST_PATIENCE_S: Final = 10.0
"""Jobs that end within this, or within the window of scaleDown, keep no worker: it is asked to
claim nothing more, and they have ended by the time that it goes."""


def lead_s(case: Case) -> float:
    """Return how long before a job is due its worker must be asked for."""
    return (case.memory.cold_start_s or UNKNOWN_START_S) + ROUND_S


def idle(case: Case, number: int) -> Move | None:
    """Let the last worker go only when nothing has been there to do for `idleAfter`."""
    sample = case.sample
    if sample is None or number > 0 or case.current == 0:
        return None
    if sample.outstanding:
        return Move(1, f"one worker stays: {jobs(sample.outstanding)} are not done")
    return _not_idle_yet(case, sample)


def _not_idle_yet(case: Case, sample: QueueSample) -> Move | None:
    quiet_s = max(0.0, (sample.at_ms - case.memory.idle_since_ms) / 1000)
    left_s = max(0.0, case.policy.idle_after_s - quiet_s)
    if not left_s and case.memory.idle_samples >= FRESH:
        return None
    until_ms = case.now_ms + round(left_s * 1000)
    why = f"one worker stays until nothing was to do for {duration(case.policy.idle_after_s)}"
    return Move(1, f"{why}; so far {duration(quiet_s)}", until_ms=until_ms, then=0)


def busy(case: Case, number: int) -> Move | None:
    """Keep the workers that hold jobs, unless those end soon anyway.

    Without that exception a steady trickle, which touches every worker, would keep all of them.
    """
    floor = min(case.busy, case.current, case.bounds.ceiling)
    if number >= floor:
        return None
    service_s = case.memory.service_s
    patience_s = max(case.policy.scale_down.stabilization_s, LEAST_PATIENCE_S)
    if service_s is not None and service_s <= patience_s:
        return None
    each = f" of about {duration(service_s)}" if service_s is not None else ""
    active = case.sample.active if case.sample else 0
    return Move(floor, f"{workers(case.busy)} hold {jobs(active)}{each} and are left to work")


def crash_loop(case: Case, number: int) -> Move | None:
    """Do not send more workers after those that die; one keeps trying."""
    kept = max(1, case.current)
    if not case.seen.crash_looping or number <= kept:
        return None
    trouble = case.seen.trouble or "new workers die before they work"
    return Move(kept, f"not raised to {number:,} into a crash loop: {trouble}")


def restart(case: Case, number: int) -> Move | None:
    """Move nothing down until one window after whoever decides began."""
    until_ms = case.memory.since_ms + case.guard_ms
    if number >= case.current or case.now_ms >= until_ms:
        return None
    why = f"nothing goes down within {duration(case.guard_ms / 1000)} of a restart"
    return Move(case.current, why, until_ms=until_ms, then=number)
