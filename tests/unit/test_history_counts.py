"""The checker of histories under forged ones: attempts, crashes, counts, answers and batches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from forged import CANCELLED, COMPLETED, WAITING, a_job, a_run, accepted, an_ending, rules
from headpond.batches import BatchState
from history import Asked, Killed, Leaving, Left, Offered, Snapped

if TYPE_CHECKING:
    from headpond.jobs import JobState

# ── counts ──


def test_attempts_that_nobody_saw_are_found() -> None:
    """An end was applied twice, or one was forgotten."""
    events = [*accepted(), *a_run()]
    assert "attempts" in rules(events, an_ending(a_job(attempts=2)))
    twice = [*accepted(), *a_run(1.5, 1.9, how="raised"), *a_run(2.1, 2.9, attempt=2)]
    assert "attempts" in rules(twice, an_ending(a_job(attempts=1)))


def test_an_attempt_by_the_wrong_number_is_found() -> None:
    """A handler was told that it is the second, and was the first; or the other way round."""
    assert rules([*accepted(), *a_run(attempt=2)], an_ending(a_job())) == {"attempts"}
    twice = [*accepted(), *a_run(1.5, 1.9, how="raised"), *a_run(2.1, 2.9)]
    assert rules(twice, an_ending(a_job(attempts=2))) == {"attempts"}


def test_an_attempt_whose_worker_was_lost_may_count_or_not() -> None:
    """Killed between the end of the handler and its report."""
    died = [*a_run(1.5, 1.6), Killed(worker="w", at=1.7)]
    events = [*accepted(), *died, *a_run(2.0, 2.9, worker="x")]
    assert rules(events, an_ending(a_job(crashes=1))) == set()
    again = [*accepted(), *a_run(1.5, 1.6, how="raised"), Killed(worker="w", at=1.7)]
    again += a_run(2.0, 2.9, worker="x", attempt=2)
    assert rules(again, an_ending(a_job(attempts=2))) == set()


def test_an_attempt_that_ends_as_its_worker_is_told_to_may_count_or_not() -> None:
    """It may have been stopped in the very moment in which it returned."""
    left = [*a_run(1.5, 1.7), Leaving(worker="w", at=1.6), Left(worker="w", at=1.8)]
    events = [*accepted(), *left, *a_run(2.0, 2.9, worker="x")]
    assert rules(events, an_ending(a_job())) == set()
    early = [Leaving(worker="w", at=1.75) if isinstance(e, Leaving) else e for e in events]
    assert "attempts" in rules(early, an_ending(a_job()))


def test_crashes_that_nobody_saw_are_found() -> None:
    """Counted without a loss, or lost without a count."""
    assert rules([*accepted(), *a_run()], an_ending(a_job(crashes=1))) == {"crashes"}
    snapped = [*accepted(), Snapped(at=1.5), *a_run()]
    assert rules(snapped, an_ending(a_job(crashes=1))) == set()
    assert rules(snapped, an_ending(a_job(crashes=2))) == {"crashes"}
    died = [*a_run(1.5, how=""), Killed(worker="w", at=1.7)]
    events = [*accepted(), *died, *a_run(2.0, 2.9, worker="x")]
    assert rules(events, an_ending(a_job())) == {"crashes"}


@pytest.mark.parametrize(
    ("count", "rule"),
    [
        ("waiting", "counts"),
        ("due", "counts"),
        ("delayed", "counts"),
        ("active", "counts"),
        ("completed", "counts"),
        ("failed", "counts"),
        ("cancelled", "counts"),
        ("added_total", "totals"),
        ("ended_total", "totals"),
    ],
)
def test_a_count_that_is_off_by_one_is_found(count: str, rule: str) -> None:
    """The jobs themselves say otherwise."""
    good = an_ending(a_job())
    off = replace(good, sample=replace(good.sample, **{count: getattr(good.sample, count) + 1}))
    assert rules([*accepted(), *a_run()], off) == {rule}


def test_a_job_in_two_states_is_found() -> None:
    """Completed, and waiting still."""
    ending = an_ending(a_job(WAITING), a_job(), counts={"added_total": 1})
    assert "counts" in rules([*accepted(), *a_run()], ending)


# ── answers and batches ──


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("cancelled", COMPLETED),
        ("cancelled", WAITING),
        ("asked", WAITING),
        ("ended", WAITING),
        ("unknown", COMPLETED),
    ],
)
def test_an_answer_that_was_not_true_is_found(answer: str, state: JobState) -> None:
    """The end of the job says otherwise."""
    asked = Asked(id="a", verb="cancel", answer=answer, since=1.4, at=1.5)
    runs = a_run() if state is COMPLETED else []
    assert "answers" in rules([*accepted(), asked, *runs], an_ending(a_job(state)))


def test_a_job_that_was_not_there_yet_is_unknown() -> None:
    """Asked before the enqueue had been answered."""
    asked = Asked(id="a", verb="cancel", answer="unknown", since=1.05, at=1.5)
    assert rules([*accepted(), asked, *a_run()], an_ending(a_job())) == set()


def test_a_run_after_the_answer_that_there_will_be_none_is_found() -> None:
    """Cancelled before it had started, and started nevertheless."""
    asked = Asked(id="a", verb="cancel", answer="cancelled", at=1.5)
    events = [*accepted(), asked, *a_run(how="stopped")]
    assert "answers" in rules(events, an_ending(a_job(CANCELLED)))


@pytest.mark.parametrize("state", [COMPLETED, CANCELLED])
def test_a_run_that_was_asked_to_stop_may_be_faster(state: JobState) -> None:
    """Both ends agree with the answer."""
    how = "returned" if state is COMPLETED else "stopped"
    asked = Asked(id="a", verb="cancel", answer="asked", at=2.5)
    events = [*accepted(), asked, *a_run(how=how)]
    assert rules(events, an_ending(a_job(state))) == set()


def test_a_job_that_was_retried_begins_anew() -> None:
    """Its attempts and crashes count from there."""
    events = [
        *accepted(),
        *a_run(1.2, 1.5, how="raised"),
        Asked(id="a", verb="retry", answer="failed", at=1.7),
        *a_run(),
    ]
    assert rules(events, an_ending(a_job(), counts={"ended_total": 2})) == set()
    assert rules(events, an_ending(a_job(), counts={"ended_total": 3})) == {"totals"}


GOOD = BatchState(
    id="b",
    total=2,
    added=1,
    skipped=1,
    remaining=0,
    completed=1,
    failed=0,
    cancelled=0,
    opened_ms=1_000,
    locked_until_ms=0,
    completed_ms=3_000,
)


@pytest.mark.parametrize(
    ("batch", "told"),
    [
        (replace(GOOD, completed=2), 1),
        (replace(GOOD, completed=0, failed=1), 1),
        (replace(GOOD, added=2, skipped=0), 1),
        (replace(GOOD, remaining=1), 1),
        (replace(GOOD, completed_ms=0), 0),
        (GOOD, 0),
        (GOOD, 2),
    ],
)
def test_a_batch_that_is_not_exact_is_found(batch: BatchState, told: int) -> None:
    """It counts other members than there are, or completes never, silently or twice."""
    events = [Offered(id="a", at=0.9, batch="b"), *accepted(), *a_run()]
    job = a_job()
    good = an_ending(job, batches=(GOOD,), batch_events=("b",))
    assert rules(events, good) == set()
    bad = an_ending(job, batches=(batch,), batch_events=("b",) * told)
    assert rules(events, bad) == {"batches"}
