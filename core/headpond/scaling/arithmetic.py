"""How many workers a load needs, and what consecutive samples teach of that load. Pure.

The derivation, with its sources, is in `docs/explanation/scaling.md`; in short, by Little's law:

    workers = ceil((λ·S + backlog·S / T) / slots)

λ are the runs asked for per second, S the seconds of one run, T the time to catch up in, slots the
runs that one worker has going at once. λ·S runs are going on average when nothing waits; the work
of the backlog, backlog·S seconds of it, keeps backlog·S/T more going when it is done within T.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from headpond.scaling.memory import Counters, Memory

if TYPE_CHECKING:
    from headpond.queues import QueueSample
    from headpond.scaling.model import Policy

FAST_S: Final = 15.0
"""The arrival rate is the smaller of two averages. This one forgets quickly: a load that ends is
believed at once."""
SLOW_S: Final = 120.0
"""This one learns slowly: a burst is in the backlog already, and would count twice as a rate."""
RUNS: Final = 50.0
"""The service time is that of about so many latest runs, of whatever job types they were."""
LEAST_CATCH_UP: Final = 0.25
"""However slow the start, a quarter of the promise is left to catch up in: workers that come after
the promise is broken can't mend it, so asking for many times more would only cost."""
LEAST_CATCH_UP_S: Final = 1.0
NEARLY: Final = 1e-9
"""So that 2.0000000000000004 workers are two."""


@dataclass(frozen=True, slots=True)
class Load:
    """What there is to do, as far as it is known."""

    backlog: int
    active: int
    arrival_per_s: float
    service_s: float | None
    catch_up_s: float


def learn(memory: Memory, sample: QueueSample) -> Memory:
    """Fold a sample into the averages and into the count of idle samples.

    Runs asked for since the last sample are those that ended plus those that are outstanding more:
    so delayed jobs count when they become due, and retries count as the runs that they are.
    """
    new = Counters(sample.at_ms, sample.outstanding, sample.ended_total, sample.run_us_total)
    old = memory.counters
    if old is None or new.ended_total < old.ended_total or new.at_ms < old.at_ms:
        since_ms, seen = _idle(memory, sample, moved=False)
        return replace(memory, counters=new, idle_since_ms=since_ms, idle_samples=seen)
    ended = new.ended_total - old.ended_total
    came = max(0, new.outstanding - old.outstanding + ended)
    seconds = (new.at_ms - old.at_ms) / 1000
    if seconds == 0:
        return memory
    since_ms, seen = _idle(memory, sample, moved=came > 0 or ended > 0)
    return replace(
        memory,
        counters=new,
        arrival_fast=_average(memory.arrival_fast, came / seconds, seconds / FAST_S),
        arrival_slow=_average(memory.arrival_slow, came / seconds, seconds / SLOW_S),
        service_s=_service(memory.service_s, ended, new.run_us_total - old.run_us_total),
        idle_since_ms=since_ms,
        idle_samples=seen,
    )


def catch_up_s(policy: Policy, cold_start_s: float) -> float:
    """Return T: what the promise leaves after the start of a worker.

    >>> from headpond.scaling.model import Policy
    >>> catch_up_s(Policy(), 5.0)
    25.0
    """
    wait = policy.target.wait_s
    return max(wait - cold_start_s, wait * LEAST_CATCH_UP, LEAST_CATCH_UP_S)


def load(policy: Policy, sample: QueueSample, memory: Memory) -> Load:
    """Put together what the sample shows and the memory knows.

    Jobs that wait for others of their own tenant ask for no workers; but where none runs, somebody
    must be there to find out when they may start.
    """
    return Load(
        backlog=sample.backlog or (1 if sample.aside and not sample.active else 0),
        active=sample.active,
        arrival_per_s=min(memory.arrival_fast, memory.arrival_slow),
        service_s=memory.service_s,
        catch_up_s=catch_up_s(policy, memory.cold_start_s),
    )


def workers_for(policy: Policy, given: Load) -> int:
    """Return the workers that the load needs, before any rule.

    Something to do needs one worker, nothing to do needs none. Before the first run has ended
    nobody knows S, so that each outstanding job gets a slot.
    """
    if given.backlog + given.active == 0:
        return 0
    per_replica = policy.target.backlog_per_replica
    if per_replica:
        needed = given.backlog / per_replica
    elif given.service_s is None:
        needed = (given.backlog + given.active) / policy.slots
    else:
        going = given.arrival_per_s * given.service_s
        needed = (going + given.backlog * given.service_s / given.catch_up_s) / policy.slots
    return max(1, math.ceil(needed - NEARLY))


def backlog_beyond(policy: Policy, given: Load, replicas: int) -> int:
    """Return the smallest backlog that needs more than `replicas` workers, 0 when none does.

    >>> from headpond.scaling.model import Policy
    >>> backlog_beyond(Policy(slots=50), Load(0, 0, 0.0, None, 30.0), 2)
    101
    """
    if replicas <= 0:
        return 1
    per_replica = policy.target.backlog_per_replica
    if per_replica:
        return replicas * per_replica + 1
    if given.service_s is None:
        return max(1, replicas * policy.slots - given.active + 1)
    if given.service_s <= 0:
        return 0
    # The same tolerance as in `workers_for`, in workers: short jobs make many of a little.
    free = (replicas + NEARLY) * policy.slots - given.arrival_per_s * given.service_s
    return max(1, math.floor(free * given.catch_up_s / given.service_s) + 1)


def _average(old: float, new: float, weight: float) -> float:
    """Move an exponential average; it starts at 0 and has to be convinced."""
    return old + (new - old) * -math.expm1(-weight)


def _service(old: float | None, ended: int, run_us: int) -> float | None:
    if ended <= 0 or run_us < 0:
        return old
    mean = run_us / ended / 1e6
    return mean if old is None else _average(old, mean, ended / RUNS)


def _idle(memory: Memory, sample: QueueSample, *, moved: bool) -> tuple[int, int]:
    """Return since when there was nothing to do, and how many samples (up to two) say so."""
    if sample.outstanding > 0:
        return 0, 0
    if moved or not memory.idle_since_ms:
        return sample.at_ms, 1
    return memory.idle_since_ms, min(2, memory.idle_samples + 1)
