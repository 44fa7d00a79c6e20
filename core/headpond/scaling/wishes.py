"""What the load and the declared bounds ask for: the first of the rules. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headpond.scaling.arithmetic import workers_for
from headpond.scaling.case import Move
from headpond.scaling.quiet import lead_s
from headpond.scaling.words import duration, jobs, rate, workers

if TYPE_CHECKING:
    from headpond.queues import QueueSample
    from headpond.scaling.arithmetic import Load
    from headpond.scaling.case import Case
    from headpond.scaling.model import Policy


def demand(case: Case, _: int) -> Move | None:
    """Ask for what the load needs; a held backlog needs nothing."""
    sample, load = case.sample, case.load
    if sample is None or load is None:
        return None
    if case.is_held and load.backlog:
        return Move(-(-load.active // case.policy.slots), _why_held(sample, load))
    needed = workers_for(case.policy, load)
    return Move(needed, _why(case.policy, load, needed))


def starting(case: Case, number: int) -> Move | None:
    """Do not ask twice: while workers start, the backlog they were asked for is taken care of."""
    coming, load = case.seen.starting, case.load
    if not coming or load is None or number <= case.current:
        return None
    if load.backlog > case.memory.asked_backlog:
        return None
    verb = "is" if coming == 1 else "are"
    why = f"{workers(coming)} of {case.current:,} {verb} starting for these {jobs(load.backlog)}"
    return Move(case.current, why)


def due(case: Case, number: int) -> Move | None:
    """Have a worker ready when the next delayed job becomes due."""
    sample = case.sample
    if sample is None or not sample.next_due_ms or number > 0 or case.is_held:
        return None
    in_s = max(0.0, (sample.next_due_ms - sample.at_ms) / 1000)
    lead = lead_s(case)
    why = f"the next delayed job is due in {duration(in_s)}"
    if in_s <= lead:
        return Move(1, f"{why}, and a worker takes {duration(lead)} to start")
    starts_ms = case.now_ms + round((in_s - lead) * 1000)
    return Move(0, why, until_ms=starts_ms, then=1)


def minimum(case: Case, number: int) -> Move | None:
    """Keep `min`."""
    floor = min(case.policy.min, case.bounds.ceiling)
    return Move(floor, f"min is {case.policy.min}") if number < floor else None


def schedule(case: Case, number: int) -> Move | None:
    """Keep the `min` of the schedule's window in force, and foresee the next."""
    bounds = case.bounds
    if number < bounds.floor:
        return Move(bounds.floor, bounds.floor_why, until_ms=bounds.window_ends_ms, then=number)
    coming = bounds.next_window
    if coming is None or coming.min <= number:
        return None
    why = f"the schedule {coming.cron.text!r} will ask for {workers(coming.min)}"
    return Move(number, why, until_ms=bounds.next_window_ms, then=coming.min)


def maximum(case: Case, number: int) -> Move | None:
    """Stay within `max`, and within what `maxActive` could use."""
    ceiling = case.bounds.ceiling
    if number <= ceiling:
        return None
    return Move(ceiling, f"{case.bounds.ceiling_why}; the load asks for {workers(number)}")


def _why_held(sample: QueueSample, load: Load) -> str:
    hold = sample.held[0] if sample.held else None
    by = f" by {hold.by}" if hold and hold.by else ""
    reason = f" ({hold.reason})" if hold and hold.reason else ""
    return f"held{by}{reason}: {jobs(load.backlog)} may not start and ask for no workers"


def _why(policy: Policy, load: Load, needed: int) -> str:
    if needed == 0:
        return "nothing waits and nothing runs"
    verb = "need" if load.backlog else "ask for"
    what = f"{verb} {workers(needed)} of {policy.slots:,} slots"
    waiting = f"{load.backlog:,} waiting"
    if policy.target.backlog_per_replica:
        return f"{waiting} at {policy.target.backlog_per_replica:,} per worker {what}"
    if load.service_s is None:
        running = f" and {load.active:,} running" if load.active else ""
        return f"{waiting}{running} {what}: a slot for each until the first has ended"
    arriving = f"{rate(load.arrival_per_s)} arriving"
    service = f"at {duration(load.service_s)} each"
    promise = f"to start within {duration(policy.target.wait_s)}"
    if not load.backlog:
        return f"{load.active:,} running and {arriving} {service} {what}"
    came = f" and {arriving}" if load.arrival_per_s >= _WORTH_SAYING else ""
    return f"{waiting}{came} {service} {what} {promise}"


_WORTH_SAYING = 0.1
"""Arrivals per second below which the sentence leaves them out."""
