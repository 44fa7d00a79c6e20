"""How fast the number may move: the HPA's stabilization windows and rate policies. Pure.

The arithmetic is that of `autoscaling/v2`, so that whoever knows its `behavior` stanza knows ours;
but it holds at every level, zero included. Bounds that people set are stronger, as they are there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from headpond.scaling.case import Move
from headpond.scaling.memory import since
from headpond.scaling.model import Select
from headpond.scaling.words import duration, workers

if TYPE_CHECKING:
    from headpond.scaling.case import Case
    from headpond.scaling.memory import History
    from headpond.scaling.model import Behavior, Rate


def stabilization(case: Case, number: int) -> Move | None:
    """Up: to the least wanted within the window. Down: to the most wanted within the window."""
    if number > case.current:
        return _steady_up(case, number)
    if number < case.current:
        return _steady_down(case, number)
    return None


def rate(case: Case, number: int) -> Move | None:
    """Move no faster than the policies of this direction allow."""
    if number > case.current:
        return _slow_up(case, number)
    if number < case.current:
        return _slow_down(case, number)
    return None


def _steady_up(case: Case, number: int) -> Move | None:
    window_s = case.policy.scale_up.stabilization_s
    recent = since(case.memory.lows, case.now_ms - round(window_s * 1000))
    lowest = min((value for _, value in recent), default=number)
    steady = max(lowest, case.current, min(case.bounds.floor, number))
    if steady >= number:
        return None
    until_ms = recent[0][0] + round(window_s * 1000)
    why = f"{workers(steady)} were enough within the last {duration(window_s)}"
    return Move(steady, why, until_ms=until_ms, then=number)


def _steady_down(case: Case, number: int) -> Move | None:
    window_s = case.policy.scale_down.stabilization_s
    recent = since(case.memory.highs, case.now_ms - round(window_s * 1000))
    highest = max((value for _, value in recent), default=number)
    steady = min(max(highest, number), case.current, case.bounds.ceiling)
    if steady <= number:
        return None
    until_ms = recent[0][0] + round(window_s * 1000)
    then = max(number, min(steady, max((value for _, value in recent[1:]), default=number)))
    were = "was" if highest == 1 else "were"
    why = f"{workers(highest)} {were} wanted within the last {duration(window_s)}"
    return Move(steady, why, until_ms=until_ms, then=then)


def _slow_up(case: Case, number: int) -> Move | None:
    behavior = case.policy.scale_up
    bounded = max(case.current, min(case.bounds.floor, number))
    if behavior.select is Select.DISABLED:
        return Move(bounded, "scaleUp is disabled") if bounded < number else None
    if not behavior.policies:
        return None
    allowed = [_up_to(case, policy) for policy in behavior.policies]
    limit = max(max(allowed) if behavior.select is Select.MAX else min(allowed), bounded)
    if number <= limit:
        return None
    return Move(limit, _why(behavior, "up"), until_ms=_expiry(case, behavior), then=number)


def _slow_down(case: Case, number: int) -> Move | None:
    behavior = case.policy.scale_down
    bounded = min(case.current, max(case.bounds.ceiling, number))
    if behavior.select is Select.DISABLED:
        return Move(bounded, "scaleDown is disabled") if bounded > number else None
    if not behavior.policies:
        return None
    allowed = [_down_to(case, policy) for policy in behavior.policies]
    limit = min(min(allowed) if behavior.select is Select.MAX else max(allowed), bounded)
    if number >= limit:
        return None
    return Move(limit, _why(behavior, "down"), until_ms=_expiry(case, behavior), then=number)


def _began(case: Case, policy: Rate) -> int:
    """Return the number at the begin of the policy's period."""
    start_ms = case.now_ms - round(policy.period_s * 1000)
    raised = _total(since(case.memory.raised, start_ms))
    lowered = _total(since(case.memory.lowered, start_ms))
    return case.current - raised + lowered


def _up_to(case: Case, policy: Rate) -> int:
    """Return how high it may go; from zero at least one, of which no percentage would speak."""
    began = _began(case, policy)
    if policy.type == "Pods":
        return began + policy.value
    return max(1, math.ceil(began * (100 + policy.value) / 100))


def _down_to(case: Case, policy: Rate) -> int:
    began = _began(case, policy)
    if policy.type == "Pods":
        return max(0, began - policy.value)
    return max(0, math.floor(began * (100 - policy.value) / 100))


def _total(history: History) -> int:
    return sum(count for _, count in history)


def _expiry(case: Case, behavior: Behavior) -> int:
    """Return when the first of the moves that use up the allowance leaves its period."""
    ends = [
        history[0][0] + round(policy.period_s * 1000)
        for policy in behavior.policies
        for history in (
            since(case.memory.raised, case.now_ms - round(policy.period_s * 1000)),
            since(case.memory.lowered, case.now_ms - round(policy.period_s * 1000)),
        )
        if history
    ]
    return min(ends, default=0)


def _why(behavior: Behavior, direction: str) -> str:
    rates = ", ".join(_rate(policy) for policy in behavior.policies)
    which = "" if len(behavior.policies) == 1 else f" ({behavior.select.value} of them)"
    return f"no faster {direction} than {rates}{which}"


def _rate(policy: Rate) -> str:
    count = workers(policy.value) if policy.type == "Pods" else f"{policy.value} %"
    return f"{count} in {duration(policy.period_s)}"
