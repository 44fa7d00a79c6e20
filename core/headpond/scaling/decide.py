"""One decision: fold the rules over a number, keep every step, remember for the next one. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from headpond.scaling.arithmetic import backlog_beyond, learn, load
from headpond.scaling.bounds import bounds
from headpond.scaling.case import Case, Move, guard_ms
from headpond.scaling.memory import add_move, remember_high, remember_low, since
from headpond.scaling.model import Decision, Inputs, Mode, Pause, Step
from headpond.scaling.rules import LIMITS, WISHES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headpond.queues import QueueSample
    from headpond.scaling.memory import Memory
    from headpond.scaling.model import Policy, Seen
    from headpond.scaling.rules import Rule

LONGEST_PERIOD_MS = 1_800_000
"""Of a rate policy, as in the HPA: moves that are older matter to none."""


def decide(policy: Policy, seen: Seen, memory: Memory) -> Decision:
    """Return how many workers the queue shall have, with each step of the way and what to remember.

    The same arguments give the same decision. An unknown queue (`seen.sample is None`) never gets
    fewer workers, whatever the policy says.
    """
    learned = _observe(policy, seen, memory)
    sample = seen.sample
    given = load(policy, sample, learned) if sample else None
    case = Case(policy, seen, learned, bounds(policy, seen.now_ms), given)
    moves: list[tuple[str, int, Move]] = []
    wished = _fold(case, WISHES, seen.replicas, moves)
    number = _fold(case, LIMITS, wished, moves)
    next_ms, next_to = _foreseen(number, moves)
    return Decision(
        at_ms=seen.now_ms,
        queue=seen.queue,
        before=seen.replicas,
        replicas=number,
        steps=tuple(Step(rule, before, move.to, move.why) for rule, before, move in moves),
        memory=_remember(case, wished, number, _needed(moves)),
        inputs=_inputs(seen, learned, sample),
        writes=policy.mode in (Mode.AUTO, Mode.MANUAL),
        next_change_ms=next_ms,
        next_change_to=next_to,
    )


def wake_mark(policy: Policy, sample: QueueSample | None, memory: Memory, replicas: int) -> int:
    """Return the backlog from which on more than `replicas` workers would be wanted; 0: never.

    The governor leaves it with the queue, so that an enqueue wakes it then and not before.
    """
    if sample is None or sample.is_held or policy.pause is not Pause.NONE:
        return 0
    if policy.mode not in (Mode.AUTO, Mode.RECOMMEND):
        return 0
    if replicas >= bounds(policy, sample.at_ms).ceiling:
        return 0
    mark = backlog_beyond(policy, load(policy, sample, memory), replicas)
    return max(mark, sample.backlog + 1) if mark else 0


def _observe(policy: Policy, seen: Seen, memory: Memory) -> Memory:
    """Fold what is seen into the memory."""
    now_ms, sample = seen.now_ms, seen.sample
    horizon_ms = now_ms - LONGEST_PERIOD_MS
    moved = seen.replicas - memory.replicas if memory.replicas >= 0 else 0
    raised, lowered = since(memory.raised, horizon_ms), since(memory.lowered, horizon_ms)
    epoch, reset_ms = _epoch(policy, seen, memory)
    is_lost = reset_ms == now_ms
    observed = replace(
        memory,
        since_ms=memory.since_ms or now_ms,
        epoch=epoch,
        reset_ms=reset_ms,
        counters=None if is_lost else memory.counters,
        replicas=seen.replicas,
        raised=add_move(raised, now_ms, moved) if moved > 0 else raised,
        lowered=add_move(lowered, now_ms, -moved) if moved < 0 else lowered,
        cold_start_s=seen.cold_start_s or memory.cold_start_s,
        asked_backlog=memory.asked_backlog if seen.starting else 0,
        idle_since_ms=0 if is_lost else memory.idle_since_ms,
    )
    return learn(observed, sample) if sample else observed


def _epoch(policy: Policy, seen: Seen, memory: Memory) -> tuple[str, int]:
    """Return the store's epoch, and when the store was last seen without its data (0: never)."""
    if seen.sample is None:
        return memory.epoch, memory.reset_ms
    epoch = seen.sample.epoch
    if not epoch or epoch != (memory.epoch or epoch):
        return epoch or memory.epoch, seen.now_ms
    is_over = seen.now_ms >= memory.reset_ms + guard_ms(policy)
    return epoch, 0 if is_over else memory.reset_ms


def _fold(
    case: Case,
    rules: Iterable[tuple[str, Rule]],
    number: int,
    moves: list[tuple[str, int, Move]],
) -> int:
    for name, rule in rules:
        move = rule(case, number)
        if move is not None:
            moves.append((name, number, move))
            number = move.to
    return number


def _foreseen(number: int, moves: list[tuple[str, int, Move]]) -> tuple[int, int]:
    """Return the next moment at which a rule in force expects another number, and that number."""
    changes = [(m.until_ms, m.then) for _, _, m in moves if m.until_ms and m.then != number]
    return min(changes, default=(0, 0))


def _needed(moves: list[tuple[str, int, Move]]) -> int:
    """Return what the load needs, whatever bounds and limits made of it."""
    return next((move.to for rule, _, move in moves if rule == "demand"), 0)


def _remember(case: Case, wished: int, number: int, needed: int) -> Memory:
    memory, policy, now_ms = case.memory, case.policy, case.now_ms
    down_ms = now_ms - round(policy.scale_down.stabilization_s * 1000)
    up_ms = now_ms - round(policy.scale_up.stabilization_s * 1000)
    # Only who was asked for in full takes care of the backlog: a `max` that is raised while the
    # first workers start, or the next period of a rate, shall have its say.
    asks = number > case.current and number >= needed and case.load is not None
    return replace(
        memory,
        highs=remember_high(since(memory.highs, down_ms), now_ms, wished),
        lows=remember_low(since(memory.lows, up_ms), now_ms, wished),
        asked_backlog=case.load.backlog if asks and case.load else memory.asked_backlog,
    )


def _inputs(seen: Seen, memory: Memory, sample: QueueSample | None) -> Inputs:
    return Inputs(
        replicas=seen.replicas,
        starting=seen.starting,
        waiting=sample.waiting if sample else -1,
        due=sample.due if sample else -1,
        active=sample.active if sample else -1,
        delayed=sample.delayed if sample else -1,
        oldest_age_s=sample.oldest_age_s if sample else 0.0,
        arrival_per_s=round(min(memory.arrival_fast, memory.arrival_slow), 4),
        service_s=memory.service_s,
        cold_start_s=memory.cold_start_s,
    )
