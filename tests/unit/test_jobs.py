"""Ids, tenants and priorities at the door: what is taken and what is refused."""

from __future__ import annotations

import pytest

from headpond.errors import PayloadInvalid
from headpond.jobs import JobState, NewJob, check_job_id, check_tenant, parse_priority

GOOD_IDS = ["a", "7", "A-1", "student-7-date-25122024", "a._:@=+~-", "x" * 200]
BAD_IDS = ["", " a", "a b", "-a", ".a", "a/b", "a\n", "a\x00", "é", "a" * 201, "{a}", "a*"]


@pytest.mark.parametrize("value", GOOD_IDS)
def test_a_good_id_is_taken_as_it_is(value: str) -> None:
    """Nothing is folded, trimmed or changed."""
    assert check_job_id(value) == value


@pytest.mark.parametrize("value", BAD_IDS)
def test_a_bad_id_is_refused_at_its_place(value: str) -> None:
    """The fault points at `/job_id` and says what an id may have."""
    with pytest.raises(PayloadInvalid) as caught:
        check_job_id(value)
    (fault,) = caught.value.errors
    assert fault.pointer == "/job_id"
    assert "1 to 200 letters, digits" in fault.detail


@pytest.mark.parametrize("value", ["", "acme", "Acme-7.north@example", "x" * 100])
def test_a_good_tenant_is_taken(value: str) -> None:
    """The empty name is the default tenant."""
    assert check_tenant(value) == value


@pytest.mark.parametrize("value", [" ", "-a", "a b", "a:b", "a|b", "ü", "x" * 101, "a\n"])
def test_a_bad_tenant_is_refused_at_its_place(value: str) -> None:
    """The fault points at `/tenant`."""
    with pytest.raises(PayloadInvalid) as caught:
        check_tenant(value)
    assert [fault.pointer for fault in caught.value.errors] == ["/tenant"]


@pytest.mark.parametrize(
    ("given", "level"),
    [("low", 2), ("normal", 5), ("high", 7), ("critical", 9), (0, 0), (4, 4), (9, 9)],
)
def test_a_priority_is_a_name_or_a_level(given: int | str, level: int) -> None:
    """Four names and ten integers."""
    assert parse_priority(given) == level


@pytest.mark.parametrize("given", ["", "urgent", "High", "7", -1, 10, 1_000_000])
def test_another_priority_is_refused_with_its_value(given: int | str) -> None:
    """The sentence names what was given."""
    with pytest.raises(PayloadInvalid) as caught:
        parse_priority(given)
    (fault,) = caught.value.errors
    assert fault.pointer == "/priority"
    assert str(given) in fault.detail
    assert fault.detail.endswith(".")


def test_a_new_job_is_normal_and_due_at_once() -> None:
    """What nobody says is the default."""
    job = NewJob(check_job_id("a"), b"")
    assert (job.priority, job.tenant, job.delay_ms, job.run_at_ms) == (5, "", 0, 0)


def test_states_are_the_words_of_the_api() -> None:
    """Their values are what clients see."""
    assert [str(state) for state in JobState] == [
        "waiting",
        "delayed",
        "active",
        "completed",
        "failed",
        "cancelled",
    ]
