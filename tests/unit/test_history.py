"""The checker of histories under forged ones: what is lost, and ends that must not be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from forged import CANCELLED, FAILED, WAITING, a_job, a_run, accepted, an_ending, rules
from headpond.jobs import FailReason, StoredJob
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
    Started,
    read,
)

if TYPE_CHECKING:
    from pathlib import Path


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
