"""What is shown of stored jobs, and what is asked of a store that is full or slow."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

import headpond_api.submission
from api_bench import JOBS, KEY, a_mark, api_bench
from headpond.app.catalog import Catalog
from headpond.envelope import Envelope, pack
from headpond.errors import StoreFull, StoreUnfit
from headpond.jobs import JobId, NewJob, Placed
from headpond.memory import MemoryQueueStore
from headpond.settings import ApiSettings
from headpond.testing import ManualClock
from headpond_api.app import create_app
from marks_app import marks_app

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.mark.parametrize(
    ("args", "kwargs", "shown"),
    [
        ([{"a": 1}], {}, {"a": 1}),
        ([], {}, None),
        ([1, 2], {"b": 3}, {"args": [1, 2], "kwargs": {"b": 3}}),
    ],
)
async def test_jobs_of_taskiq_show_their_arguments(
    args: list[Any], kwargs: dict[str, Any], shown: object
) -> None:
    """A job that `.kiq()` sent has arguments instead of a payload."""
    async with api_bench() as bench:
        body = pack(Envelope("mark-attendance", args, kwargs))
        await bench.store.enqueue("attendance", [NewJob(JobId("one"), body)])
        assert (await bench.client.get("/api/v1/jobs/one")).json()["payload"] == shown


async def test_a_full_store_is_507() -> None:
    """Nothing was enqueued, so there is no id to repeat under; it is told apart from a 503."""
    async with api_bench() as bench:

        async def full(queue: str, jobs: Sequence[NewJob]) -> list[Placed]:
            raise StoreFull("Redis has reached its maxmemory.")

        bench.store.enqueue = full  # type: ignore[method-assign]  # a Redis that has no room
        for path, document in ((JOBS, a_mark()), (f"{JOBS}/bulk", {"jobs": [a_mark()]})):
            answer = await bench.client.post(path, json=document)
            assert (answer.status_code, answer.json()["code"]) == (507, "store-full")
            assert "Retry-After" in answer.headers
            assert "job_id" not in answer.json()


async def test_a_store_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with the id once the patience ends."""
    monkeypatch.setattr(headpond_api.submission, "PATIENCE_S", 0.05)
    async with api_bench() as bench:

        async def never(queue: str, jobs: Sequence[NewJob]) -> list[Placed]:
            await asyncio.Event().wait()
            raise AssertionError

        bench.store.enqueue = never  # type: ignore[method-assign]  # a Redis that is frozen
        answer = await bench.submit(job_id="mine")
        assert (answer.status_code, answer.json()["job_id"]) == (503, "mine")


class UnfitStore(MemoryQueueStore):
    """A store that must not hold jobs."""

    @override
    async def start(self) -> None:
        raise StoreUnfit("It would lose jobs.")


async def test_an_unfit_store_ends_the_start() -> None:
    """The gate's error comes out of the lifespan, for the process to say and to exit."""
    clock = ManualClock()
    app = create_app(ApiSettings(api_key=KEY), UnfitStore(clock), Catalog([marks_app()]))
    with pytest.raises(StoreUnfit):
        async with app.router.lifespan_context(app):
            pass
