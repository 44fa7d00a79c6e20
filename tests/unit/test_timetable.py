"""Schedules: what they accept, when they fire, and what becomes of occurrences that were missed."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from headpond.errors import ConfigInvalid
from headpond.jobs import check_job_id
from headpond.timetable import (
    GRACE_MS,
    LATEST_START_MS,
    LONGEST_EVERY_MS,
    MOST_MISSED,
    SHORTEST_EVERY_MS,
    Due,
    Schedule,
    check,
    due,
    first,
    occurrence_id,
    pack_schedule,
    unpack_schedule,
)

HOUR_MS = 3_600_000
NOON_MS = 1_775_347_200_000 // HOUR_MS * HOUR_MS
"""Some whole hour."""


def ms(text: str) -> int:
    """Return an ISO time with offset as Unix milliseconds."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def iso(at_ms: int) -> str:
    """Return the moment in UTC, to the minute."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="minutes")[:16]


def hourly(**fields: object) -> Schedule:
    """Build a schedule of every full hour."""
    return Schedule(**{"name": "h", "job_type": "sweep", "every_ms": HOUR_MS, **fields})  # type: ignore[arg-type]


def daily(cron: str = "30 2 * * *", tz: str = "America/New_York", **fields: object) -> Schedule:
    """Build a schedule by cron."""
    return Schedule(**{"name": "d", "job_type": "sweep", "cron": cron, "tz": tz, **fields})  # type: ignore[arg-type]


def fires(schedule: Schedule, start_ms: int, end_ms: int, look_ms: int = 30_000) -> list[int]:
    """Look at a schedule so often, as workers do; return the times at which it fired."""
    times: list[int] = []
    next_ms = first(schedule, start_ms)
    for now_ms in range(start_ms, end_ms, look_ms):
        answer = due(schedule, next_ms, now_ms)
        times += answer.times_ms
        next_ms = answer.next_ms
    return times


# ── when it fires first ──


@pytest.mark.parametrize(
    ("start_ms", "now_ms", "first_ms"),
    [
        (0, NOON_MS - 1, NOON_MS),
        (0, NOON_MS, NOON_MS + HOUR_MS),
        (0, NOON_MS + 1, NOON_MS + HOUR_MS),
        (NOON_MS + 500, NOON_MS, NOON_MS + 500),
        (NOON_MS + 500, NOON_MS + 499, NOON_MS + 500),
        (NOON_MS + 500, NOON_MS + 500, NOON_MS + 500 + HOUR_MS),
        (NOON_MS + 500, NOON_MS + 10 * HOUR_MS, NOON_MS + 500 + 10 * HOUR_MS),
        (NOON_MS + 90 * HOUR_MS, NOON_MS, NOON_MS + 90 * HOUR_MS),
    ],
)
def test_every_counts_from_its_start(start_ms: int, now_ms: int, first_ms: int) -> None:
    """The first is the start itself, or after now the next one in step with it."""
    assert first(hourly(start_ms=start_ms), now_ms) == first_ms


def test_cron_fires_first_after_now() -> None:
    """In its own zone; not before its start either."""
    now_ms = ms("2026-06-01T06:30+00:00")
    assert first(daily(), now_ms - 1) == now_ms
    assert first(daily(), now_ms) == ms("2026-06-02T06:30+00:00")
    later = daily(start_ms=ms("2026-07-01T06:30+00:00"))
    assert first(later, now_ms) == ms("2026-07-01T06:30+00:00")


@pytest.mark.parametrize("tz", ["UTC", "Asia/Kolkata", "Europe/Berlin", "Pacific/Chatham"])
def test_cron_fires_by_the_clock_on_the_wall(tz: str) -> None:
    """At half past two, wherever that is."""
    at = first(daily(tz=tz), ms("2026-06-01T00:00+00:00"))
    zone = msgspec.structs.replace(daily(tz=tz)).tz
    assert zone == tz
    fired = fires(daily(tz=tz), at - 1, at + 3 * 24 * HOUR_MS)
    assert fired == [at + 24 * HOUR_MS * day for day in range(3)]


# ── what is due ──


def test_nothing_is_due_before_its_time() -> None:
    """And nothing ever when there is no next time."""
    assert due(hourly(), NOON_MS, NOON_MS - 1) == Due((), NOON_MS)
    assert due(hourly(), 0, NOON_MS) == Due((), 0)


@pytest.mark.parametrize("missed", ["skip", "once", "all"])
@pytest.mark.parametrize("late_ms", [0, 1, GRACE_MS])
def test_an_occurrence_found_within_a_minute_is_not_missed(missed: str, late_ms: int) -> None:
    """Nobody looks every millisecond: it fires, whatever is to become of missed ones."""
    schedule = hourly(missed=missed)
    assert due(schedule, NOON_MS, NOON_MS + late_ms) == Due((NOON_MS,), NOON_MS + HOUR_MS)


def test_missed_ones_are_skipped() -> None:
    """Past the minute nothing is made up for; the next comes in its time."""
    now_ms = NOON_MS + GRACE_MS + 1
    assert due(hourly(missed="skip"), NOON_MS, now_ms) == Due((), NOON_MS + HOUR_MS)


def test_of_missed_ones_the_latest_may_still_be_in_time() -> None:
    """With `skip` those before it are gone, and it fires itself."""
    latest = NOON_MS + 5 * HOUR_MS
    assert due(hourly(missed="skip"), NOON_MS, latest + 10) == Due((latest,), latest + HOUR_MS)


def test_missed_ones_are_made_up_for_once() -> None:
    """However many there were, one job runs: the latest's."""
    latest = NOON_MS + 5 * HOUR_MS
    late = due(hourly(missed="once"), NOON_MS, latest + 10 * GRACE_MS)
    assert late == Due((latest,), latest + HOUR_MS)


def test_all_missed_ones_are_made_up_for() -> None:
    """Each in its turn, oldest first."""
    times = tuple(NOON_MS + HOUR_MS * number for number in range(6))
    late = due(hourly(missed="all"), NOON_MS, times[-1] + 10 * GRACE_MS)
    assert late == Due(times, times[-1] + HOUR_MS)


def test_a_flood_of_missed_ones_comes_in_bounded_steps() -> None:
    """A hundred at once, the rest in the next steps; none is left out and none comes twice."""
    schedule = hourly(every_ms=1000, missed="all")
    now_ms, next_ms, times = NOON_MS + 250_000, NOON_MS, list[int]()
    sizes = []
    while next_ms <= now_ms:
        answer = due(schedule, next_ms, now_ms)
        sizes.append(len(answer.times_ms))
        times += answer.times_ms
        next_ms = answer.next_ms
    assert sizes == [MOST_MISSED, MOST_MISSED, 51]
    assert times == [NOON_MS + 1000 * number for number in range(251)]


def test_years_of_missed_ones_cost_no_counting() -> None:
    """A tenth of a second for ten years: the latest is found at once."""
    schedule = hourly(every_ms=100)
    now_ms = NOON_MS + 10 * 365 * 24 * HOUR_MS + 42
    assert due(schedule, NOON_MS, now_ms) == Due((now_ms - 42,), now_ms + 58)


def test_missed_ones_of_cron_are_made_up_for_once() -> None:
    """The latest local time that has come."""
    next_ms = ms("2026-06-01T02:30-04:00")
    late = due(daily(missed="once"), next_ms, ms("2026-06-05T01:00-04:00"))
    assert [iso(at) for at in late.times_ms] == ["2026-06-04T06:30"]
    assert iso(late.next_ms) == "2026-06-05T06:30"


def test_all_missed_ones_of_cron_are_made_up_for() -> None:
    """Each local time, through the change of clocks (8 March 2026, no 02:30 on that day)."""
    next_ms = ms("2026-03-07T02:30-05:00")
    late = due(daily(missed="all"), next_ms, ms("2026-03-10T00:00-04:00"))
    assert [iso(at) for at in late.times_ms] == [
        "2026-03-07T07:30",
        "2026-03-08T07:30",
        "2026-03-09T06:30",
    ]
    assert iso(late.next_ms) == "2026-03-10T06:30"


@pytest.mark.parametrize(
    ("cron", "start", "wanted"),
    [
        ("30 2 * * *", "2026-03-08T00:00-05:00", ["2026-03-08T07:30"]),
        ("30 1 * * *", "2026-11-01T00:00-04:00", ["2026-11-01T05:30"]),
        ("0 0 * * *", "2026-11-01T00:00-04:00", ["2026-11-02T05:00"]),
    ],
)
@pytest.mark.parametrize("missed", ["skip", "once", "all"])
def test_a_day_of_changing_clocks_has_one_occurrence(
    cron: str, start: str, wanted: list[str], missed: str
) -> None:
    """An hour that does not exist is made up for, one that comes twice counts once."""
    times = fires(daily(cron, missed=missed), ms(start), ms(start) + 25 * HOUR_MS + 60_000)
    assert [iso(at) for at in times] == wanted


def test_looking_often_or_seldom_makes_no_difference_to_all() -> None:
    """With `all`, whenever somebody looks, each occurrence fires exactly once."""
    schedule = daily("*/7 * * * *", missed="all")
    start, end = ms("2026-03-08T00:00-05:00"), ms("2026-03-09T00:00-04:00")
    often = fires(schedule, start, end, look_ms=10_000)
    seldom = fires(schedule, start, end, look_ms=HOUR_MS)
    assert len(often) == len(set(often))
    assert often[: len(seldom)] == seldom
    assert len(often) - len(seldom) <= 9


def test_an_expression_that_comes_no_more_has_no_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """29 February on a Thursday or a Sunday, where nobody looks further ahead than eight years."""
    monkeypatch.setattr("headpond.schedules.HORIZON_DAYS", 366 * 8 + 1)
    rare = daily("0 0 29 2 */4", tz="UTC", missed="all")
    last = ms("2032-02-29T00:00+00:00")
    assert first(rare, ms("2031-01-01T00:00+00:00")) == last
    assert due(rare, last, last) == Due((last,), 0)
    assert due(msgspec.structs.replace(rare, missed="once"), last, last) == Due((last,), 0)
    assert first(rare, last) == 0


# ── names of occurrences ──


def test_an_occurrence_s_id_tells_schedule_and_time() -> None:
    """To the millisecond, and always valid as a job's."""
    assert occurrence_id("n", ms("2026-02-03T04:05:06.007+00:00")) == "n@2026-02-03T04:05:06.007Z"
    longest = occurrence_id("x" * 100, NOON_MS)
    assert check_job_id(longest) == longest


def test_occurrences_of_different_times_and_schedules_differ() -> None:
    """None takes the id of another."""
    names = [occurrence_id(name, at) for name in ("a", "a-1", "b") for at in range(0, 400, 100)]
    assert len(set(names)) == len(names)


def test_a_schedule_survives_the_wire() -> None:
    """Every field comes back; defaults cost nothing."""
    schedule = Schedule(
        name="n",
        job_type="t",
        cron="0 7 * * 1-5",
        tz="Asia/Kolkata",
        missed="all",
        start_ms=5,
        priority=9,
        tenant="acme",
        args=[{"a": [1, None, "ü"]}],
    )
    assert unpack_schedule(pack_schedule(schedule)) == schedule
    assert len(pack_schedule(hourly())) < 40


# ── what is refused ──


@pytest.mark.parametrize(
    "schedule",
    [
        hourly(),
        hourly(every_ms=SHORTEST_EVERY_MS),
        hourly(every_ms=LONGEST_EVERY_MS, start_ms=NOON_MS),
        daily(),
        daily("@daily", tz="Asia/Kolkata", missed="skip", priority=0, tenant="a.b"),
        daily(start_ms=LATEST_START_MS),
        hourly(name="A.b_c-9"),
        hourly(name="x" * 100),
    ],
)
def test_good_schedules_are_accepted(schedule: Schedule) -> None:
    """They come back as they are, and there is a time at which they fire."""
    assert check(schedule) is schedule
    assert first(schedule, NOON_MS) > NOON_MS


@pytest.mark.parametrize(
    ("schedule", "pointer", "part"),
    [
        (hourly(name=""), "/name", "'' is no schedule's name"),
        (hourly(name="a b"), "/name", "'a b'"),
        (hourly(name="a\n"), "/name", r"'a\n'"),
        (hourly(name="a\x00b"), "/name", r"'a\x00b'"),
        (hourly(name="-a"), "/name", "'-a'"),
        (hourly(name="a@b"), "/name", "'a@b'"),
        (hourly(name="é"), "/name", "'é'"),
        (hourly(name="x" * 101), "/name", "1 to 100 letters"),
        (hourly(every_ms=0), "/cron", "either `cron` or `every`"),
        (daily(every_ms=1000), "/cron", "either `cron` or `every`"),
        (hourly(every_ms=-1), "/every", "-1 ms is not within"),
        (hourly(every_ms=SHORTEST_EVERY_MS - 1), "/every", "99 ms is not within"),
        (hourly(every_ms=LONGEST_EVERY_MS + 1), "/every", "is not within 100 ms and a year"),
        (hourly(start_ms=-1), "/start", "-1 ms is no start"),
        (daily(start_ms=LATEST_START_MS + 1), "/start", "from 1970 to 9000"),
        (hourly(missed="never"), "/missed", "'never' is none of skip, once, all"),
        (daily("0 0 30 2 *"), "/cron", "'0 0 30 2 *' never fires"),
        (daily("0 7 * *"), "/cron", "has 4"),
        (daily("61 7 * * *"), "/cron", "'61' is no minute"),
        (daily("0 7 * * *\x00"), "/cron", r"\x00"),
        (daily(tz="Mars/Olympus"), "/tz", "'Mars/Olympus' is no time zone"),
        (daily(tz=""), "/tz", "'' is no time zone"),
        (daily(tz="Europe"), "/tz", "'Europe' is no time zone"),
        (daily(tz="../../etc/passwd"), "/tz", "is no time zone"),
        (daily(tz="/etc/localtime"), "/tz", "is no time zone"),
        (daily(tz="UTC\x00"), "/tz", "is no time zone"),
        (daily(tz="localtime"), "/tz", "'localtime' is no time zone"),
        (daily(tz=5), "/tz", "5 is no time zone"),  # type: ignore[arg-type]
        (daily(tz="x" * 5000), "/tz", "is no time zone"),
        (hourly(priority=10), "/priority", "10 is not within 0 to 9"),
        (hourly(priority=-1), "/priority", "-1 is not within 0 to 9"),
        (hourly(priority="urgent"), "/priority", "'urgent' is none of low"),
        (hourly(tenant="a b"), "/tenant", "a tenant has 1 to 100 letters"),
        (hourly(tenant="a\x1b[2J"), "/tenant", "a tenant has 1 to 100 letters"),
    ],
)
def test_bad_schedules_are_refused_by_name(schedule: Schedule, pointer: str, part: str) -> None:
    """The field, the value and what to write instead."""
    with pytest.raises(ConfigInvalid) as caught:
        check(schedule)
    (fault,) = caught.value.errors
    assert (fault.pointer, part in fault.detail) == (pointer, True), fault.detail
    assert fault.detail.endswith(".")


def test_all_faults_are_told_at_once() -> None:
    """Nobody has to try ten times."""
    with pytest.raises(ConfigInvalid) as caught:
        check(daily("x", tz="x", name=" ", missed="x", priority=99, tenant=" "))
    pointers = [fault.pointer for fault in caught.value.errors]
    assert pointers == ["/name", "/missed", "/cron", "/tz", "/priority", "/tenant"]
