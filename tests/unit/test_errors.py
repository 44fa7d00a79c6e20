"""What errors say to people. Their codes and their tree: tests/repo/test_error_codes.py."""

from __future__ import annotations

import pytest

from headpond.errors import (
    ANY_JOB,
    ConfigInvalid,
    FieldError,
    HeadpondError,
    Invalid,
    JobExists,
    JobTypeUnknown,
    JobUnknown,
    NotFound,
    PayloadInvalid,
    QueueUnknown,
    StoreFull,
    StoreUnavailable,
    StoreUnfit,
    TooLarge,
    Unavailable,
)


@pytest.mark.parametrize("error", [Unavailable, StoreUnavailable, StoreFull])
def test_what_may_pass_by_itself_is_retryable(error: type[HeadpondError]) -> None:
    """The store's absence and its fullness."""
    assert error.retryable


@pytest.mark.parametrize("error", [HeadpondError, Invalid, NotFound, JobExists, StoreUnfit])
def test_what_somebody_must_change_is_not_retryable(error: type[HeadpondError]) -> None:
    """Faults of the caller, and a store that is set up wrongly."""
    assert not error.retryable


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            PayloadInvalid("mark", [FieldError("/a", "A.")]),
            "The payload does not fit the job type 'mark': /a: A.",
        ),
        (
            PayloadInvalid("mark", [FieldError(f"/{name}", f"{name}.") for name in "abcde"]),
            "The payload does not fit the job type 'mark': /a: a. /b: b. /c: c. And 2 more.",
        ),
        (PayloadInvalid("mark", [FieldError("", "No.")]), "The payload does not fit the job type"),
        (
            PayloadInvalid(ANY_JOB, [FieldError("/delay", "-1 s is negative.")]),
            "/delay: -1 s is negative.",
        ),
        (TooLarge("The body", 9_000_000, 8_388_608), "The body has 9,000,000 bytes; the limit is"),
        (ConfigInvalid([FieldError("/spec/min", "Too many.")], "q.yaml"), "q.yaml: /spec/min: Too"),
        (ConfigInvalid([FieldError("", "Not a mapping.")]), "/: Not a mapping."),
        (JobUnknown("a-1"), "There is no job 'a-1': never accepted, or its retention has ended."),
        (JobExists("a-1", "line"), "Queue 'line' has a job 'a-1' already; send on_duplicate="),
    ],
)
def test_an_error_is_a_sentence_with_its_value(error: HeadpondError, sentence: str) -> None:
    """People read `str(error)`."""
    assert str(error).startswith(sentence)


def test_a_config_error_has_a_line_for_each_fault() -> None:
    """All faults of a document are told at once."""
    faults = [FieldError("/a", "One."), FieldError("/b", "Two.")]
    assert str(ConfigInvalid(faults, "q.yaml")) == "q.yaml: /a: One.\nq.yaml: /b: Two."
    assert ConfigInvalid(faults).errors == tuple(faults)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            QueueUnknown("attendence", ["notify", "attendance"]),
            (
                "There is no queue 'attendence'. Did you mean 'attendance'?"
                " Known: 'attendance', 'notify'."
            ),
        ),
        (QueueUnknown("zzz", ["notify"]), "There is no queue 'zzz'. Known: 'notify'."),
        (QueueUnknown("zzz"), "There is no queue 'zzz'. Known: none."),
        (
            JobTypeUnknown("mark-leaf", "school", ["mark-leave"]),
            (
                "Queue 'school' has no job type 'mark-leaf'. Did you mean 'mark-leave'?"
                " Known: 'mark-leave'."
            ),
        ),
    ],
)
def test_who_asks_for_what_is_not_there_learns_what_is(error: NotFound, text: str) -> None:
    """The nearest name, and the known ones."""
    assert str(error) == text


def test_a_long_list_of_names_is_cut() -> None:
    """Twenty names are enough to see the pattern."""
    text = str(QueueUnknown("zzz", [f"q{number:02}" for number in range(25)]))
    assert "'q19' and 5 more." in text
    assert "'q20'" not in text


def test_callers_can_catch_by_family() -> None:
    """Shells translate by the base class."""
    assert issubclass(PayloadInvalid, Invalid)
    assert issubclass(QueueUnknown, NotFound)
    assert issubclass(StoreFull, Unavailable)
