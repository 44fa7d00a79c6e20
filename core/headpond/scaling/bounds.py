"""Floor and ceiling at a moment: `min`, `max`, `maxActive` and the schedule together. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from headpond.scaling.case import Bounds
from headpond.scaling.words import workers

if TYPE_CHECKING:
    from headpond.scaling.model import Policy, Window


def bounds(policy: Policy, now_ms: int) -> Bounds:
    """Return the bounds in force at `now_ms`. The ceiling wins over the floor."""
    active: list[tuple[Window, int]] = []
    next_window, next_ms = None, 0
    for window in policy.schedule:
        ends = window_end(window, now_ms)
        if ends:
            active.append((window, ends))
        starts = window.cron.next(now_ms, window.tz)
        if starts and (not next_ms or starts < next_ms):
            next_window, next_ms = window, starts
    ceiling, ceiling_why = _ceiling(policy, [window for window, _ in active])
    highest = max(active, key=lambda entry: entry[0].min, default=None)
    is_scheduled = highest is not None and highest[0].min > policy.min
    floor, floor_why = policy.min, f"min is {policy.min}"
    if is_scheduled and highest is not None:
        floor = highest[0].min
        floor_why = f"the schedule {highest[0].cron.text!r} asks for at least {workers(floor)}"
    return Bounds(
        floor=min(floor, ceiling),
        ceiling=ceiling,
        floor_why=floor_why,
        ceiling_why=ceiling_why,
        window_ends_ms=min((ends for _, ends in active), default=0),
        floor_is_scheduled=is_scheduled,
        next_window=next_window,
        next_window_ms=next_ms,
    )


def window_end(window: Window, now_ms: int) -> int:
    """Return when the occurrence that is going on ends, 0 when none is."""
    began = window.cron.latest(now_ms, window.tz)
    ends = began + round(window.for_s * 1000)
    return ends if began and now_ms < ends else 0


def _ceiling(policy: Policy, active: list[Window]) -> tuple[int, str]:
    scheduled = max((window.max for window in active), default=0)
    ceiling = scheduled or policy.max
    why = f"the schedule's max is {ceiling}" if scheduled else f"max is {ceiling}"
    if policy.max_active:
        useful = max(math.ceil(policy.max_active / policy.slots), policy.min)  # `min` is a promise
        if useful < ceiling:
            return useful, (
                f"maxActive lets {policy.max_active:,} jobs run at once,"
                f" which fill {workers(useful)} of {policy.slots} slots"
            )
    return ceiling, why
