"""The API without a network: a memory store, a clock to be moved, and a client with the key."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx
from typing_extensions import override

from headpond.app.catalog import Catalog
from headpond.errors import StoreUnavailable
from headpond.memory import MemoryQueueStore
from headpond.settings import ApiSettings
from headpond.testing import ManualClock
from headpond_api.app import create_app
from marks_app import marks_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from fastapi import FastAPI

    from headpond import App
    from headpond.jobs import JobId, NewJob, Placed, StoredJob
    from headpond.queues import QueueSample, QueueSettings

KEY: Final = "a-key-of-the-tests"
QUEUE: Final = "/api/v1/queues/attendance"
JOBS: Final = f"{QUEUE}/jobs"


class TravellingStore(MemoryQueueStore):
    """A memory store that can be away, as a Redis can."""

    away = False

    def _check(self) -> None:
        if self.away:
            raise StoreUnavailable("The store is away.")

    @override
    async def start(self) -> None:
        self._check()

    @override
    async def ping(self) -> None:
        self._check()

    @override
    async def enqueue(self, queue: str, jobs: Sequence[NewJob]) -> list[Placed]:
        self._check()
        return await super().enqueue(queue, jobs)

    @override
    async def read(self, queue: str, ids: Sequence[JobId]) -> list[StoredJob | None]:
        self._check()
        return await super().read(queue, ids)

    @override
    async def sample(self, queues: Sequence[str]) -> dict[str, QueueSample]:
        self._check()
        return await super().sample(queues)

    @override
    async def queues(self) -> list[str]:
        self._check()
        return await super().queues()

    @override
    async def settings(self, queue: str) -> QueueSettings | None:
        self._check()
        return await super().settings(queue)


@dataclass(frozen=True, slots=True)
class ApiBench:
    """What a test of the API works with."""

    client: httpx.AsyncClient
    store: TravellingStore
    clock: ManualClock
    app: FastAPI

    async def submit(self, **fields: Any) -> httpx.Response:
        """Send a good mark, with these fields changed."""
        return await self.client.post(JOBS, json=a_mark(**fields))

    async def counts(self) -> dict[str, Any]:
        """Return the queue's stats."""
        answer = await self.client.get("/api/v1/queues/stats/attendance")
        found: dict[str, Any] = answer.json()
        return found


def a_mark(**fields: Any) -> dict[str, Any]:
    """Return a submission that is good."""
    return {"type": "mark-attendance", "payload": {"student_id": 7}, **fields}


@asynccontextmanager
async def api_bench(*apps: App, **settings: Any) -> AsyncIterator[ApiBench]:
    """Give an API of the app of marks and of `apps`, started as a server would start it."""
    clock = ManualClock()
    store = TravellingStore(clock)
    given = ApiSettings(**{"api_key": KEY, **settings})
    app = create_app(given, store, Catalog([marks_app(), *apps]), clock=clock)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client,
    ):
        yield ApiBench(client, store, clock, app)
