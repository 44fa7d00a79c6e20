"""Cron expressions and their occurrences. Pure: the time and the time zone are given.

Five fields (minute, hour, day of month, month, day of week), each `*`, a number, a range, a list, a
step or a name; day of month and day of week are alternatives when both are restricted, as in Vixie
cron.

Where clocks change, an expression with a fixed hour fires once a day: in a skipped hour it fires by
as much later as was skipped, in an hour that comes twice the first time. With `*` as the hour it
fires by elapsed time: not in the skipped hour, and in both of the doubled ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from headpond.errors import ConfigInvalid, FieldError

HORIZON_DAYS: Final = 366 * 40 + 1
"""29 February on a given day of the week comes each 28 years, or in 40 around 2100."""

_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MACROS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    base: int = 0
    """The number of the first name."""


_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS, 1),
    _Field("day of week", 0, 7, _DAYS, 0),
)
_PART: Final = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?")


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression; made by `parse_cron`."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    every_hour: bool
    """The hour was `*`: fire by elapsed time where clocks change."""
    either_day: bool
    """Day of month and day of week are both restricted: one of them is enough."""

    def on(self, day: date) -> bool:
        """Return whether it fires on this day at all."""
        if day.month not in self.months:
            return False
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return of_month or of_week if self.either_day else of_month and of_week

    def latest(self, now_ms: int, tz: tzinfo) -> int:
        """Return the last occurrence at or before `now_ms`, 0 when none was in forty years."""
        day = _day(now_ms, tz) + timedelta(days=1)
        for _ in range(HORIZON_DAYS):
            found = (
                [at for at in _occurrences(self, tz, day) if at <= now_ms] if self.on(day) else []
            )
            if found:
                return found[-1]
            day -= timedelta(days=1)
        return 0

    def next(self, now_ms: int, tz: tzinfo) -> int:
        """Return the first occurrence after `now_ms`, 0 when there is none in forty years."""
        day = _day(now_ms, tz) - timedelta(days=1)
        for _ in range(HORIZON_DAYS):
            found = (
                (at for at in _occurrences(self, tz, day) if at > now_ms) if self.on(day) else ()
            )
            first = next(iter(found), 0)
            if first:
                return first
            day += timedelta(days=1)
        return 0


@lru_cache(maxsize=1024)
def parse_cron(text: str) -> Cron:
    """Parse an expression, or raise `ConfigInvalid` that says what is wrong with which field.

    >>> parse_cron("0 7 * * 1-5").hours
    (7,)
    """
    words = _MACROS.get(text.strip().lower(), text).split()
    if len(words) != len(_FIELDS):
        message = (
            f"{text!r} is no cron expression: it needs 5 fields"
            f" (minute hour day-of-month month day-of-week), and has {len(words)}."
        )
        raise ConfigInvalid([FieldError("", message)])
    minutes, hours, days, months, weekdays = (
        _parse_field(text, word, kind) for word, kind in zip(words, _FIELDS, strict=True)
    )
    cron = Cron(
        text=text,
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset(day % 7 for day in weekdays),
        every_hour=words[1].startswith("*"),
        either_day=not words[2].startswith("*") and not words[4].startswith("*"),
    )
    _check_possible(cron)
    return cron


def _parse_field(text: str, word: str, kind: _Field) -> set[int]:
    values: set[int] = set()
    for part in word.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise _wrong(text, part, kind)
        start, end, step = match.groups()
        if start == "*" and end is None:
            low, high = kind.low, kind.high
        else:
            low = _number(text, start, kind)
            high = _number(text, end, kind) if end else (kind.high if step else low)
        if low > high or step == "0":
            raise _wrong(text, part, kind)
        values.update(range(low, high + 1, int(step or 1)))
    return values


def _number(text: str, word: str, kind: _Field) -> int:
    if word.lower() in kind.names:
        return kind.names.index(word.lower()) + kind.base
    if not (word.isascii() and word.isdigit() and kind.low <= int(word) <= kind.high):
        raise _wrong(text, word, kind)
    return int(word)


def _wrong(text: str, part: str, kind: _Field) -> ConfigInvalid:
    message = (
        f"{text!r} is no cron expression: {part!r} is no {kind.name};"
        f" give {kind.low} to {kind.high}, a list, a range or a step like */5."
    )
    return ConfigInvalid([FieldError("", message)])


def _check_possible(cron: Cron) -> None:
    """Refuse what never comes, as 30 February."""
    leap_year = date(2024, 1, 1)
    if not any(cron.on(leap_year + timedelta(days=n)) for n in range(HORIZON_DAYS)):
        message = f"{cron.text!r} never fires: there is no such day in the year."
        raise ConfigInvalid([FieldError("", message)])


def _day(now_ms: int, tz: tzinfo) -> date:
    return datetime.fromtimestamp(now_ms / 1000, tz).date()


@lru_cache(maxsize=4096)
def _occurrences(cron: Cron, tz: tzinfo, day: date) -> tuple[int, ...]:
    """Return the moments of one local day, in order, as Unix milliseconds."""
    moments: set[int] = set()
    for hour in cron.hours:
        for minute in cron.minutes:
            moments.update(_moments(datetime.combine(day, time(hour, minute)), tz, cron.every_hour))
    return tuple(sorted(moments))


def _moments(wall: datetime, tz: tzinfo, every_hour: bool) -> list[int]:  # noqa: FBT001 - private
    first = wall.replace(tzinfo=tz).astimezone(UTC)
    second = wall.replace(tzinfo=tz, fold=1).astimezone(UTC)
    is_skipped = first.astimezone(tz).replace(tzinfo=None) != wall
    if is_skipped:
        return [] if every_hour else [_ms(first)]
    return [_ms(first), _ms(second)] if every_hour else [_ms(first)]


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
