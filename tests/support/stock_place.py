"""`headpond import taskiq-redis` at a place of the test's own: a stock queue, and one of ours."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import redis

from headpond.cli.import_taskiq import taskiq_redis
from headpond.cli.import_taskiq.options import Options
from headpond.cli.import_taskiq.run import run
from headpond.errors import HeadpondError
from headpond.jobs import JobState
from headpond.queues import QueueSettings
from headpond.redis import RedisQueueStore
from stock_brokers import STOCK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from headpond.jobs import StoredJob
    from redis_server import RedisServer

COMMAND = str(Path(sys.executable).with_name("headpond"))
KINDS = ["list", "stream"]


class Ran(NamedTuple):
    """What became of a run."""

    code: int
    out: str
    err: str


def _options(words: list[str]) -> Options:
    """Read a command line as click does."""
    context = taskiq_redis.make_context("taskiq-redis", words[1:])
    return Options(**context.params)


class Place:
    """A stock broker's database, and the queue to which its messages shall go."""

    def __init__(self, redis_server: RedisServer, namespace: str) -> None:
        """Give the stock broker database 1, Headpond 0."""
        self.url = redis_server.url.removesuffix("/0") + "/1"
        self.raw: Any = redis.Redis.from_url(self.url)
        self.store = RedisQueueStore(redis_server.url, namespace)

    def words(self, kind: str) -> list[str]:
        """Return the options of every run."""
        where = ["--from", self.url, "--broker", kind, "--queue-name", STOCK]
        return ["taskiq-redis", *where, "--to", "mail"]

    async def start(self, kind: str, *words: str) -> asyncio.subprocess.Process:
        """Start `headpond import taskiq-redis` as a process."""
        return await asyncio.create_subprocess_exec(
            *(COMMAND, "import", *self.words(kind), *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, kind: str, *words: str) -> Ran:
        """Run it here; return the exit code, and what it said."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                code = await run(_options([*self.words(kind), *words]))
            except HeadpondError as error:  # the command prints it
                return Ran(2, out.getvalue(), f"{err.getvalue()}{error}\n")
        return Ran(code, out.getvalue(), err.getvalue())

    def put_many(self, kind: str, count: int) -> list[str]:
        """Put as many messages there as if a broker had kicked them; return their ids."""
        ids = [f"many-{number}" for number in range(count)]
        with self.raw.pipeline(transaction=False) as pipe:
            for task_id in ids:
                self.put(kind, a_message(task_id), pipe)
            pipe.execute()
        return ids

    async def moves(self) -> bool:
        """Say whether some have come over."""
        return (await self.store.sample(["mail"]))["mail"].waiting > 20

    async def jobs(self) -> list[StoredJob]:
        """Return the waiting jobs in the order in which they will start."""
        return list((await self.store.page("mail", JobState.WAITING, "", 5000)).jobs)

    async def ids(self) -> list[str]:
        """Return their ids."""
        return [job.id for job in await self.jobs()]

    def lies(self, kind: str) -> int:
        """Return how many messages lie in the stock queue."""
        count = self.raw.llen(STOCK) if kind == "list" else self.raw.xlen(STOCK)
        return int(count)

    def put(self, kind: str, body: bytes, by: Any = None) -> None:
        """Put something there that no broker has kicked."""
        if kind == "list":
            (by or self.raw).lpush(STOCK, body)
        else:
            (by or self.raw).xadd(STOCK, {b"data": body})


def a_message(task_id: str, **fields: Any) -> bytes:
    """Write a message as no broker kicks it."""
    plain = {"task_id": task_id, "task_name": "t", "labels": {}, "args": [], "kwargs": {}}
    return json.dumps({**plain, **fields}).encode()


@asynccontextmanager
async def a_place(
    server: RedisServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    """Give a place with the queue `mail`, and an environment that leads there."""
    path = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("HEADPOND_REDIS_URL", server.url)
    monkeypatch.setenv("HEADPOND_NAMESPACE", namespace)
    monkeypatch.setenv("HEADPOND_APPS", "up_app")  # small, and of other queues
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
    made = Place(server, namespace)
    await made.store.configure("mail", QueueSettings())
    try:
        yield made
    finally:
        await made.store.close()
        made.raw.close()
