"""Marks: what is taken, what is refused and why, and the job id that each has."""

from __future__ import annotations

from datetime import date
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headpond.errors import PayloadInvalid
from headpond.jobs import check_job_id
from headpond_school.attendance import attendance, mark_attendance
from headpond_school.marks import LONG_ID, SHORT_ID, Mark, Status


def a_mark(**fields: object) -> dict[str, object]:
    """Build a valid mark as it is sent, with `fields` on top."""
    return {
        "tenantId": "acme",
        "institutionId": "north",
        "studentId": 7,
        "sessionId": 2,
        "date": "2024-12-25",
        "status": "present",
        **fields,
    }


def refusal(**fields: object) -> list[tuple[str, str]]:
    """Return pointer and sentence of each fault."""
    with pytest.raises(PayloadInvalid) as caught:
        mark_attendance.accept(a_mark(**fields))
    return [(fault.pointer, fault.detail) for fault in caught.value.errors]


def test_the_queue_has_the_defaults_of_the_system_it_replaces() -> None:
    """50 at once, 3 retries, exponential from 2 seconds, high priority (SEEDS A4.1)."""
    defaults = attendance.defaults
    assert (attendance.name, defaults.concurrency, defaults.retries) == ("attendance", 50, 3)
    assert (defaults.backoff, defaults.priority) == ("exponential:2s", "high")
    assert list(attendance.job_types) == ["mark-attendance"]


def test_a_mark_is_sent_and_kept_in_camel_case() -> None:
    """What goes to the worker is what came, with ids as text and the day as a date."""
    mark = Mark.model_validate(a_mark())
    assert mark.model_dump(mode="json") == a_mark(studentId="7", sessionId="2")
    assert mark_attendance.accept(mark.model_dump(mode="json")) == mark


def test_the_job_id_names_student_session_and_date() -> None:
    """The id is that of SEEDS B5.4, with the tenant in front."""
    assert Mark.model_validate(a_mark()).job_id == "acme~student-7-session-2-date-25122024"


def test_a_mark_of_the_whole_day_has_a_job_id_of_its_own() -> None:
    """No session that can be named makes the same job id as none."""
    whole = Mark.model_validate(a_mark(sessionId=None)).job_id
    assert whole == "acme~student-7-session-~day-date-25122024"
    assert Mark.model_validate(a_mark(sessionId="day")).job_id != whole


def test_institution_and_status_are_not_part_of_the_job_id() -> None:
    """The first mark of a student, session and day counts, whatever a second one says."""
    first = Mark.model_validate(a_mark())
    second = Mark.model_validate(a_mark(status="absent", institutionId="south"))
    assert first.job_id == second.job_id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            {"studentId": "a-session-b", "sessionId": "c"},
            {"studentId": "a", "sessionId": "b-session-c"},
        ),
        (
            {"studentId": "a-session", "sessionId": "b"},
            {"studentId": "a", "sessionId": "session-b"},
        ),
        ({"tenantId": "a"}, {"tenantId": "b"}),
    ],
)
def test_marks_that_read_alike_have_job_ids_apart(
    one: dict[str, str], other: dict[str, str]
) -> None:
    """Ids that contain the words of the job id can't make two marks one."""
    assert Mark.model_validate(a_mark(**one)).job_id != Mark.model_validate(a_mark(**other)).job_id


WORDS = st.lists(
    st.sampled_from(["session", "-", "student", "date", "7", "a", "sess", "ion", "."]), max_size=5
).map(lambda parts: "0" + "".join(parts))
KEYS = st.tuples(
    WORDS, WORDS, st.one_of(st.none(), WORDS), st.dates(date(1900, 1, 1), date(2199, 1, 1))
)


@given(KEYS, KEYS)
def test_equal_job_ids_mean_equal_marks(
    one: tuple[str, str, str | None, date], other: tuple[str, str, str | None, date]
) -> None:
    """The way from tenant, student, session and day to the job id can be walked back."""
    ids = {_job_id(*one), _job_id(*other)}
    assert len(ids) == len({one, other})


def _job_id(tenant: str, student: str, session: str | None, day: date) -> str:
    fields = a_mark(tenantId=tenant, studentId=student, sessionId=session, date=day.isoformat())
    return Mark.model_validate(fields).job_id


def test_the_longest_ids_still_make_a_job_id() -> None:
    """Every mark that is taken has an id that the store takes."""
    word = ("session" * SHORT_ID)[:SHORT_ID]
    sent = a_mark(tenantId="t" * LONG_ID, studentId=word, sessionId=word)
    check_job_id(Mark.model_validate(sent).job_id)


@pytest.mark.parametrize(
    "sent",
    [
        "2024-12-25",
        "2024-12-25T00:00:00.000Z",
        "2024-12-25T23:59:59+05:30",
        "2024-12-25 08:15",
    ],
)
def test_a_date_and_time_counts_as_its_date_as_written(sent: str) -> None:
    """The day of a mark is the one that its sender wrote, in whatever zone."""
    assert Mark.model_validate(a_mark(date=sent)).date == date(2024, 12, 25)


@pytest.mark.parametrize(
    "sent",
    [
        "25/12/2024",
        "2024-02-30",
        "2024-W01-1",
        "1735084800",
        1735084800,
        "",
        None,
        "0024-12-25",
        [],
    ],
)
def test_what_is_no_day_is_refused(sent: object) -> None:
    """Nothing is guessed: no other order, no timestamp, no day that there is not."""
    ((pointer, sentence),) = refusal(date=sent)
    assert pointer == "/date"
    assert repr(sent) in sentence


@pytest.mark.parametrize("field", ["tenantId", "institutionId", "studentId", "sessionId"])
@pytest.mark.parametrize(
    "sent", ["", "a b", "a/b", "-a", "a~b", "ä", True, 1.5, ["a"], "x" * 65, -1]
)
def test_what_is_no_id_is_refused(field: str, sent: object) -> None:
    """An id is a word or a whole number, of bounded length."""
    ((pointer, sentence),) = refusal(**{field: sent})
    assert pointer == f"/{field}"
    assert "is no id" in sentence


def test_a_long_value_is_quoted_in_short() -> None:
    """An error does not repeat a megabyte."""
    ((_, sentence),) = refusal(studentId="x" * 100_000)
    assert len(sentence) < 250


@pytest.mark.parametrize("sent", ["Present", "asleep", "", None, 1])
def test_an_unknown_status_is_refused_with_those_that_there_are(sent: object) -> None:
    """The sentence names every status."""
    ((pointer, sentence),) = refusal(status=sent)
    assert pointer == "/status"
    assert all(repr(status) in sentence for status in get_args(Status))


def test_each_fault_is_named_at_once() -> None:
    """A sender learns of all faults in one answer."""
    with pytest.raises(PayloadInvalid) as caught:
        mark_attendance.accept({"tenantId": "acme", "status": "late", "mood": "cheerful"})
    pointers = {fault.pointer for fault in caught.value.errors}
    assert pointers == {"/institutionId", "/studentId", "/date", "/mood"}
