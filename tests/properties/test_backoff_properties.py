"""Backoff, whatever the figures: waits grow up to the maximum and jitter stays within its share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headpond.jobs import FailReason
from headpond.retries import Again, Backoff, GiveUp, RetryPolicy, after_failure, delay_before

SECONDS = st.floats(0, 1e6)
CHANCES = st.floats(0, 1, exclude_max=True)
BACKOFFS = st.builds(
    Backoff,
    type=st.sampled_from(["fixed", "exponential"]),
    delay_s=SECONDS,
    factor=st.floats(1, 100),
    max_s=SECONDS,
    jitter=st.floats(0, 1),
)
RERUNS = st.integers(1, 2000)


@given(BACKOFFS, RERUNS)
def test_waits_never_shrink(backoff: Backoff, rerun: int) -> None:
    """Without chance, each wait is at least the one before."""
    policy = RetryPolicy(rerun, backoff)
    assert delay_before(policy, rerun, 0) <= delay_before(policy, rerun + 1, 0)


@given(BACKOFFS, RERUNS, CHANCES)
def test_waits_stay_within_their_bounds(backoff: Backoff, rerun: int, chance: float) -> None:
    """Never negative, never over the maximum (a fixed one: over its delay), whatever the chance."""
    longest = backoff.delay_s if backoff.type == "fixed" else backoff.max_s
    assert 0 <= delay_before(RetryPolicy(rerun, backoff), rerun, chance) <= longest


@given(BACKOFFS, RERUNS, CHANCES)
def test_jitter_takes_no_more_than_its_share(backoff: Backoff, rerun: int, chance: float) -> None:
    """The wait lies between the whole and the whole less the share."""
    policy = RetryPolicy(rerun, backoff)
    whole = delay_before(policy, rerun, 0)
    assert whole * (1 - backoff.jitter) <= delay_before(policy, rerun, chance) <= whole


@given(BACKOFFS, RERUNS, CHANCES, CHANCES)
def test_more_chance_never_means_a_longer_wait(
    backoff: Backoff, rerun: int, one: float, other: float
) -> None:
    """The share that is taken off grows with chance."""
    policy = RetryPolicy(rerun, backoff)
    more, less = max(one, other), min(one, other)
    assert delay_before(policy, rerun, more) <= delay_before(policy, rerun, less)


@given(BACKOFFS, st.integers(0, 50), st.integers(1, 60), CHANCES)
def test_a_job_is_given_up_exactly_when_its_retries_are_used_up(
    backoff: Backoff, retries: int, attempts: int, chance: float
) -> None:
    """Up to `retries` re-runs, then never again."""
    policy = RetryPolicy(retries, backoff)
    verdict = after_failure(policy, attempts, chance)
    if attempts <= retries:
        assert verdict == Again(delay_before(policy, attempts, chance))
    else:
        assert verdict == GiveUp(FailReason.EXHAUSTED)
