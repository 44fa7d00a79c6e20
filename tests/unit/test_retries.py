"""Backoff and giving up, case by case."""

from __future__ import annotations

import math

import pytest

from headpond.errors import ConfigInvalid
from headpond.jobs import FailReason
from headpond.retries import (
    Again,
    Backoff,
    GiveUp,
    RetryPolicy,
    after_failure,
    delay_before,
    parse_backoff,
)


def delays(backoff: Backoff, count: int, chance: float = 0.0) -> list[float]:
    """Return the waits before the first re-runs."""
    policy = RetryPolicy(count, backoff)
    return [delay_before(policy, rerun, chance) for rerun in range(1, count + 1)]


def test_an_exponential_backoff_grows_by_its_factor_up_to_its_maximum() -> None:
    """The wait before re-run k is delay times factor to the power of k-1."""
    assert delays(Backoff("exponential", 2), 5) == [2, 4, 8, 16, 32]
    assert delays(Backoff("exponential", 1, factor=5, max_s=100), 5) == [1, 5, 25, 100, 100]


def test_a_factor_of_one_never_grows() -> None:
    """It is a fixed backoff by another name."""
    assert delays(Backoff("exponential", 3, factor=1), 3) == [3, 3, 3]


def test_a_fixed_backoff_waits_the_same_each_time() -> None:
    """Neither factor nor maximum changes it."""
    assert delays(Backoff("fixed", 5, factor=9, max_s=1), 3) == [5, 5, 5]


def test_no_delay_stays_none() -> None:
    """A policy that runs again at once does so every time."""
    assert delays(Backoff("exponential", 0), 3) == [0, 0, 0]
    assert delay_before(RetryPolicy(9, Backoff("exponential", 0)), 5000, 0.5) == 0


def test_a_wait_beyond_all_numbers_is_the_longest_one() -> None:
    """The five-thousandth re-run waits as long as the maximum says."""
    policy = RetryPolicy(9999, Backoff("exponential", 2, factor=100, max_s=60))
    assert delay_before(policy, 5000, 0) == 60


def test_jitter_takes_a_share_off() -> None:
    """With chance 0 the wait is whole; near 1 it lacks the whole share; in between, in between."""
    backoff = Backoff("exponential", 10, jitter=0.2)
    assert delays(backoff, 2, chance=0) == [10, 20]
    assert delays(backoff, 2, chance=0.5) == [9, 18]
    assert delays(Backoff("fixed", 10, jitter=1), 1, chance=0.75) == [2.5]


@pytest.mark.parametrize(("retries", "runs"), [(0, 1), (1, 2), (3, 4)])
def test_a_job_runs_once_and_then_as_often_as_it_may_be_retried(retries: int, runs: int) -> None:
    """`retries: N` are N re-runs after the first run; then it is exhausted."""
    policy = RetryPolicy(retries, Backoff("fixed", 1))
    verdicts = [after_failure(policy, ended, 0) for ended in range(1, runs + 3)]
    assert verdicts == [Again(1.0)] * (runs - 1) + [GiveUp(FailReason.EXHAUSTED)] * 3


def test_the_first_failure_waits_the_first_delay() -> None:
    """One run has ended, so re-run 1 comes, with chance passed on."""
    policy = RetryPolicy(5, Backoff("exponential", 8, jitter=0.5))
    assert after_failure(policy, 1, 0.5) == Again(6.0)
    assert after_failure(policy, 3, 0.0) == Again(32.0)


@pytest.mark.parametrize(
    ("text", "backoff"),
    [
        ("exponential:2s", Backoff("exponential", 2)),
        (" exponential:2s ", Backoff("exponential", 2)),
        ("exponential:500ms:3", Backoff("exponential", 0.5, 3)),
        ("exponential:1.5s:1.5", Backoff("exponential", 1.5, 1.5)),
        ("exponential:1h", Backoff("exponential", 3600, max_s=3600)),
        ("fixed:5s", Backoff("fixed", 5)),
        ("fixed:7", Backoff("fixed", 7)),
        ("fixed:2m", Backoff("fixed", 120)),
        ("fixed:1d", Backoff("fixed", 86_400, max_s=86_400)),
        ("fixed:0", Backoff("fixed", 0)),
    ],
)
def test_a_backoff_is_read_as_it_is_written(text: str, backoff: Backoff) -> None:
    """Kind, delay with its unit, and a factor where it isn't 2."""
    assert parse_backoff(text) == backoff


@pytest.mark.parametrize(
    "text",
    [
        "",
        "exponential",
        "linear:2s",
        "fixed:",
        "fixed:-1s",
        "fixed:5w",
        "fixed:5s:2",
        "exponential:2s:",
        "exponential:2s:2:2",
        "Fixed:5s",
        "fixed:٥s",
        "fixed:infs",
    ],
)
def test_what_is_no_backoff_is_refused_with_an_example(text: str) -> None:
    """The sentence names the text and what to write instead."""
    with pytest.raises(ConfigInvalid) as caught:
        parse_backoff(text)
    (fault,) = caught.value.errors
    assert fault.pointer == "/backoff"
    assert repr(text) in fault.detail
    assert "exponential:2s" in fault.detail


def test_a_shrinking_factor_is_refused() -> None:
    """Written as text too: waits that get shorter are no backoff."""
    with pytest.raises(ConfigInvalid, match=r"/backoff/factor: 0\.5 can't be the factor"):
        parse_backoff("exponential:2s:0.5")


def test_every_fault_of_a_backoff_is_named() -> None:
    """All at once, each with its path."""
    with pytest.raises(ConfigInvalid) as caught:
        Backoff("exponential", -1, factor=math.nan, max_s=math.inf, jitter=1.5)
    assert [fault.pointer for fault in caught.value.errors] == [
        "/backoff/delay",
        "/backoff/factor",
        "/backoff/max",
        "/backoff/jitter",
    ]
