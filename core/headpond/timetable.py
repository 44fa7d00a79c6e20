"""Schedules: jobs that come again, by cron or by a fixed interval. Pure: the time is given.

Whoever finds a schedule due (a worker's claim, the governor's tick) asks `due` what is to be
enqueued and when the next time is, and hands both to the store in one step, which refuses when
somebody else was faster. An occurrence's job id follows from the schedule's name and the time, so
that it can't run twice whatever races.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from headpond.errors import ConfigInvalid, FieldError, HeadpondError
from headpond.jobs import DEFAULT_PRIORITY, JobId, check_job_id, check_tenant, parse_priority
from headpond.schedules import parse_cron

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headpond.schedules import Cron

Missed = Literal["skip", "once", "all"]

MOST_MISSED: Final = 100
"""Occurrences that `all` makes up for in one step; the rest follows in the next."""
GRACE_MS: Final = 60_000
"""An occurrence found due this late is not missed: claims and ticks come more often than that."""
SHORTEST_EVERY_MS: Final = 100
LONGEST_EVERY_MS: Final = 366 * 86_400_000
LATEST_START_MS: Final = 221_845_392_000_000
"""The year 9000: calendars end a thousand years later."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Schedule(msgspec.Struct, frozen=True, omit_defaults=True):
    """When which job comes again; `check` refuses what makes no sense."""

    name: str
    job_type: str
    cron: str = ""
    """Five fields; or `every_ms`, but not both."""
    every_ms: int = 0
    tz: str = "UTC"
    """Of the cron expression, an IANA name."""
    missed: Missed = "once"
    """Occurrences past due by a minute, because nothing ran: none, one (the latest), or all."""
    start_ms: int = 0
    """The first occurrence of `every_ms`, and none before it."""
    priority: int = DEFAULT_PRIORITY
    tenant: str = ""
    args: list[Any] = []
    """The payload, as in an envelope."""
    declared: bool = False
    """By code: gone from there, it is taken away."""


@dataclass(frozen=True, slots=True)
class Due:
    """What to do about a schedule now."""

    times_ms: tuple[int, ...]
    """The occurrences to enqueue, oldest first."""
    next_ms: int
    """When to look again; 0: never."""


def check(schedule: Schedule) -> Schedule:
    """Return the schedule, or raise `ConfigInvalid` with every fault."""
    faults: list[FieldError] = []
    if not _NAME.fullmatch(schedule.name):
        detail = (
            f"{schedule.name!r} is no schedule's name: 1 to 100 letters, digits or any of . _ -,"
            " beginning with a letter or a digit."
        )
        faults.append(FieldError("/name", detail))
    if bool(schedule.cron) == bool(schedule.every_ms):
        faults.append(FieldError("/cron", "Give either `cron` or `every`."))
    if schedule.every_ms and not SHORTEST_EVERY_MS <= schedule.every_ms <= LONGEST_EVERY_MS:
        detail = f"{schedule.every_ms} ms is not within 100 ms and a year."
        faults.append(FieldError("/every", detail))
    if schedule.missed not in ("skip", "once", "all"):
        faults.append(FieldError("/missed", f"{schedule.missed!r} is none of skip, once, all."))
    checks = (
        ("/cron", lambda: schedule.cron and parse_cron(schedule.cron)),
        ("/tz", lambda: _zone(schedule.tz)),
        ("/start", lambda: _check_start(schedule.start_ms)),
        ("/priority", lambda: parse_priority(schedule.priority)),
        ("/tenant", lambda: check_tenant(schedule.tenant)),
    )
    for pointer, attempt in checks:
        try:
            attempt()
        except HeadpondError as error:
            faults.append(FieldError(pointer, _sentence(error)))
    if faults:
        raise ConfigInvalid(faults, source=f"schedule {schedule.name}")
    return schedule


def first(schedule: Schedule, now_ms: int) -> int:
    """Return when a new schedule fires first: at `start_ms`, or else after `now_ms`."""
    return next(_times(schedule, max(now_ms, schedule.start_ms - 1)), 0)


def due(schedule: Schedule, next_ms: int, now_ms: int) -> Due:
    """Return what is to be enqueued of a schedule that was to fire at `next_ms`.

    >>> hourly = Schedule("h", "sweep", every_ms=3_600_000, missed="all")
    >>> due(hourly, next_ms=3_600_000, now_ms=8_000_000)
    Due(times_ms=(3600000, 7200000), next_ms=10800000)
    """
    if not 0 < next_ms <= now_ms:
        return Due((), next_ms)
    if schedule.missed == "all":
        return _all(schedule, next_ms, now_ms)
    latest = _latest(schedule, next_ms, now_ms)
    following = next(_times(schedule, latest), 0)
    is_missed = now_ms - latest > GRACE_MS
    return Due(() if is_missed and schedule.missed == "skip" else (latest,), following)


def occurrence_id(schedule: str, at_ms: int) -> JobId:
    """Return the id of the job of one occurrence.

    >>> occurrence_id("nightly", 0)
    'nightly@1970-01-01T00:00:00.000Z'
    """
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return check_job_id(f"{schedule}@{moment.removesuffix('+00:00')}Z")


def _all(schedule: Schedule, next_ms: int, now_ms: int) -> Due:
    times = [next_ms]
    for at in _times(schedule, next_ms):
        if at > now_ms or len(times) == MOST_MISSED:
            return Due(tuple(times), at)
        times.append(at)
    return Due(tuple(times), 0)


def _latest(schedule: Schedule, next_ms: int, now_ms: int) -> int:
    """Return the last occurrence that is due, without counting through all of them."""
    if schedule.every_ms:
        return next_ms + (now_ms - next_ms) // schedule.every_ms * schedule.every_ms
    return max(next_ms, _cron(schedule).latest(now_ms, _zone(schedule.tz)))


def _times(schedule: Schedule, after_ms: int) -> Iterator[int]:
    """Yield the occurrences after a moment."""
    if schedule.every_ms:
        every, start = schedule.every_ms, schedule.start_ms
        at = start + ((after_ms - start) // every + 1) * every
        while True:
            yield at
            at += every
    cron, tz = _cron(schedule), _zone(schedule.tz)
    at = cron.next(after_ms, tz)
    while at:
        yield at
        at = cron.next(at, tz)


def _cron(schedule: Schedule) -> Cron:
    return parse_cron(schedule.cron)


def _zone(name: str) -> ZoneInfo:
    detail = f"{name!r} is no time zone; write one such as Europe/Berlin or Asia/Kolkata."
    if name == "localtime":  # another one on each machine
        raise ConfigInvalid([FieldError("/tz", detail)])
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, TypeError, ValueError, OSError) as error:
        raise ConfigInvalid([FieldError("/tz", detail)]) from error


def _check_start(start_ms: int) -> None:
    if not 0 <= start_ms <= LATEST_START_MS:
        detail = f"{start_ms} ms is no start: it is a time from 1970 to 9000."
        raise ConfigInvalid([FieldError("/start", detail)])


def _sentence(error: HeadpondError) -> str:
    errors = getattr(error, "errors", None)
    return errors[0].detail if errors else str(error)


pack_schedule = msgspec.msgpack.Encoder().encode
unpack_schedule = msgspec.msgpack.Decoder(Schedule).decode
