"""The tree of errors: codes that are stable and unique, sentences that help."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from headpond import errors
from headpond.errors import (
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

if TYPE_CHECKING:
    from collections.abc import Iterator


def tree(root: type[HeadpondError] = HeadpondError) -> Iterator[type[HeadpondError]]:
    """Yield the class and all below it that this package defines."""
    if root.__module__ == errors.__name__:
        yield root
    for child in root.__subclasses__():
        yield from tree(child)


def test_every_code_is_a_word_of_its_own() -> None:
    """Clients match on codes, so no two errors share one, and they are kebab case."""
    codes = [error.code for error in tree()]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


def test_the_docstring_draws_the_whole_tree() -> None:
    """Whoever adds an error draws it in."""
    drawn = set(re.findall(r"^[ │├└─]*([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE))
    assert {error.__name__ for error in tree()} <= drawn


def test_only_what_may_pass_by_itself_is_retryable() -> None:
    """The store's absence and fullness pass; an unfit store and every fault of the caller stay."""
    retryable = {error for error in tree() if error.retryable}
    assert retryable == {Unavailable, StoreUnavailable, StoreFull}
    assert not StoreUnfit.retryable


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            PayloadInvalid("mark", [FieldError("/a", "A.")]),
            "The payload does not fit the job type 'mark': 1 field rejected.",
        ),
        (
            PayloadInvalid("mark", [FieldError("/a", "A."), FieldError("/b", "B.")]),
            "The payload does not fit the job type 'mark': 2 fields rejected.",
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
