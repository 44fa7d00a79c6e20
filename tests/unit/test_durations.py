"""Lengths of time as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headpond.config.durations import LONGEST, format_duration, parse_duration
from headpond.errors import ConfigInvalid


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30),
        ("5m", 300),
        ("24h", 86_400),
        ("7d", 604_800),
        ("1h30m", 5_400),
        ("1.5h", 5_400),
        (" 2s ", 2),
        ("30", 30),
        (30, 30),
        (0.25, 0.25),
        (0, 0),
        (timedelta(minutes=1), 60),
    ],
)
def test_a_duration_is_understood(text: object, seconds: float) -> None:
    """Units, sums of units and plain seconds all mean what they say."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("5x", "'5x' is no duration: write 500ms"),
        ("", "'' is no duration"),
        ("s", "'s' is no duration"),
        ("5 m", "'5 m' is no duration"),
        ("-3s", "'-3s' is no duration"),
        (-3, "-3 is negative"),
        (True, "True is no duration"),
        (None, "None is no duration"),
        ([5], "[5] is no duration"),
        (float("nan"), "nan is no duration"),
        (float("inf"), "longer than 3650 days"),
        (10**400, "longer than 3650 days"),
        ("9999999d", "longer than 3650 days"),
        (timedelta(days=-1), "is negative"),
    ],
)
def test_what_is_no_duration_is_refused_with_its_value(value: object, words: str) -> None:
    """The sentence shows the value and what one writes instead."""
    with pytest.raises(ConfigInvalid) as caught:
        parse_duration(value)
    assert words in caught.value.errors[0].detail


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.25, "250ms"), (90, "90s"), (120, "2m"), (604_800, "7d")]
)
def test_a_duration_is_written_in_its_largest_whole_unit(seconds: float, text: str) -> None:
    """People read 2m sooner than 120s, and 90s sooner than 1.5m."""
    assert format_duration(timedelta(seconds=seconds)) == text


@given(st.integers(0, int(LONGEST.total_seconds() * 1000)))
def test_what_is_written_is_understood_again(milliseconds: int) -> None:
    """Any whole number of milliseconds survives the way out and back."""
    value = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(value)) == value
