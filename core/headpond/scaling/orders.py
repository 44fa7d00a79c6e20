"""What somebody ordered, and what holds when nobody knows anything: the last of the rules. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headpond.scaling.case import Move
from headpond.scaling.model import Mode, Pause
from headpond.scaling.words import duration, jobs, workers

if TYPE_CHECKING:
    from headpond.scaling.case import Case


def manual(case: Case, _: int) -> Move | None:
    """Take the number that somebody set; no bound and no window is stronger."""
    if case.policy.mode is not Mode.MANUAL:
        return None
    return Move(case.policy.replicas, f"mode Manual: {workers(case.policy.replicas)}")


def drain(case: Case, _: int) -> Move | None:
    """Go to zero, past `min` and every window, as fast as the running jobs end and no faster."""
    sample = case.sample
    if case.policy.pause is not Pause.DRAIN or sample is None:
        return None
    if not sample.active:
        return Move(0, "pause Drain, and no job runs")
    kept = min(case.current, max(1, case.busy))
    return Move(kept, f"pause Drain: {jobs(sample.active)} still running on {workers(case.busy)}")


def frozen(case: Case, number: int) -> Move | None:
    """Leave the number as it is, and say what it would be."""
    if case.policy.mode is not Mode.FROZEN:
        return None
    return Move(case.current, f"mode Frozen; without it {workers(number)}")


def unknown(case: Case, number: int) -> Move | None:
    """Without a sample: leave it as it is, or raise it to `atLeast`. Unknown is not zero."""
    if case.sample is not None or number >= _held_at(case):
        return None
    return Move(_held_at(case), _why_unknown(case))


def unknown_first(case: Case, _: int) -> Move | None:
    """Begin with what is there, when nothing else is known."""
    return None if case.sample is not None else Move(_held_at(case), _why_unknown(case))


def store_reset(case: Case, number: int) -> Move | None:
    """For a window after the store came back without its data it counts as unknown.

    What it shows may raise the number, for jobs that are there want to run.
    """
    reset_ms = case.memory.reset_ms
    if case.sample is None or not reset_ms or case.now_ms >= reset_ms + case.guard_ms:
        return None
    why = (
        "StoreReset: the store came back without this queue's data,"
        f" which counts as unknown for {duration(case.guard_ms / 1000)}"
    )
    until_ms = reset_ms + case.guard_ms
    return Move(max(number, _held_at(case)), why, until_ms=until_ms, then=number)


def _held_at(case: Case) -> int:
    if case.policy.mode is Mode.FROZEN:
        return case.current
    return max(case.current, min(case.policy.on_unknown_at_least, case.bounds.ceiling))


def _why_unknown(case: Case) -> str:
    at_least = case.policy.on_unknown_at_least
    rule = f"onUnknown asks for at least {workers(at_least)}" if at_least else "the number stays"
    return f"the queue's store does not answer, which is not an empty queue: {rule}"
