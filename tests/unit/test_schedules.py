"""Cron expressions: what they accept, when they fire, and what happens where clocks change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from headpond.errors import ConfigInvalid
from headpond.schedules import Cron, parse_cron

NEW_YORK = ZoneInfo("America/New_York")
"""Clocks go from 02:00 to 03:00 on 8 March 2026, and from 02:00 to 01:00 on 1 November 2026."""


def ms(text: str) -> int:
    """Return an ISO time with offset as Unix milliseconds."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def fires(cron: Cron, zone: ZoneInfo, start: str, end: str) -> list[str]:
    """Return the local times at which it fires after `start` and until `end`."""
    times, at = [], ms(start)
    while (at := cron.next(at, zone)) and at <= ms(end):
        times.append(datetime.fromtimestamp(at / 1000, zone).isoformat())
    return times


@pytest.mark.parametrize(
    ("text", "after", "next_"),
    [
        ("0 7 * * 1-5", "2026-11-20T07:00+00:00", "2026-11-23T07:00+00:00"),
        ("*/15 * * * *", "2026-11-20T07:00+00:00", "2026-11-20T07:15+00:00"),
        ("59 23 31 12 *", "2026-11-20T07:00+00:00", "2026-12-31T23:59+00:00"),
        ("0 0 29 2 *", "2026-11-20T07:00+00:00", "2028-02-29T00:00+00:00"),
        ("0 0 29 2 *", "2096-03-01T00:00+00:00", "2104-02-29T00:00+00:00"),
        ("0 12 * jan,JUL sun", "2026-11-20T07:00+00:00", "2027-01-03T12:00+00:00"),
        ("0 12 13 * fri", "2026-11-20T13:00+00:00", "2026-11-27T12:00+00:00"),
        ("0 12 13 * fri", "2026-12-11T12:00+00:00", "2026-12-13T12:00+00:00"),
        ("0 0 * * 7", "2026-11-20T07:00+00:00", "2026-11-22T00:00+00:00"),
        ("5/20 3 * * *", "2026-11-20T03:05+00:00", "2026-11-20T03:25+00:00"),
        ("@daily", "2026-11-20T07:00+00:00", "2026-11-21T00:00+00:00"),
    ],
)
def test_next(text: str, after: str, next_: str) -> None:
    """The next occurrence is the first after the moment, never the moment itself."""
    assert parse_cron(text).next(ms(after), UTC) == ms(next_)


@pytest.mark.parametrize(
    ("text", "now", "latest"),
    [
        ("0 7 * * 1-5", "2026-11-23T06:59+00:00", "2026-11-20T07:00+00:00"),
        ("0 7 * * 1-5", "2026-11-23T07:00+00:00", "2026-11-23T07:00+00:00"),
        ("0 0 29 2 *", "2026-11-20T07:00+00:00", "2024-02-29T00:00+00:00"),
    ],
)
def test_latest(text: str, now: str, latest: str) -> None:
    """The latest occurrence may be the moment itself."""
    assert parse_cron(text).latest(ms(now), UTC) == ms(latest)


def test_latest_and_next_agree() -> None:
    """Walking forward finds nothing that walking backward does not."""
    cron, at = parse_cron("7,37 */5 * * 2-4"), ms("2026-03-01T00:00+00:00")
    for _ in range(200):
        at = cron.next(at, NEW_YORK)
        assert cron.latest(at, NEW_YORK) == at
        assert cron.latest(at + 59_999, NEW_YORK) == at
        assert cron.next(at - 1, NEW_YORK) == at


def test_a_fixed_hour_that_is_skipped_fires_later() -> None:
    """02:30 does not exist on that day; it fires half an hour after the skip, once."""
    assert fires(
        parse_cron("30 2 * * *"), NEW_YORK, "2026-03-07T12:00-05:00", "2026-03-09T12:00-04:00"
    ) == ["2026-03-08T03:30:00-04:00", "2026-03-09T02:30:00-04:00"]


def test_a_fixed_hour_that_comes_twice_fires_once() -> None:
    """01:30 comes twice on that day; the first one counts."""
    assert fires(
        parse_cron("30 1 * * *"), NEW_YORK, "2026-10-31T12:00-04:00", "2026-11-02T12:00-05:00"
    ) == ["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"]


@pytest.mark.parametrize(("day", "count"), [("2026-03-08", 46), ("2026-11-01", 50)])
def test_every_hour_fires_by_elapsed_time(day: str, count: int) -> None:
    """Each half hour means each half hour, on days of 23 and of 25 hours."""
    start = datetime.fromisoformat(day).replace(tzinfo=NEW_YORK)
    end = start + timedelta(days=1) - timedelta(minutes=1)
    before = start - timedelta(minutes=1)
    times = fires(parse_cron("*/30 * * * *"), NEW_YORK, before.isoformat(), end.isoformat())
    assert len(times) == count
    gaps = [ms(later) - ms(earlier) for earlier, later in pairwise(times)]
    assert set(gaps) == {1_800_000}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("0 7 * *", "has 4"),
        ("", "has 0"),
        ("60 7 * * *", "'60' is no minute"),
        ("0 24 * * *", "'24' is no hour"),
        ("0 7 0 * *", "'0' is no day of month"),
        ("0 7 * 13 *", "'13' is no month"),
        ("0 7 * * 8", "'8' is no day of week"),
        ("0 7 * * mon-fry", "'fry' is no day of week"),
        ("9-5 7 * * *", "'9-5' is no minute"),
        ("*/0 * * * *", "'*/0' is no minute"),
        ("0 7 * * ²", "'²' is no day of week"),
        ("1,,2 * * * *", "'' is no minute"),
        ("0 0 30 2 *", "never fires"),
    ],
)
def test_refused(text: str, part: str) -> None:
    """What is wrong is named with its field."""
    with pytest.raises(ConfigInvalid) as caught:
        parse_cron(text)
    assert part in str(caught.value)


def test_a_day_that_never_comes() -> None:
    """An expression made by hand that can't fire gives 0, and no endless search."""
    never = replace(parse_cron("0 0 1 2 *"), days=frozenset({31}))
    assert (
        never.next(ms("2026-11-20T07:00+00:00"), UTC),
        never.latest(ms("2026-11-20T07:00+00:00"), UTC),
    ) == (0, 0)


@pytest.mark.parametrize(
    ("after", "next_"),
    [
        ("2026-01-01T00:00+00:00", "2032-02-29T00:00+00:00"),
        ("2032-03-01T00:00+00:00", "2060-02-29T00:00+00:00"),
        ("2088-03-01T00:00+00:00", "2128-02-29T00:00+00:00"),
    ],
)
def test_a_leap_day_on_a_sunday_comes_after_decades(after: str, next_: str) -> None:
    """Each 28 years, and after 40 where 2100 is no leap year."""
    cron = parse_cron("0 0 29 2 */7")
    assert cron.next(ms(after), UTC) == ms(next_)
