"""Schedules, as an app declares them in code or makes them while it runs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from headpond.app.wishes import moment
from headpond.clock import SystemClock
from headpond.config.durations import parse_duration
from headpond.errors import ConfigInvalid, FieldError
from headpond.ports import ScheduleEntry
from headpond.timetable import Missed, Schedule, check, first, pack_schedule, unpack_schedule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headpond.app.wishes import Delay
    from headpond.ports import QueueStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Times:
    """When a job comes again, as its author says it."""

    cron: str = ""
    every: Delay | None = None
    tz: str = "UTC"
    missed: Missed = "once"
    start: datetime | None = None

    @property
    def is_given(self) -> bool:
        """Whether there is a schedule at all."""
        return bool(self.cron) or self.every is not None

    def fields(self) -> dict[str, Any]:
        """Return those of a `Schedule`; raises `ConfigInvalid` or `PayloadInvalid`."""
        cron: object = self.cron  # callers without a type checker pass anything
        if not isinstance(cron, str):
            detail = f"{cron!r} is no cron expression: write one such as '0 7 * * mon-fri'."
            raise ConfigInvalid([FieldError("/cron", detail)])
        return {
            "cron": self.cron,
            "every_ms": _every_ms(self.every),
            "tz": self.tz,
            "missed": self.missed,
            "start_ms": moment(self.start, "start"),
        }


@dataclass(frozen=True, slots=True)
class ScheduleStatus:
    """A schedule at one moment."""

    name: str
    job_type: str
    """`""` when a newer version of Headpond wrote it, and it can't be read here."""
    cron: str
    every: timedelta | None
    tz: str
    missed: Missed
    priority: int
    tenant: str
    declared: bool
    """By code: gone from there, it is taken away."""
    next_at: datetime | None
    """`None`: never again."""


def checked(schedule: Schedule, now_ms: int) -> Schedule:
    """Return a schedule that makes sense and fires at least once, or raise `ConfigInvalid`."""
    check(schedule)
    if not first(schedule, now_ms):
        fault = FieldError("/cron", f"{schedule.cron!r} never fires.")
        raise ConfigInvalid([fault], source=f"schedule {schedule.name}")
    return schedule


async def put(store: QueueStore, queue: str, schedule: Schedule) -> ScheduleStatus:
    """Keep a schedule. One that was there with the same times goes on as it would have."""
    kept = await _kept(store, queue)
    entry = _entry(schedule, kept.get(schedule.name), await store_ms(store, queue))
    await store.put_schedule(queue, entry)
    return status_of_schedule(entry)


async def declare(store: QueueStore, queue: str, declared: Mapping[str, Schedule]) -> None:
    """Make the store's schedules what code says; those that were made otherwise are left alone.

    What is there already is not touched, so a deployment moves no occurrence.
    """
    kept = await _kept(store, queue)
    for name, entry in kept.items():
        old = _read(entry)
        if old is not None and old.declared and name not in declared:
            await store.remove_schedule(queue, name)
            logger.info(
                "queue %s: schedule %s is no longer declared",
                queue,
                name,
                extra={"event": "schedule-removed", "queue": queue, "schedule": name},
            )
    changed = [
        each
        for each in declared.values()
        if each.name not in kept or kept[each.name].definition != pack_schedule(each)
    ]
    if changed:
        now_ms = await store_ms(store, queue)
        for each in changed:
            await store.put_schedule(queue, _entry(each, kept.get(each.name), now_ms))


async def store_ms(store: QueueStore, queue: str) -> int:
    """Return the store's time; of a queue that nobody has configured yet, this machine's."""
    sample = (await store.sample([queue])).get(queue)
    return SystemClock().now_ms() if sample is None else sample.at_ms


def status_of_schedule(entry: ScheduleEntry) -> ScheduleStatus:
    """Return a schedule as callers see it."""
    it = _read(entry) or Schedule(entry.name, "")
    return ScheduleStatus(
        name=entry.name,
        job_type=it.job_type,
        cron=it.cron,
        every=timedelta(milliseconds=it.every_ms) if it.every_ms else None,
        tz=it.tz,
        missed=it.missed,
        priority=it.priority,
        tenant=it.tenant,
        declared=it.declared,
        next_at=datetime.fromtimestamp(entry.next_ms / 1000, UTC) if entry.next_ms else None,
    )


async def _kept(store: QueueStore, queue: str) -> dict[str, ScheduleEntry]:
    return {entry.name: entry for entry in await store.schedules(queue)}


def _entry(schedule: Schedule, kept: ScheduleEntry | None, now_ms: int) -> ScheduleEntry:
    old = _read(kept) if kept is not None else None
    goes_on = old is not None and kept is not None and kept.next_ms and _same(old, schedule)
    next_ms = kept.next_ms if goes_on and kept is not None else first(schedule, now_ms)
    return ScheduleEntry(schedule.name, pack_schedule(schedule), next_ms)


def _same(one: Schedule, other: Schedule) -> bool:
    """Whether two schedules fire at the same times."""
    times = ("cron", "every_ms", "tz", "start_ms")
    return all(getattr(one, name) == getattr(other, name) for name in times)


def _read(entry: ScheduleEntry) -> Schedule | None:
    try:
        return unpack_schedule(entry.definition)
    except msgspec.MsgspecError:
        return None


def _every_ms(every: Delay | None) -> int:
    if every is None:
        return 0
    try:
        ms = round(parse_duration(every).total_seconds() * 1000)
    except ConfigInvalid as error:
        raise ConfigInvalid([FieldError("/every", error.errors[0].detail)]) from error
    if not ms:
        raise ConfigInvalid([FieldError("/every", "0 s is not within 100 ms and a year.")])
    return ms
