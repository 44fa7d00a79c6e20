"""Fire what is due of a queue's schedules. Whoever finds it may do so; the store lets one win."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

from headpond.envelope import Envelope, pack
from headpond.errors import Unavailable
from headpond.jobs import NewJob
from headpond.terms import read_terms
from headpond.timetable import due, occurrence_id, unpack_schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.errors import HeadpondError
    from headpond.ports import ScheduleEntry
    from headpond.queues import QueueSettings
    from headpond.timetable import Schedule

logger = logging.getLogger(__name__)

_TOLD: Final = set[tuple[str, str, bytes]]()
"""Schedules that can't be fired, of which the log has a line: they come up every second."""


class Schedules(Protocol):
    """The part of `headpond.ports.QueueStore` that firing needs, with the contracts there."""

    async def schedules(self, queue: str) -> list[ScheduleEntry]:
        """Return the schedules, by name."""
        ...

    async def settings(self, queue: str) -> QueueSettings | None:
        """Return the settings in force, `None` when the queue was never configured."""
        ...

    async def fire(
        self, queue: str, entry: ScheduleEntry, jobs: Sequence[NewJob], next_ms: int
    ) -> bool:
        """Enqueue the occurrences of a schedule and set its next time, in one step."""
        ...


async def fire_due(store: Schedules, queue: str, now_ms: int) -> bool:
    """Enqueue what is due at `now_ms`, the store's time; False when a schedule could not be fired.

    One that can't be read, because a newer version of Headpond wrote it, stops no other; nor does
    one with a payload in a queue that is encrypted by now, since nobody here has a key to seal it
    with. Raises what the store raises.
    """
    all_fired = True
    asked: list[HeadpondError | None] = []
    for entry in await store.schedules(queue):
        if not 0 < entry.next_ms <= now_ms:
            continue
        try:
            schedule = unpack_schedule(entry.definition)
            what = due(schedule, entry.next_ms, now_ms)
            jobs = [occurrence(schedule, at_ms) for at_ms in what.times_ms]
        except Exception as error:  # noqa: BLE001 (whatever is wrong with this one)
            all_fired = False
            _tell(queue, entry, error)
            continue
        if any(arg is not None for arg in schedule.args):
            asked = asked or [await _refusal(store, queue)]
            if asked[0] is not None:
                all_fired = False
                _tell(queue, entry, asked[0])
                continue
        await store.fire(queue, entry, jobs, what.next_ms)
    return all_fired


async def _refusal(store: Schedules, queue: str) -> HeadpondError | None:
    """Return why no payload may go into the queue as it is; None when it may."""
    settings = await store.settings(queue)
    try:
        if settings is None or not read_terms(queue, settings.document).encrypt_payload:
            return None
    except Unavailable as error:
        return error
    return Unavailable(
        "The queue is encrypted by now, and the payload of a schedule can't be sealed: unschedule"
        " it, and let the handler look up what it needs."
    )


def occurrence(schedule: Schedule, at_ms: int) -> NewJob:
    """Return the job of one occurrence."""
    return NewJob(
        id=occurrence_id(schedule.name, at_ms),
        body=pack(Envelope(schedule.job_type, schedule.args, tenant=schedule.tenant)),
        priority=schedule.priority,
        tenant=schedule.tenant,
    )


def _tell(queue: str, entry: ScheduleEntry, error: Exception) -> None:
    known = (queue, entry.name, entry.definition)
    if known not in _TOLD:
        _TOLD.add(known)
        logger.warning(
            "schedule %s of queue %s can't be fired: %s",
            entry.name,
            queue,
            error,
            extra={"event": "schedule-not-fired", "queue": queue, "schedule": entry.name},
        )
