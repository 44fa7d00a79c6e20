"""The demonstration's roster and books: it can only prove what they can tell apart."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from demo.books import Books, compare, read_rows
from demo.roster import Plan, expected_rows, key_of, make_roster
from demo.sender import Tally
from demo.verdict import Verdict
from headpond.errors import PayloadInvalid
from headpond_school.attendance import mark_attendance
from headpond_school.marks import Mark

if TYPE_CHECKING:
    from pathlib import Path

PLAN = Plan(new=600, repeats=50, invalid=20)


def test_the_roster_has_the_kinds_of_the_plan() -> None:
    """As many of each as asked, 5,000 by default."""
    assert Counter(entry.kind for entry in make_roster(PLAN)) == {
        "new": 600,
        "repeat": 50,
        "invalid": 20,
    }
    assert Plan().total == 5000


def test_the_roster_is_the_same_each_time() -> None:
    """Two runs send the same marks in the same order."""
    assert make_roster(PLAN) == make_roster(PLAN)
    assert make_roster(PLAN) != make_roster(Plan(600, 50, 20, seed=8))


def test_new_marks_are_all_different_and_taken() -> None:
    """Each makes a job of its own, and its key is what the app will write."""
    marks = [entry.body for entry in make_roster(Plan()) if entry.kind == "new"]
    accepted = [Mark.model_validate(body) for body in marks]
    assert len({mark.job_id for mark in accepted}) == 4880
    assert [key_of(body) for body in marks] == [
        (mark.tenant_id, mark.student_id, mark.session_id or "", mark.date.isoformat())
        for mark in accepted
    ]


def test_both_tenants_have_the_same_students() -> None:
    """A clash of tenants would lose rows, so the roster provokes it."""
    keys = expected_rows(make_roster(PLAN))
    without_tenant = Counter(key[1:] for key in keys)
    assert set(without_tenant.values()) == {2}


def test_a_repeat_stands_after_what_it_repeats() -> None:
    """It is the very same mark, sent later."""
    seen: dict[int, object] = {}
    for entry in make_roster(PLAN):
        if entry.kind == "new":
            seen[entry.first] = entry.body
        elif entry.kind == "repeat":
            assert entry.body == seen[entry.first]


def test_each_invalid_mark_is_refused() -> None:
    """None of the faults is one that the app would take."""
    for entry in make_roster(PLAN):
        if entry.kind == "invalid":
            with pytest.raises(PayloadInvalid):
                mark_attendance.accept(entry.body)


def test_books_that_agree_have_nothing_to_say() -> None:
    """Every row once, with its status."""
    expected = expected_rows(make_roster(PLAN))
    books = compare(expected, expected.items())
    assert (books.rows, books.lost, books.doubled, books.wrong) == (600, (), (), ())


def test_books_tell_what_is_lost_doubled_or_wrong() -> None:
    """Each kind of difference is told apart."""
    expected = expected_rows(make_roster(PLAN))
    lost, doubled, changed, *_ = expected
    rows = [(key, status) for key, status in expected.items() if key not in {lost, changed}]
    rows += [
        (doubled, expected[doubled]),
        (changed, "asleep"),
        (("no", "such", "", "mark"), "late"),
    ]
    books = compare(expected, rows)
    assert (books.lost, books.doubled) == ((lost,), (doubled,))
    assert len(books.wrong) == 2


def test_a_database_that_is_not_there_has_no_rows(tmp_path: Path) -> None:
    """Nothing was recorded; everything is lost."""
    assert read_rows(tmp_path / "none.db") == []


def a_verdict(**fields: object) -> Verdict:
    """Build the verdict of a run without a fault, with `fields` on top."""
    figures = {
        "plan": Plan(),
        "tally": Tally(sent=5000, new=4880, duplicates=100, rejected=20),
        "books": Books(rows=4880, lost=(), doubled=(), wrong=()),
        "failed": 0,
        "most_workers": 4,
        "seconds": 32.24,
    }
    return Verdict(**(figures | fields))  # type: ignore[arg-type]  # each field has its own type


def test_a_run_without_a_fault_is_one_line() -> None:
    """The line is the one that scripts may look for."""
    verdict = a_verdict()
    assert list(verdict.differences()) == []
    assert verdict.line == (
        "demo: 5000 sent, 4980 accepted, 100 duplicates, 20 rejected, 4880 rows, 0 lost, 0 doubled,"
        " workers 0→4→0, 32.2 s"
    )


KEY = ("greenfield", "1", "", "2026-11-02")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tally": Tally(4999, 4880, 100, 19)}, ["sent: 4999, not 5000", "rejected: 19, not 20"]),
        ({"books": Books(4879, (KEY,), (), ())}, ["rows: 4879, not 4880", f"lost: {KEY}"]),
        ({"books": Books(4881, (), (KEY,), ())}, ["rows: 4881, not 4880", f"doubled: {KEY}"]),
        ({"books": Books(4880, (), (), ("odd",))}, ["wrong: odd"]),
        ({"failed": 2}, ["failed jobs: 2, not 0"]),
        ({"most_workers": 0}, ["no worker was ever seen"]),
    ],
)
def test_each_difference_is_said(fields: dict[str, object], said: list[str]) -> None:
    """Whatever is not as planned gets a line of its own."""
    assert list(a_verdict(**fields).differences()) == said


def test_many_differences_are_cut_short() -> None:
    """Five of a kind are enough to see what it is."""
    books = Books(4880, (), (), tuple(f"row {number}" for number in range(9)))
    said = list(a_verdict(books=books).differences())
    assert len(said) == 6
    assert said[-1] == "wrong: … and 4 more"
