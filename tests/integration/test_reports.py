"""What a run's end means for its job: each row of the table in `reports`."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
import uuid
from typing import Any

import pytest
from pydantic import BaseModel
from taskiq.exceptions import TaskRejectedError
from typing_extensions import override

from headpond import Fail, Retry, Snooze
from headpond.envelope import Outcome, unpack_outcome
from headpond.errors import FieldError, PayloadInvalid
from headpond.jobs import Claim, Done, Ended, Failed, FailReason, JobId, Progressed, Released
from headpond.retries import Backoff, RetryPolicy
from headpond_workers import reports
from headpond_workers.reports import MOST_MESSAGE, MOST_RESULT, MOST_TRACE, Run

POLICY = RetryPolicy(2, Backoff("fixed", 3.0))
STARTED_MS = 1_000_000


def a_run(attempts: int = 0) -> Run:
    """Build a run of 2 s of a job that ended so often before."""
    claim = Claim(JobId("j"), b"", "w.1", attempts, 0, 1)
    return Run(claim, "w", STARTED_MS, 2_000_000)


def raised(error: BaseException, attempts: int = 0) -> Ended:
    """Report a run that raised."""
    return reports.raised(a_run(attempts), error, POLICY, lambda: 0.5)


def outcome_of(report: Ended) -> Outcome:
    """Unpack what the report leaves with the job."""
    assert not isinstance(report, Released | Progressed)
    return unpack_outcome(report.outcome)


class Point(BaseModel):
    """A model as result."""

    at: dt.date
    x: int = 1


# ── returned ──


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (None, None),
        ("text", "text"),
        (True, True),
        (2.5, 2.5),
        ({"a": [1, (2, 3)], 4: None}, {"a": [1, [2, 3]], "4": None}),
        (Point(at=dt.date(2025, 1, 2)), {"at": "2025-01-02", "x": 1}),
        ([Point(at=dt.date(2025, 1, 2), x=2)], [{"at": "2025-01-02", "x": 2}]),
        (dt.datetime(2025, 1, 2, tzinfo=dt.UTC), "2025-01-02T00:00:00Z"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        ({7}, [7]),
    ],
)
def test_data_is_stored_as_json_has_it(value: Any, stored: Any) -> None:
    """What a job returned reads the same from Python and by HTTP."""
    report = reports.returned(a_run(), value)
    assert isinstance(report, Done)
    assert (report.id, report.fence, report.run_us) == ("j", "w.1", 2_000_000)
    outcome = outcome_of(report)
    assert outcome.result == stored
    assert (outcome.started_ms, outcome.run_us, outcome.worker) == (STARTED_MS, 2_000_000, "w")


def deep() -> list[Any]:
    """Nest lists deeper than any decoder goes."""
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    "value",
    [
        object(),
        [object()],
        print,
        math.nan,
        {"a": [math.inf]},
        "\ud800",
        {"\ud800": 1},
        {(1, 2): 3},
        2**64,
        deep(),
        "x" * (MOST_RESULT + 1),
        (number for number in [1]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_data_fails_for_good(value: Any) -> None:
    """A re-run would return the same, so there is none; the message says what was wrong."""
    report = reports.returned(a_run(), value)
    assert isinstance(report, Failed)
    assert report.reason is FailReason.UNRECOVERABLE
    assert report.retry_in_ms is None
    outcome = outcome_of(report)
    assert outcome.error == "ResultUnusable"
    assert "The handler" in outcome.message


# ── raised ──


def test_an_error_is_retried_by_the_backoff_then_given_up() -> None:
    """Two retries after 3 s each, then `exhausted`."""
    for attempts in (0, 1):
        report = raised(ValueError("no luck"), attempts)
        assert isinstance(report, Failed)
        assert report.retry_in_ms == 3_000
    report = raised(ValueError("no luck"), attempts=2)
    assert isinstance(report, Failed)
    assert (report.retry_in_ms, report.reason) == (None, FailReason.EXHAUSTED)
    outcome = outcome_of(report)
    assert (outcome.error, outcome.message) == ("ValueError", "no luck")
    assert "ValueError: no luck" in outcome.trace


@pytest.mark.parametrize("after", [0.25, dt.timedelta(milliseconds=250)])
def test_retry_says_when(after: Any) -> None:
    """`Retry(after)` instead of the backoff, but not past the last retry."""
    report = raised(Retry(after, "the mill is full"))
    assert isinstance(report, Failed)
    assert report.retry_in_ms == 250
    assert outcome_of(report).message == "the mill is full"
    last = raised(Retry(after), attempts=2)
    assert isinstance(last, Failed)
    assert (last.retry_in_ms, last.reason) == (None, FailReason.EXHAUSTED)


def test_retry_without_a_time_takes_the_backoff() -> None:
    """`Retry()` is an error like any other."""
    report = raised(Retry())
    assert isinstance(report, Failed)
    assert report.retry_in_ms == 3_000


@pytest.mark.parametrize(
    "error",
    [
        Fail("broken stone"),
        TaskRejectedError(),
        PayloadInvalid("grind", [FieldError("/weight", "Too heavy.")]),
    ],
)
def test_what_no_retry_helps(error: Exception) -> None:
    """Fail, taskiq's reject and a payload that the model rejects are given up at once."""
    report = raised(error)
    assert isinstance(report, Failed)
    assert (report.retry_in_ms, report.reason) == (None, FailReason.UNRECOVERABLE)


@pytest.mark.parametrize(
    ("until", "delay_ms"),
    [
        (5, 5_000),
        (dt.timedelta(minutes=1), 60_000),
        (dt.datetime.fromtimestamp((STARTED_MS + 9_000) / 1000, dt.UTC), 7_000),
        (dt.datetime.fromtimestamp(1, dt.UTC), 1),
        (0, 1),
    ],
)
def test_snooze_costs_no_attempt(until: Any, delay_ms: int) -> None:
    """The job is put off from the end of the run, however often it was tried."""
    report = raised(Snooze(until), attempts=2)
    assert isinstance(report, Released)
    assert report.delay_ms == delay_ms


def test_a_timeout_is_retried_and_keeps_its_name() -> None:
    """As if it had raised; given up, the reason is `timeout`."""
    first = reports.timed_out(a_run(), 1.5, POLICY, lambda: 0.5)
    last = reports.timed_out(a_run(attempts=2), 1.5, POLICY, lambda: 0.5)
    assert isinstance(first, Failed)
    assert isinstance(last, Failed)
    assert (first.retry_in_ms, last.retry_in_ms) == (3_000, None)
    assert last.reason is FailReason.TIMEOUT
    assert outcome_of(last).error == "TimeoutError"


def test_an_unreadable_envelope() -> None:
    """It fails as `integrity`; nobody will ever read it."""
    claim = a_run().claim
    report = reports.unreadable(claim, "w", STARTED_MS, ValueError("torn"))
    assert isinstance(report, Failed)
    assert (report.reason, report.retry_in_ms) == (FailReason.INTEGRITY, None)


# ── errors that are hard to tell of ──


def test_texts_are_bounded_and_clean() -> None:
    """Long messages and traces are cut, lone surrogates replaced."""

    def fall(depth: int) -> None:
        if depth == 0:
            raise ValueError("\ud800" + "x" * 50_000)
        fall(depth - 1)

    with pytest.raises(ValueError) as caught:  # noqa: PT011 (its text is the point)
        fall(200)
    outcome = outcome_of(raised(caught.value))
    assert len(outcome.message) == MOST_MESSAGE
    assert outcome.message.startswith("?x")
    assert len(outcome.trace) <= MOST_TRACE


def test_an_error_without_a_readable_text() -> None:
    """An exception whose own text raises is still told of."""

    class Mute(Exception):  # noqa: N818 (a name for a test)
        @override
        def __str__(self) -> str:
            raise RuntimeError

    outcome = outcome_of(raised(Mute()))
    assert outcome.error == "Mute"
    assert outcome.message == "Mute without a readable text"


# ── cancelled ──


def interrupted() -> BaseException:
    """Return the error of a handler that was interrupted."""
    try:
        raise asyncio.CancelledError  # noqa: TRY301 (for its traceback)
    except asyncio.CancelledError as error:
        return error


def test_a_cancelled_run_says_so_and_where_it_was() -> None:
    """The traceback is that of the interruption."""
    report = reports.stopped(a_run(), interrupted())
    outcome = outcome_of(report)
    assert (outcome.error, outcome.message) == ("Cancelled", "Cancelled while it ran.")
    assert "in interrupted" in outcome.trace
    assert report.run_us == 2_000_000


def test_one_that_was_left_says_that() -> None:
    """Whoever reads it knows that the handler may still be at work."""
    outcome = outcome_of(reports.stopped(a_run(), reports.Cancelled(left=True)))
    assert outcome.message == "Cancelled while it ran; the handler did not stop and was left."


def test_one_that_never_ran_says_that() -> None:
    """No time is spent on it."""
    claim = Claim(JobId("j"), b"", "w.1", 0, 0, 1)
    report = reports.never_ran(claim, "w")
    outcome = outcome_of(report)
    assert (outcome.error, outcome.message) == ("Cancelled", "Cancelled before it started.")
    assert (outcome.started_ms, outcome.run_us, report.run_us) == (0, 0, 0)
