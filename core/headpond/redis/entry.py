"""Jobs on their way into Redis: together where they come together, and as safe as their queue asks.

`WAIT` and `WAITAOF` speak of what their own connection wrote, and block it. Queues that ask for
more than `fast` have a connection of their own for that: while it waits, the jobs that come
meanwhile gather, and are confirmed together with the next word (a group commit).
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from headpond.envelope import pack
from headpond.errors import HeadpondError, NotDurable, StoreUnavailable
from headpond.jobs import DEFAULT_PRIORITY, JobId, NewJob, Placed, check_new_job
from headpond.redis.keys import wake_channel
from headpond.redis.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence

    from headpond.redis.client import Client

BATCH: Final = 1000
"""Jobs in one enqueue call: Lua's stack holds 8,000 values, and a script should take a few ms."""
REPLICA_MS: Final = 1000
DISK_MS: Final = 2500
"""A replica or a disk that takes longer has a fault; the caller is told, and may ask again. Redis
syncs its log each second, unless told to do so always."""
_CONFIRM: Final = {"replicated": ("WAIT", 1, REPLICA_MS), "fsync": ("WAITAOF", 1, 0, DISK_MS)}

MOST_BYTES: Final = 4 * 1024 * 1024
"""Of what several callers enqueue in one step: Redis serves nobody else for some 10 ms a MiB."""

AT_A_TIME: Final = 16
"""Callers that hear together. Were it all, they would all enqueue their next jobs together, and
this process and Redis would work in turn, never at once."""
TURNS: Final = 4
"""Of the loop, until what those callers enqueue next is on its way: theirs, and three of ours."""

WITHIN_S: Final = 0.002
"""For all of that."""

Part = tuple["Sequence[NewJob]", "asyncio.Future[list[Placed]]"]


class Entry:
    """Enqueues."""

    def __init__(self, client: Client) -> None:
        """Keep the connection; what is enqueued in one tick of the loop leaves together."""
        self._client = client
        self._unsent: defaultdict[str, list[Part]] = defaultdict(list)
        self._flushes: set[asyncio.Task[None]] = set()
        self._durable: dict[str, str] = {}
        """Queues that ask for more than `fast`, as their latest answer said."""
        self._confirmed: dict[str, Wire] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def enqueue(self, queue: str, jobs: Sequence[NewJob]) -> list[Placed]:
        """Add the jobs; what other callers enqueue in the same tick of the loop goes along."""
        if not jobs:
            return []
        if len(jobs) > BATCH:
            message = f"{len(jobs)} jobs in one call; the limit is {BATCH}."
            raise ValueError(message)
        for job in jobs:
            check_new_job(job)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Placed]] = loop.create_future()
        if not self._unsent[queue]:
            loop.call_soon(self._flush, queue)
        self._unsent[queue].append((jobs, future))
        return await future

    def _flush(self, queue: str) -> None:
        if queue in self._durable:
            self._begin(self._gather(queue))
            return
        parts = self._unsent.pop(queue)
        while parts:
            taken = _fitting(parts)
            self._begin(self._send(queue, parts[:taken], in_turns=True))
            parts = parts[taken:]

    def _begin(self, sending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(sending)
        self._flushes.add(task)
        task.add_done_callback(self._flushes.discard)

    async def _gather(self, queue: str) -> None:
        """Send what has come by the time that the confirming connection is free."""
        async with self._turns[queue]:
            parts = self._unsent.pop(queue, [])
            while parts:
                taken = _fitting(parts)
                await self._send(queue, parts[:taken])
                parts = parts[taken:]

    async def _send(self, queue: str, parts: list[Part], *, in_turns: bool = False) -> None:
        try:
            placed = await self._placed(queue, [job for jobs, _ in parts for job in jobs])
        except BaseException as error:
            why = error if isinstance(error, Exception) else StoreUnavailable("It was cut off.")
            for _, future in parts:
                if not future.done():
                    future.set_exception(why)
            if why is not error:
                raise
            return
        answers = _answers(parts, placed)
        try:
            if in_turns and len(parts) > AT_A_TIME:
                await _hand_out(answers)
        finally:
            for _ in answers:  # the rest
                pass

    async def _placed(self, queue: str, jobs: list[NewJob]) -> list[Placed]:
        """Add the jobs, and see that they are as safe as the queue asks."""
        asked = self._durable.get(queue, "fast")
        answers, wanted = await self._added(queue, jobs, asked)
        if not wanted and asked != "fast":
            raise NotDurable(
                f"Queue {queue!r} asks for durability {asked!r}, and this Redis knows nothing of"
                " the queue: it may be an empty one that has just taken over. Try again later."
            )
        if wanted in {"", "fast"}:
            self._durable.pop(queue, None)
        elif wanted != asked:  # what was just written went by another connection
            self._durable[queue] = wanted
            await self._added(queue, jobs[:1], wanted)
        if isinstance(answers, int):  # all of them
            return [Placed(job.id) for job in jobs]
        return [_placing(job.id, answer) for job, answer in zip(jobs, answers, strict=True)]

    async def _added(
        self, queue: str, jobs: Sequence[NewJob], asked: str
    ) -> tuple[int | list[int | bytes], str]:
        """Send one step; return the answers and the durability that the queue asks for."""
        client = self._client
        command = (
            *client.head("enqueue", queue),
            client.now(),
            len(jobs),
            wake_channel(client.namespace),
            queue,
            "" if asked == "fast" else "1",
            *joined(jobs),
        )
        if asked == "fast":
            answers, wanted = await client.command(command)
        else:
            replies = await self._confirming(queue).answers([command, _CONFIRM[asked]])
            if isinstance(replies[0], Exception):
                raise replies[0]
            answers, wanted = replies[0]
            if wanted not in {b"", b"fast"}:  # else it asks for no more than it has by now
                _check_confirmed(asked, replies[1])
        return answers, wanted.decode()

    def _confirming(self, queue: str) -> Wire:
        wire = self._confirmed.get(queue)
        if wire is None:
            client = self._client
            place = client.place(client.key(queue, "jobs"))
            wire = self._confirmed[queue] = Wire(client.address, place, setup=client.loads)
        return wire

    async def close(self) -> None:
        """Let enqueues under way end, then close."""
        if self._flushes:
            await asyncio.wait(self._flushes)
        for parts in self._unsent.values():
            for _, future in parts:
                if not future.done():
                    future.set_exception(StoreUnavailable("The store was closed."))
        for wire in self._confirmed.values():
            wire.close()


def _answers(parts: Sequence[Part], placed: list[Placed]) -> Iterator[None]:
    """Tell one caller after the other what became of its jobs."""
    at = 0
    for jobs, future in parts:
        if not future.done():
            future.set_result(placed[at : at + len(jobs)])
        at += len(jobs)
        yield


async def _hand_out(answers: Iterator[None]) -> None:
    """Let the loop turn after each few, as long as that is soon done: others may keep it busy."""
    until = time.monotonic() + WITHIN_S
    for number, _ in enumerate(answers, 1):
        for _turn in range(0 if number % AT_A_TIME else TURNS):
            await asyncio.sleep(0)
            if time.monotonic() > until:
                return


def joined(jobs: Sequence[NewJob]) -> tuple[bytes, bytes]:
    """Return jobs as `add.lua` reads them: all in two arguments, made in two calls."""
    packed = [part for job in jobs for part in (job.id, len(job.body), _standing(job))]
    return pack(packed), b"".join([job.body for job in jobs])


def _standing(job: NewJob) -> str:
    """Return what `add.lua` must know of a job besides its id and body; `""` for the default."""
    plain = not (job.tenant or job.delay_ms or job.run_at_ms or job.batch or job.unique)
    if plain and job.priority == DEFAULT_PRIORITY:
        return ""
    text = f"{job.priority}|{job.delay_ms}|{job.run_at_ms}|{job.tenant}"
    unique = job.unique
    if unique is not None:
        till = unique.until[:1] or "n"
        return f"{text}|{job.batch}|{unique.mode[0]}{till}{unique.for_ms}|{unique.key}"
    return f"{text}|{job.batch}" if job.batch else text


def _placing(own: JobId, answer: int | bytes) -> Placed:
    if isinstance(answer, int):
        return Placed(own, answer == 1)
    other = JobId(answer[1:].decode())
    if answer[:1] == b"~":
        return Placed(own, replaced=other)
    return Placed(other, created=False)


def _check_confirmed(asked: str, reply: Any) -> None:
    """Raise `NotDurable` unless a replica, or a disk, has said that it has the jobs."""
    if isinstance(reply, StoreUnavailable):
        raise reply
    if isinstance(reply, HeadpondError):
        needs = "Redis 7.2 with appendonly" if asked == "fsync" else "a replica"
        is_old = "unknown command" in str(reply)
        why = "this one is older" if is_old else str(reply).removesuffix(".")
        raise NotDurable(
            f"The queue asks for durability {asked!r}, which needs {needs}: {why}. The jobs are"
            " in the queue all the same."
        ) from reply
    confirmed = reply if isinstance(reply, int) else reply[0]
    if confirmed < 1:
        who = "a disk" if asked == "fsync" else "a replica"
        raise NotDurable(
            f"The jobs are in the queue, but {who} did not confirm them in time, as durability"
            f" {asked!r} asks. The same call again is safe."
        )


def _fitting(parts: list[Part]) -> int:
    """Return how many of the parts, from the first on, fit into one step: one always does."""
    size, length, taken = 0, 0, 0
    for jobs, _ in parts:
        size += len(jobs)
        for job in jobs:
            length += len(job.body)
        if taken and (size > BATCH or length > MOST_BYTES):
            break
        taken += 1
    return taken
