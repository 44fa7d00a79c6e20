"""A job's life with its worker in Redis: claimed, reported, waited for."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from typing import TYPE_CHECKING, Any, Final, TypeVar

from headpond.envelope import pack
from headpond.jobs import Claim, Done, Failed, JobId, Progressed, Released, Stopped
from headpond.ports import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headpond.jobs import Ended
    from headpond.redis.client import Client

MOST_CLAIMS: Final = 1000
"""Jobs of one claim: Lua's stack holds 8,000 values, and a script should take a few ms."""
MOST_LOST: Final = 99
"""Fences remembered of claims without an answer; older ones' leases have run out."""
REPORTS: Final = 500
"""Ended jobs in one script call, for the same reason."""
SHORTEST_WAIT_S: Final = 0.002
"""Redis 6.2 takes a millisecond for a wait without end."""
LONGEST_WAIT_S: Final = 5.0
"""An idle worker looks at least this often, should a wake-up have been lost with its connection."""
_T = TypeVar("_T")
_R = TypeVar("_R", Done, Failed | Stopped, Released)
STAMP: Final = 13
"""Digits of the time since when a job waits, before a stored body."""
PREFIX: Final = 29
"""Those and the 16 of its score: what stands before a body."""


class Life:
    """Exchange and wait."""

    def __init__(self, client: Client) -> None:
        """Keep the connection."""
        self._client = client
        self._lost: dict[tuple[str, str], tuple[str, ...]] = {}
        """By queue and worker: fences of claims whose answers never came."""
        self._fences = itertools.count(secrets.randbits(32))

    # ── a worker's turn ──

    async def exchange(
        self, queue: str, worker: str, ended: Sequence[Ended], want: int
    ) -> Exchange:
        """Report what ended and claim more, in one write and one read."""
        client = self._client
        now = client.now()
        commands = [*self._reports(queue, worker, ended, now)]
        fence = f"{worker}.{next(self._fences)}"
        lost = self._lost.get((queue, worker), ())
        claim = (*client.head("claim", queue), now, worker, fence, max(0, min(want, MOST_CLAIMS)))
        try:
            replies = await client.pipeline([*commands, (*claim, *lost)])
        except BaseException:
            # What may have been claimed is nobody's: the next exchange gives it back.
            known = self._lost.get((queue, worker), ())
            self._lost[queue, worker] = (*known[-MOST_LOST:], fence)
            raise
        if lost:  # others may have been lost meanwhile
            known = self._lost.pop((queue, worker), ())
            self._lost[queue, worker] = tuple(each for each in known if each not in lost)
        stale = tuple(JobId(each.decode()) for reply in replies[:-1] for each in reply)
        ids, bodies, tries, since, next_due, held, draining, at, fires = replies[-1]
        claims = _claims(fence, ids, bodies, tries, since)
        return Exchange(claims, stale, next_due, held == 1, draining == 1, at, fires == 1)

    def _reports(
        self, queue: str, worker: str, ended: Sequence[Ended], now: int
    ) -> list[tuple[Any, ...]]:
        done: list[Done] = []
        failed: list[Failed | Stopped] = []
        others: list[Released | Progressed] = []
        for report in ended:
            if isinstance(report, Done):
                done.append(report)
            elif isinstance(report, Failed | Stopped):
                failed.append(report)
            else:
                others.append(report)
        head = self._client.head
        commands: list[tuple[Any, ...]] = []
        for progress in _chunks([each for each in others if isinstance(each, Progressed)]):
            args = [part for job in progress for part in _progress(job)]
            commands.append((*head("progress", queue), now, len(progress), *args))
        commands += (
            (*head("finish", queue), now, worker, *_joined_ends(ends)) for ends in _chunks(done)
        )
        commands += (
            (*head("fail", queue), now, worker, *_joined_faults(faults))
            for faults in _chunks(failed)
        )
        commands += (
            (*head("release", queue), now, worker, *joined_releases(backs))
            for backs in _chunks([each for each in others if isinstance(each, Released)])
        )
        return commands

    async def wait(self, queue: str, timeout_s: float) -> None:
        """Block on the queue's wake marker; one marker wakes one worker, which wakes the next.

        The loop's clock ends it: Redis looks at its own timeouts every 100 ms only, and an idle
        worker waits like this for the moment at which a delayed job becomes due.
        """
        seconds = max(SHORTEST_WAIT_S, min(timeout_s, LONGEST_WAIT_S))
        key = self._client.key(queue, "wake")
        command = ("BZPOPMIN", key, f"{seconds:.3f}")
        reply = asyncio.ensure_future(self._client.block(command, LONGEST_WAIT_S))
        try:
            await asyncio.wait({reply}, timeout=seconds)
        except asyncio.CancelledError:  # also in the very moment in which the marker has come
            reply.add_done_callback(lambda taken: self._pass_on(key, taken))
            raise
        if reply.done():
            reply.result()  # raises what went wrong
        else:
            reply.add_done_callback(lambda taken: self._pass_on(key, taken))

    def _pass_on(self, key: str, taken: asyncio.Future[Any]) -> None:
        """Put back a marker that nobody waits for any more."""
        if not taken.cancelled() and taken.exception() is None and taken.result() is not None:
            reply = self._client.send(("ZADD", key, 0, "0"))
            if reply is not None:
                reply.add_done_callback(lambda future: future.cancelled() or future.exception())


def _progress(job: Progressed) -> tuple[Any, ...]:
    return (job.id, job.fence, job.progress)


def _end(job: Done) -> tuple[Any, ...]:
    return (job.id, len(job.outcome), job.run_us)


def _failure(job: Failed | Stopped) -> tuple[Any, ...]:
    if isinstance(job, Stopped):
        return (job.id, len(job.outcome), "stopped", -1, job.run_us)
    retry_ms = -1 if job.retry_in_ms is None else max(0, job.retry_in_ms)
    return (job.id, len(job.outcome), job.reason.value, retry_ms, job.run_us)


def _release(job: Released) -> tuple[Any, ...]:
    return (job.id, max(0, job.delay_ms), job.parked, len(job.body or b""))


def _joined_ends(jobs: Sequence[Done]) -> tuple[bytes, bytes]:
    return _joined(jobs, _end, [job.outcome for job in jobs])


def _joined_faults(jobs: Sequence[Failed | Stopped]) -> tuple[bytes, bytes]:
    return _joined(jobs, _failure, [job.outcome for job in jobs])


def joined_releases(jobs: Sequence[Released]) -> tuple[bytes, bytes]:
    """Return the arguments of `release.lua` that speak of jobs."""
    return _joined(jobs, _release, [job.body or b"" for job in jobs])


def _joined(
    jobs: Sequence[_R], values: Callable[[_R], tuple[Any, ...]], pieces: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Return reports as `owned.lua` reads them: a packed list of runs under one fence, and bytes.

    One argument costs Redis as much as twenty values of a packed list.
    """
    packed: list[Any] = []
    fence, at = "", 0
    for job in jobs:
        if job.fence != fence:
            fence, at = job.fence, len(packed) + 1
            packed += (fence, 0)
        packed[at] += 1
        packed += values(job)
    return pack(packed), b"".join(pieces)


def _chunks(items: list[_T]) -> list[list[_T]]:
    return [items[at : at + REPORTS] for at in range(0, len(items), REPORTS)]


def _claims(
    fence: str,
    ids: list[bytes],
    bodies: list[bytes],
    tries: list[bytes | None],
    since: list[bytes | None],
) -> tuple[Claim, ...]:
    if not tries and not since:
        return tuple(
            Claim(JobId(i.decode()), body[PREFIX:], fence, 0, 0, int(body[:STAMP]))
            for i, body in zip(ids, bodies, strict=True)
        )
    claims = []
    for at, (job_id, body) in enumerate(zip(ids, bodies, strict=True)):
        attempts, crashes = divmod(int((tries[at] if tries else None) or 0), 1000)
        began = int(((since[at] if since else None) or body)[:STAMP])
        claims.append(Claim(JobId(job_id.decode()), body[PREFIX:], fence, attempts, crashes, began))
    return tuple(claims)
