"""Looking at queues and jobs in Redis. Nothing here changes anything."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any, Final

from headpond.errors import Invalid, Unavailable
from headpond.jobs import FailReason, JobId, JobState, StoredJob
from headpond.ports import Page, QueueEvent
from headpond.queues import Hold, QueueSample, WorkerSeen, WorkerState
from headpond.redis.keys import queues_key
from headpond.redis.life import PREFIX, STAMP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.queues import HoldSource
    from headpond.redis.client import Client

logger = logging.getLogger(__name__)

_CURSOR: Final = re.compile(r"(-?\d{1,20}(?:\.\d{1,20})?(?:e[+-]\d{1,3})?)~(\d{1,9})", re.ASCII)
_STATES: Final = ("waiting", "delayed", "active", "completed", "failed", "cancelled")
_PLACE_ASIDE: Final = 8
_NEWEST_FIRST_PLACES: Final = {4, 5, 6}
_ASIDE: Final = "aside~"
_AT_ONCE: Final = 1000
"""Jobs that one script reads: Lua's stack holds 8,000 values."""
_FURTHEST: Final = 12
"""Digits of how many jobs aside were listed."""
_EVENT: Final = re.compile(r"\d{1,20}-\d{1,20}", re.ASCII)
_NEWEST_FIRST: Final = {JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED}


class Looking:
    """Read, find, page, sample; what happened."""

    def __init__(self, client: Client) -> None:
        """Keep the connection."""
        self._client = client
        self._blamed: dict[str, str] = {}
        """What was logged of each queue that is broken."""

    async def read(self, queue: str, ids: Sequence[JobId]) -> list[StoredJob | None]:
        """Return jobs by id, `None` for each that there is not."""
        if not ids:
            return []
        head = (*self._client.head("read", queue), self._client.now())
        parts = [ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE)]
        replies = await self._client.pipeline([(*head, *part) for part in parts])
        return [stored(queue, row) if row else None for rows in replies for row in rows]

    async def find(self, job_id: JobId) -> list[StoredJob]:
        """Ask every queue in one round trip: an id is unique in its queue only."""
        queues = await self.queues()
        if not queues:
            return []
        commands = [
            (*self._client.head("read", queue), self._client.now(), job_id) for queue in queues
        ]
        replies = await self._client.pipeline(commands)
        rows = zip(queues, replies, strict=True)
        return [stored(queue, reply[0]) for queue, reply in rows if reply[0]]

    async def page(self, queue: str, state: JobState, cursor: str, limit: int) -> Page:
        """List jobs of a state.

        The cursor is a score and how many jobs of that very score were listed: jobs that leave the
        state between two pages move nothing, but one that leaves from among equals may hide one.
        """
        if state is JobState.WAITING and cursor.startswith(_ASIDE):
            return await self._page_aside(queue, cursor, limit)
        score, listed = _parse_cursor(cursor)
        newest_first = state in _NEWEST_FIRST
        start = score or ("+inf" if newest_first else "-inf")
        rows = await self._rows(queue, _STATES.index(state.value) + 1, start, listed, limit + 1)
        found = [(row[2].decode(), stored(queue, row)) for row in rows[:limit] if row]
        jobs = tuple(job for _, job in found)
        if len(rows) > limit and found:
            last = found[-1][0]
            same = sum(1 for each, _ in found if each == last)
            return Page(jobs, f"{last}~{same + (listed if last == score else 0)}")
        if state is JobState.WAITING and len(rows) <= limit:
            rest = await self._page_aside(queue, f"{_ASIDE}0", limit - len(rows))
            return Page(jobs + rest.jobs, rest.cursor)
        return Page(jobs, "")

    async def _page_aside(self, queue: str, cursor: str, limit: int) -> Page:
        """List waiting jobs that stepped aside, by tenant: they come after all the others."""
        listed = cursor.removeprefix(_ASIDE)
        if not (listed.isascii() and listed.isdigit() and len(listed) <= _FURTHEST):
            raise _no_cursor(cursor)
        rows = await self._rows(queue, _PLACE_ASIDE, "", int(listed), limit + 1)
        following = f"{_ASIDE}{int(listed) + limit}" if len(rows) > limit else ""
        return Page(tuple(stored(queue, row) for row in rows[:limit] if row), following)

    async def _rows(self, queue: str, place: int, score: str, skip: int, count: int) -> list[Any]:
        newest_first = 1 if place in _NEWEST_FIRST_PLACES else 0
        head = self._client.head("page", queue)
        rows: list[Any] = await self._client.command(
            (*head, self._client.now(), place, newest_first, score, skip, count)
        )
        return rows

    # ── events ──

    async def events(self, queue: str, after: str = "", limit: int = 100) -> list[QueueEvent]:
        """Return what happened after an event."""
        if after and not _EVENT.fullmatch(after):
            raise Invalid(f"{after!r} is no event's id; leave it out to begin at the oldest kept.")
        if limit < 1:
            raise Invalid(f"{limit} events can't be asked for: ask for 1 or more.")
        key = self._client.key(queue, "events")
        start = f"({after}" if after else "-"
        entries = await self._client.command(("XRANGE", key, start, "+", "COUNT", limit))
        return [_event(entry_id, fields) for entry_id, fields in entries]

    # ── samples ──

    async def sample(self, queues: Sequence[str]) -> dict[str, QueueSample]:
        """Sample the queues: one small script each, all in one write."""
        return await self._sampled(queues, [])

    async def tick(self, queues: Sequence[str]) -> dict[str, QueueSample]:
        """Reap, promote and trim, then sample."""
        now = self._client.now()
        return await self._sampled(queues, [(*self._client.head("tick", q), now) for q in queues])

    async def _sampled(
        self, queues: Sequence[str], first: list[tuple[Any, ...]]
    ) -> dict[str, QueueSample]:
        now = self._client.now()
        commands = [(*self._client.head("sample", queue), now) for queue in queues]
        if not commands:
            return {}
        replies = await self._client.answers([*first, *commands])
        samples: dict[str, QueueSample] = {}
        for index, queue in enumerate(queues):
            try:
                sample = _sample(queue, _last(replies[index :: len(queues)]))
            except Unavailable:
                raise  # the store's fault, not the queue's
            except Exception as error:  # noqa: BLE001 (whatever a broken queue holds)
                self._blame(queue, f"{error}")
                continue
            self._blamed.pop(queue, None)
            if sample.epoch:
                samples[queue] = sample
        return samples

    def _blame(self, queue: str, why: str) -> None:
        """Log a queue's defect once; meanwhile it is unknown, and the others go on."""
        if self._blamed.get(queue) != why:
            logger.error(
                "queue %s can't be looked at: %s",
                queue,
                why,
                extra={"event": "queue-broken", "queue": queue},
            )
        self._blamed[queue] = why

    async def queues(self) -> list[str]:
        """Return the configured queues."""
        names = await self._client.command(("SMEMBERS", queues_key(self._client.namespace)))
        return sorted(name.decode() for name in names)


def _last(replies: list[Any]) -> Any:
    """Return a queue's last reply; raise the first error among them."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies[-1]


def _parse_cursor(cursor: str) -> tuple[str, int]:
    if not cursor:
        return "", 0
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise _no_cursor(cursor)
    return found[1], int(found[2])


def _no_cursor(cursor: str) -> Invalid:
    return Invalid(f"{cursor!r} is no cursor of this list; leave it out to begin at the start.")


def _event(entry_id: bytes, fields: list[bytes]) -> QueueEvent:
    said = dict(zip(fields[::2], fields[1::2], strict=True))
    jobs = tuple(JobId(each.decode()) for each in said[b"i"].split())
    detail = said.get(b"d", b"").decode()
    return QueueEvent(entry_id.decode(), said[b"e"].decode(), jobs, detail)


def _sample(queue: str, row: list[Any]) -> QueueSample:
    now, waiting, due, delayed, active, completed, failed, cancelled, parked = row[:9]
    oldest_second, next_due, meta, seen, aside = row[9:]
    epoch, spec, spec_until, runtime, runtime_until, added, ended, run_us, stale, tick = meta
    holds = (_hold("spec", spec, spec_until), _hold("runtime", runtime, runtime_until))
    return QueueSample(
        queue=queue,
        at_ms=now,
        epoch=(epoch or b"").decode(),
        waiting=waiting,
        due=due,
        delayed=delayed,
        active=active,
        completed=completed,
        failed=failed,
        cancelled=cancelled,
        parked=parked,
        held=tuple(hold for hold in holds if hold and not 0 < hold.until_ms <= now),
        oldest_ms=min(now, (oldest_second + 1) * 1000) if oldest_second else 0,
        next_due_ms=next_due,
        added_total=int(added or 0),
        ended_total=int(ended or 0),
        run_us_total=int(run_us or 0),
        stale_total=int(stale or 0),
        aside=aside,
        next_schedule_ms=int(float(tick or 0)),
        workers=tuple(_worker(each) for each in sorted(seen)),
    )


def _hold(source: HoldSource, packed: bytes | None, until: bytes | None) -> Hold | None:
    if packed is None:
        return None
    said = json.loads(packed)
    return Hold(source, said["by"], said["reason"], said["since_ms"], int(until or 0))


def _worker(row: list[Any]) -> WorkerSeen:
    name, says, active = row
    said = json.loads(says[STAMP:] or b"{}")
    return WorkerSeen(
        id=name.decode(),
        state=WorkerState(said.get("state", "working")),
        slots=said.get("slots", 0),
        active=active,
        started_ms=said.get("started_ms", 0),
        seen_ms=int(says[:STAMP]),
        host=said.get("host", ""),
        pid=said.get("pid", 0),
    )


def stored(queue: str, row: list[Any]) -> StoredJob:
    """Make a job of a row of `read.lua`."""
    job_id, name, score, body, standing, owner, tries, reason, outcome, parked = row[:10]
    progress, batch, cancelling = row[10:]
    state = JobState(name.decode())
    priority, _, tenant = standing.decode().partition("|")
    attempts, crashes = divmod(int(tries), 1000)
    # The run that ended well is not written down: a job that needs no second one costs nothing.
    attempts += state is JobState.COMPLETED
    at = int(float(score))
    fence, _, claimed = owner.decode().partition("|")
    return StoredJob(
        id=JobId(job_id.decode()),
        queue=queue,
        state=state,
        body=body[PREFIX:],
        priority=int(priority),
        tenant=tenant,
        attempts=attempts,
        crashes=crashes,
        created_ms=int(body[:STAMP]),
        due_ms=at if state is JobState.DELAYED else 0,
        claimed_ms=int(claimed or 0),
        finished_ms=at if state in _NEWEST_FIRST else 0,
        worker=fence.rpartition(".")[0],
        parked=bool(parked),
        reason=FailReason(reason.decode()) if reason else None,
        outcome=outcome or None,
        progress=progress or None,
        batch=batch.decode(),
        is_cancelling=bool(cancelling),
    )
