"""What happens after a handler failed: run again, and when, or give up. Pure: chance is given.

`retries: N` allows up to N re-runs after the first run. Before re-run k an exponential backoff
waits `min(max, delay · factor^(k−1))`, a fixed one `delay`. Jitter takes a share of that wait off
at chance: never more than `max`, and jobs that failed together return apart, also once all of them
wait for `max`. With `jitter=1` it is the "full jitter" of M. Brooker, "Exponential backoff and
jitter" (2015).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, Literal

from headpond.errors import ConfigInvalid, FieldError
from headpond.jobs import FailReason

DEFAULT_MAX_S: Final = 600.0
"""The longest wait unless said otherwise; a fault that lasts longer wants a person."""

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "": 1.0}
_BACKOFF = re.compile(
    r"(?P<type>fixed|exponential):(?P<delay>\d+(?:\.\d+)?)(?P<unit>ms|s|m|h|d|)"
    r"(?::(?P<factor>\d+(?:\.\d+)?))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before each re-run. Raises `ConfigInvalid` for what makes no sense."""

    type: Literal["fixed", "exponential"] = "exponential"
    """`fixed` waits `delay_s` each time; `factor` and `max_s` mean nothing to it."""
    delay_s: float = 2.0
    """Before the first re-run."""
    factor: float = 2.0
    """Growth from one re-run to the next."""
    max_s: float = DEFAULT_MAX_S
    """The longest wait of an exponential backoff."""
    jitter: float = 0.0
    """Share of each wait left to chance, 0 to 1."""

    def __post_init__(self) -> None:
        """Refuse waits that are negative, shrink or never end."""
        checks = [
            ("delay", self.delay_s, self.delay_s >= 0, "0 seconds or more"),
            ("factor", self.factor, self.factor >= 1, "1 or more"),
            ("max", self.max_s, self.max_s >= 0, "0 seconds or more"),
            ("jitter", self.jitter, 0 <= self.jitter <= 1, "0 to 1"),
        ]
        faults = [
            FieldError(f"/backoff/{name}", f"{value} can't be the {name}: it is {bounds}.")
            for name, value, is_fine, bounds in checks
            if not (is_fine and math.isfinite(value))
        ]
        if faults:
            raise ConfigInvalid(faults)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a failed job runs again, and when."""

    retries: int = 3
    """Up to this many re-runs after the first run."""
    backoff: Backoff = Backoff()


@dataclass(frozen=True, slots=True)
class Again:
    """The job runs again."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The job goes to `failed`."""

    reason: FailReason


def delay_before(policy: RetryPolicy, rerun: int, chance: float) -> float:
    """Return the seconds to wait before re-run `rerun` (1 is the first); `chance` is in [0, 1).

    >>> policy = RetryPolicy(retries=5, backoff=Backoff("exponential", 2, factor=2, max_s=10))
    >>> [delay_before(policy, rerun, 0) for rerun in (1, 2, 3, 4)]
    [2.0, 4.0, 8.0, 10.0]
    """
    backoff = policy.backoff
    return _without_jitter(backoff, rerun) * (1 - backoff.jitter * chance)


def after_failure(policy: RetryPolicy, attempts_ended: int, chance: float) -> Again | GiveUp:
    """Decide after a run that failed; `attempts_ended` counts that run, so it is at least 1.

    >>> after_failure(RetryPolicy(1, Backoff("fixed", 5)), attempts_ended=1, chance=0)
    Again(delay_s=5.0)
    >>> after_failure(RetryPolicy(1, Backoff("fixed", 5)), attempts_ended=2, chance=0).reason.value
    'exhausted'
    """
    if attempts_ended > policy.retries:
        return GiveUp(FailReason.EXHAUSTED)
    return Again(delay_before(policy, attempts_ended, chance))


def parse_backoff(text: str) -> Backoff:
    """Read `type:delay[:factor]` as queues are given it in code, or raise `ConfigInvalid`.

    >>> parse_backoff("exponential:500ms:3")
    Backoff(type='exponential', delay_s=0.5, factor=3.0, max_s=600.0, jitter=0.0)
    """
    found = _BACKOFF.fullmatch(text.strip())
    if found is None or (found["type"] == "fixed" and found["factor"]):
        detail = (
            f"{text!r} is no backoff: write fixed:5s, exponential:2s"
            " or, with a factor other than 2, exponential:2s:3."
        )
        raise ConfigInvalid([FieldError("/backoff", detail)])
    delay_s = float(found["delay"]) * _UNITS_S[found["unit"]]
    factor = float(found["factor"] or 2)
    if found["type"] == "fixed":
        return Backoff("fixed", delay_s, max_s=max(DEFAULT_MAX_S, delay_s))
    return Backoff("exponential", delay_s, factor, max_s=max(DEFAULT_MAX_S, delay_s))


def _without_jitter(backoff: Backoff, rerun: int) -> float:
    if backoff.type == "fixed":
        return float(backoff.delay_s)
    try:
        grown = backoff.delay_s * backoff.factor ** (rerun - 1)
    except OverflowError:
        # Past what a float can hold the wait is the longest one, unless there was none to grow.
        grown = math.inf if backoff.delay_s else 0.0
    return float(min(backoff.max_s, grown))
