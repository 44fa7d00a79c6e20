"""The life of a job in Redis: into the queue, to a worker, and to its end."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from typing import TYPE_CHECKING, Any, Final, TypeVar

from headpond.errors import StoreUnavailable
from headpond.jobs import DEFAULT_PRIORITY, Claim, Done, Failed, JobId, NewJob, Released
from headpond.ports import Exchange
from headpond.redis.keys import wake_channel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.jobs import Ended
    from headpond.redis.client import Client

BATCH: Final = 1000
"""Jobs in one enqueue call: Lua's stack holds 8,000 values, and a script should take a few ms."""
REPORTS: Final = 500
"""Ended jobs in one script call, for the same reason."""
LONGEST_WAIT_S: Final = 5.0
"""An idle worker looks at least this often, should a wake-up have been lost with its connection."""
_T = TypeVar("_T")
_STAMP: Final = 13
"""Digits of the enqueue time before a stored body."""


class Life:
    """Enqueue, exchange, wait."""

    def __init__(self, client: Client) -> None:
        """Keep the connection; what is enqueued in one tick of the loop leaves together."""
        self._client = client
        self._unsent: dict[str, list[tuple[Sequence[NewJob], asyncio.Future[list[bool]]]]] = {}
        self._flushes: set[asyncio.Task[None]] = set()
        self._fences = itertools.count(secrets.randbits(32))

    # ── enqueue ──

    async def enqueue(self, queue: str, jobs: Sequence[NewJob]) -> list[bool]:
        """Add the jobs; what other callers enqueue in the same tick of the loop goes along."""
        if not jobs:
            return []
        if len(jobs) > BATCH:
            message = f"{len(jobs)} jobs in one call; the limit is {BATCH}."
            raise ValueError(message)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[bool]] = loop.create_future()
        if queue not in self._unsent:
            self._unsent[queue] = []
            loop.call_soon(self._flush, queue)
        self._unsent[queue].append((jobs, future))
        return await future

    def _flush(self, queue: str) -> None:
        parts = self._unsent.pop(queue)
        while parts:
            size, taken = 0, 0
            while taken < len(parts) and size + len(parts[taken][0]) <= BATCH:
                size += len(parts[taken][0])
                taken += 1
            task = asyncio.get_running_loop().create_task(self._send(queue, parts[:taken]))
            self._flushes.add(task)
            task.add_done_callback(self._flushes.discard)
            parts = parts[taken:]

    async def _send(
        self, queue: str, parts: list[tuple[Sequence[NewJob], asyncio.Future[list[bool]]]]
    ) -> None:
        client = self._client
        args: list[Any] = []
        for jobs, _ in parts:
            for job in jobs:
                args += (job.id, job.body, _standing(job))
        command = (
            *client.head("enqueue", queue),
            client.now(),
            len(args) // 3,
            wake_channel(client.namespace),
            queue,
            *args,
        )
        try:
            added = await client.command(command)
        except Exception as error:  # noqa: BLE001 (handed to every caller of this batch)
            for _, future in parts:
                if not future.done():
                    future.set_exception(error)
            return
        at = 0
        for jobs, future in parts:
            if not future.done():
                future.set_result([flag == 1 for flag in added[at : at + len(jobs)]])
            at += len(jobs)

    # ── a worker's turn ──

    async def exchange(
        self, queue: str, worker: str, ended: Sequence[Ended], want: int
    ) -> Exchange:
        """Report what ended and claim more, in one write and one read."""
        client = self._client
        now = client.now()
        commands = [*self._reports(queue, worker, ended, now)]
        fence = f"{worker}.{next(self._fences)}"
        claim = (*client.head("claim", queue), now, worker, fence, max(0, min(want, BATCH)))
        replies = await client.answers([*commands, claim])
        failure = next((reply for reply in replies if isinstance(reply, Exception)), None)
        if failure is not None:
            await self._give_back(queue, worker, fence, replies[-1])
            raise failure
        stale = tuple(JobId(each.decode()) for reply in replies[:-1] for each in reply)
        ids, bodies, tries, since, next_due, held, draining, at = replies[-1]
        claims = _claims(fence, ids, bodies, tries, since)
        return Exchange(claims, stale, next_due, held == 1, draining == 1, at)

    async def _give_back(self, queue: str, worker: str, fence: str, claimed: Any) -> None:
        """Return what was claimed beside a report that failed: the caller will know of no claim."""
        if isinstance(claimed, Exception) or not claimed[0]:
            return
        released = [Released(JobId(job_id.decode()), fence) for job_id in claimed[0]]
        await self._client.answers(self._reports(queue, worker, released, self._client.now()))

    def _reports(
        self, queue: str, worker: str, ended: Sequence[Ended], now: int
    ) -> list[tuple[Any, ...]]:
        done: list[Done] = []
        failed: list[Failed] = []
        released: list[Released] = []
        for report in ended:
            if isinstance(report, Done):
                done.append(report)
            elif isinstance(report, Failed):
                failed.append(report)
            else:
                released.append(report)
        head = self._client.head
        commands: list[tuple[Any, ...]] = []
        for ends in _chunks(done):
            args: list[Any] = [part for job in ends for part in (job.id, job.fence, job.outcome)]
            run_us = sum(job.run_us for job in ends)
            commands.append((*head("finish", queue), now, worker, run_us, len(ends), *args))
        for faults in _chunks(failed):
            args = [part for job in faults for part in _failure(job)]
            run_us = sum(job.run_us for job in faults)
            commands.append((*head("fail", queue), now, worker, run_us, len(faults), *args))
        for backs in _chunks(released):
            args = [part for job in backs for part in _release(job)]
            commands.append((*head("release", queue), now, worker, len(backs), *args))
        return commands

    async def wait(self, queue: str, timeout_s: float) -> None:
        """Block on the queue's wake marker; one marker wakes one worker, which wakes the next.

        The loop's clock ends it: Redis looks at its own timeouts every 100 ms only, and an idle
        worker waits like this for the moment at which a delayed job becomes due.
        """
        seconds = max(0.001, min(timeout_s, LONGEST_WAIT_S))
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

    async def close(self) -> None:
        """Let enqueues under way end, then close."""
        if self._flushes:
            await asyncio.wait(self._flushes)
        for parts in self._unsent.values():
            for _, future in parts:
                if not future.done():
                    future.set_exception(StoreUnavailable("The store was closed."))


def _standing(job: NewJob) -> str:
    if job.priority == DEFAULT_PRIORITY and not (job.tenant or job.delay_ms or job.run_at_ms):
        return ""
    return f"{job.priority}|{job.delay_ms}|{job.run_at_ms}|{job.tenant}"


def _failure(job: Failed) -> tuple[Any, ...]:
    retry = "" if job.retry_in_ms is None else max(0, job.retry_in_ms)
    return (job.id, job.fence, job.outcome, job.reason.value, retry)


def _release(job: Released) -> tuple[Any, ...]:
    return (job.id, job.fence, max(0, job.delay_ms), job.parked, job.body or b"")


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
            Claim(JobId(i.decode()), body[_STAMP:], fence, 0, 0, int(body[:_STAMP]))
            for i, body in zip(ids, bodies, strict=True)
        )
    claims = []
    for at, (job_id, body) in enumerate(zip(ids, bodies, strict=True)):
        attempts, crashes = divmod(int((tries[at] if tries else None) or 0), 1000)
        began = int((since[at] if since else None) or body[:_STAMP])
        claims.append(Claim(JobId(job_id.decode()), body[_STAMP:], fence, attempts, crashes, began))
    return tuple(claims)
