"""The checker of histories under forged ones: each kind of violation is found, and nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from headpond.batches import BatchState
from headpond.jobs import FailReason, JobId, JobState, StoredJob
from history import (
    Accepted,
    Asked,
    Cut,
    Ended,
    Event,
    Healed,
    Killed,
    Left,
    Log,
    Offered,
    Refused,
    Snapped,
    Started,
    in_order,
    read,
)
from history_checks import Ending, check
from scaling_cases import a_sample

if TYPE_CHECKING:
    from pathlib import Path

COMPLETED, FAILED, CANCELLED = JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED
WAITING = JobState.WAITING


def accepted(job: str = "a", **more: Any) -> list[Event]:
    """Tell that a job was offered and taken."""
    return [Offered(id=job, at=1.0), Accepted(id=job, at=1.1, **more)]


def a_run(
    began: float = 2.0, ended: float = 3.0, *, how: str = "returned", worker: str = "w", **more: Any
) -> list[Event]:
    """Tell of a run from its beginning to its end; `how` `""` leaves the end out."""
    job, run = more.pop("job", "a"), f"{worker}/{began}"
    end = Ended(id=job, run=run, worker=worker, at=ended, how=how)
    return [Started(id=job, run=run, worker=worker, at=began, **more), *([end] if how else [])]


def a_job(state: JobState = COMPLETED, **more: Any) -> StoredJob:
    """Make a job as the store would show it when all is quiet."""
    values: dict[str, Any] = {
        "id": JobId("a"),
        "queue": "mill",
        "state": state,
        "body": b"",
        "priority": 5,
        "tenant": "",
        "attempts": 1 if state is COMPLETED else 0,
        "crashes": 0,
        "created_ms": 1_050,
        "due_ms": 0,
        "claimed_ms": 0,
        "finished_ms": 3_000 if state in {COMPLETED, FAILED, CANCELLED} else 0,
        "worker": "",
        "parked": False,
        "reason": None,
        "outcome": None,
    }
    return StoredJob(**{**values, **more})


def an_ending(*jobs: StoredJob, **more: Any) -> Ending:
    """Make the store's word, with counts that fit unless others are given."""
    found = Counter(job.state for job in jobs)
    counted = {
        "waiting": found[WAITING],
        "completed": found[COMPLETED],
        "failed": found[FAILED],
        "cancelled": found[CANCELLED],
        "added_total": len(jobs),
        "ended_total": sum(job.attempts for job in jobs),
        **more.pop("counts", {}),
    }
    return Ending(jobs, replace(a_sample(), **counted), lease_ms=3_000, **more)


def rules(events: list[Event], ending: Ending) -> set[str]:
    """Return the rules that find something."""
    return {finding.rule for finding in check(in_order(events), ending)}


def test_a_good_history_has_no_finding() -> None:
    """Completed after a retry, waiting, refused and later taken, and sent twice."""
    events = [
        *accepted(),
        Accepted(id="a", at=1.3, created=False),
        *a_run(1.5, 2.0, how="raised"),
        *a_run(2.5, 2.9, attempt=2),
        *accepted("b"),
        Offered(id="c", at=1.0),
        Refused(id="c", at=1.1),
        Offered(id="d", at=1.0),
    ]
    jobs = (a_job(attempts=2), a_job(WAITING, id="b"))
    assert rules(events, an_ending(*jobs)) == set()


# ── lost and found ──


def test_a_lost_job_is_found() -> None:
    """It was accepted, and the store has none of it."""
    assert rules(accepted(), an_ending()) == {"lost"}


def test_a_job_of_which_nobody_knows_may_be_there_or_not() -> None:
    """An enqueue without an answer promises nothing, whatever came of it."""
    events: list[Event] = [Offered(id="a", at=1.0)]
    assert rules(events, an_ending()) == set()
    assert rules(events, an_ending(a_job(WAITING))) == set()


def test_a_job_whose_key_another_holds_is_not_lost() -> None:
    """The answer names the other."""
    events = [*accepted(created=False, holder="b"), *accepted("b")]
    assert rules(events, an_ending(a_job(WAITING, id="b"))) == set()


def test_after_the_loss_of_a_server_only_the_durable_must_be_there() -> None:
    """A job of which the store had said that it would survive is lost if it didn't."""
    assert rules(accepted(), an_ending(is_forgetful=True)) == set()
    durable = accepted(is_durable=True)
    assert rules(durable, an_ending(is_forgetful=True)) == {"lost"}


def test_an_id_that_was_created_twice_is_found() -> None:
    """Two answers say that the job is new."""
    events = [*accepted(), *accepted()]
    assert rules(events, an_ending(a_job(WAITING))) == {"accepted_twice"}


def test_a_job_from_nowhere_is_found() -> None:
    """Nobody offered it, or it was refused; callbacks are known by name."""
    ending = an_ending(a_job(WAITING))
    assert rules([], ending) == {"not_offered"}
    refused: list[Event] = [Offered(id="a", at=1.0), Refused(id="a", at=1.1)]
    assert rules(refused, ending) == {"not_offered"}
    assert rules([], replace(ending, strangers=frozenset("a"))) == set()


# ── ends ──


def test_an_end_without_its_run_is_found() -> None:
    """Completed though nothing ran, or before it had returned."""
    assert "no_reason" in rules(accepted(), an_ending(a_job()))
    late = [*accepted(), *a_run(2.0, 3.5)]
    assert rules(late, an_ending(a_job())) == {"no_reason"}


@pytest.mark.parametrize(
    ("job", "how"),
    [
        (a_job(CANCELLED), "stopped"),
        (a_job(FAILED, attempts=1), "raised"),
        (a_job(FAILED, attempts=1, reason=FailReason.EXHAUSTED), "returned"),
        (a_job(FAILED, attempts=1, reason=FailReason.UNRECOVERABLE), "returned"),
        (a_job(FAILED, attempts=1, reason=FailReason.TIMEOUT), "raised"),
        (a_job(FAILED, attempts=1, reason=FailReason.MANUAL), "raised"),
        (a_job(FAILED, attempts=1, reason=FailReason.CRASHED, crashes=0), "raised"),
    ],
)
def test_an_end_without_its_reason_is_found(job: StoredJob, how: str) -> None:
    """Each reason for an end has left its trace in the history, or it is none."""
    assert "no_reason" in rules([*accepted(), *a_run(how=how)], an_ending(job))


@pytest.mark.parametrize(
    ("job", "events"),
    [
        (a_job(CANCELLED), [Asked(id="a", verb="cancel", answer="cancelled", at=2.9)]),
        (a_job(CANCELLED), [*accepted("b", replaced="a")]),
        (a_job(FAILED, attempts=1, reason=FailReason.EXHAUSTED), a_run(how="raised")),
        (
            a_job(FAILED, reason=FailReason.MANUAL),
            [Asked(id="a", verb="fail", answer="cancelled", at=2.9)],
        ),
        (
            a_job(FAILED, reason=FailReason.CRASHED, crashes=3),
            [
                event
                for at in (1.5, 2.0, 2.5)
                for event in (
                    *a_run(at, how="", worker=f"w{at}"),
                    Killed(worker=f"w{at}", at=at + 0.2),
                )
            ],
        ),
    ],
)
def test_an_end_with_its_reason_is_none(job: StoredJob, events: list[Event]) -> None:
    """Asked for, replaced, raised, failed by hand, or poison."""
    others = [a_job(WAITING, id=e.id) for e in events if isinstance(e, Accepted)]
    assert rules([*accepted(), *events], an_ending(job, *others)) == set()


def test_a_run_after_the_end_is_found() -> None:
    """A job that had ended was begun again."""
    events = [*accepted(), *a_run(), *a_run(4.0, 4.5, worker="x")]
    assert "ran_after_its_end" in rules(events, an_ending(a_job()))


def test_a_run_after_the_end_by_a_worker_that_was_frozen_is_none() -> None:
    """It had claimed the job, and had no chance to hear that it was no longer its own."""
    away = [Cut(worker="x", at=1.0), Healed(worker="x", at=3.9)]
    events = [*accepted(), *a_run(2.8, 2.9), *away, *a_run(4.0, 4.5, worker="x")]
    assert rules(events, an_ending(a_job())) == set()


def test_two_runs_at_once_are_found() -> None:
    """The first was still at it, and nothing had cut it off."""
    events = [*accepted(), *a_run(1.5, 2.9), *a_run(2.0, 2.8, worker="x")]
    assert "overlap" in rules(events, an_ending(a_job()))
    short = [Cut(worker="w", at=1.6), Healed(worker="w", at=1.9)]
    assert "overlap" in rules([*events, *short], an_ending(a_job()))


@pytest.mark.parametrize("worker", ["w", ""])
def test_two_runs_at_once_because_a_lease_was_lost_are_none(worker: str) -> None:
    """The first worker was frozen, or all were away, for longer than its lease."""
    away = [Cut(worker=worker, at=2.0), Healed(worker=worker, at=5.2)]
    events = [*accepted(), *away, *a_run(1.9, 5.3), *a_run(5.1, 5.4, worker="x")]
    ending = an_ending(a_job(crashes=1, finished_ms=5_400))
    assert rules(events, ending) == set()


def test_a_run_after_one_that_died_is_no_overlap() -> None:
    """The first never told its end; it ended with its worker."""
    died = [*a_run(1.5, how=""), Killed(worker="w", at=1.7)]
    events = [*accepted(), *died, *a_run(2.0, 2.9, worker="x")]
    assert rules(events, an_ending(a_job(crashes=1))) == set()
    left = [*a_run(1.5, how=""), Left(worker="w", at=1.7)]
    assert rules([*accepted(), *left, *a_run(2.0, 2.9, worker="x")], an_ending(a_job())) == set()


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
    asked = Asked(id="a", verb="cancel", answer=answer, at=1.5)
    runs = a_run() if state is COMPLETED else []
    assert "answers" in rules([*accepted(), asked, *runs], an_ending(a_job(state)))


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


# ── the file ──


def test_a_history_is_read_as_it_was_told(tmp_path: Path) -> None:
    """Two writers share one file; what is no event is left to others; times are given and kept."""
    path = tmp_path / "story.jsonl"
    first, second = Log(path), Log(path)
    second.tell(Started(id="a", worker="w", run="1", attempt=2, at=2.0))
    first.tell(Offered(id="a", at=1.0), Cut(at=1.5))
    with path.open("a") as others:
        others.write('{"what": "sneeze", "at": 1.7}\n')
    second.tell(Ended(id="a", worker="w", run="1"))
    events = read(path)
    assert events[:3] == [
        Offered(id="a", at=1.0),
        Cut(at=1.5),
        Started(id="a", worker="w", run="1", attempt=2, at=2.0),
    ]
    assert isinstance(events[3], Ended)
    assert events[3].at > 3.0
    first.close()
    second.close()
