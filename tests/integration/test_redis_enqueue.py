"""Many callers that enqueue at the same time with a real Redis: each hears, whatever happens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest_asyncio

from headpond.errors import StoreUnavailable
from headpond.jobs import JobId, NewJob
from headpond.queues import QueueSettings
from headpond.redis import RedisQueueStore, entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    import pytest

    from headpond.jobs import Placed

CALLERS = 10 * entry.AT_A_TIME


@pytest_asyncio.fixture
async def store(redis_url: str, namespace: str) -> AsyncIterator[RedisQueueStore]:
    """Give a store with one queue."""
    store = RedisQueueStore(redis_url, namespace)
    await store.configure("q", QueueSettings())
    yield store
    await store.close()


def calls(store: RedisQueueStore) -> list[Coroutine[None, None, list[Placed]]]:
    """Return calls that will leave together."""
    return [store.enqueue("q", [NewJob(JobId(f"j{n}"), b"{}")]) for n in range(CALLERS)]


def flushes() -> list[asyncio.Task[None]]:
    """Return the tasks that send them, and hand the answers out."""
    return [t for t in asyncio.all_tasks() if getattr(t.get_coro(), "__name__", "") == "_send"]


async def turn_until(condition: Callable[[], object]) -> None:
    """Let the loop turn, and look after each turn."""
    while not condition():  # noqa: ASYNC110 (each turn counts)
        await asyncio.sleep(0)


async def test_every_caller_gets_its_own_answer(store: RedisQueueStore) -> None:
    """In parts, and none is left out."""
    placed = await asyncio.gather(*calls(store))
    assert [one.id for (one,) in placed] == [f"j{n}" for n in range(CALLERS)]
    assert all(one.created for (one,) in placed)
    assert (await store.sample(["q"]))["q"].waiting == CALLERS


async def test_callers_are_not_kept_waiting_by_a_busy_loop(
    store: RedisQueueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the time for handing out in parts is over, all the others hear at once."""
    monkeypatch.setattr(entry, "WITHIN_S", 0)
    answered: list[int] = []
    turn = 0

    async def call(one: Coroutine[None, None, list[Placed]]) -> None:
        await one
        answered.append(turn)

    calling = asyncio.gather(*map(call, calls(store)))
    while not calling.done():
        await asyncio.sleep(0)
        turn += 1
    assert len(answered) == CALLERS
    assert max(answered) - min(answered) <= entry.TURNS


async def test_callers_hear_when_the_handing_out_is_cut_off(
    store: RedisQueueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The jobs are in, so that is what they hear."""
    monkeypatch.setattr(entry, "WITHIN_S", 60)
    running = [asyncio.create_task(call) for call in calls(store)]
    await turn_until(lambda: any(one.done() for one in running))
    assert not all(one.done() for one in running)
    (sending,) = flushes()
    sending.cancel()
    placed = await asyncio.gather(*running)
    assert all(one.created for (one,) in placed)
    assert sending.cancelled()


async def test_callers_hear_when_the_sending_is_cut_off(store: RedisQueueStore) -> None:
    """Nobody knows whether the jobs are in."""
    running = [asyncio.create_task(call) for call in calls(store)]
    await turn_until(flushes)
    await asyncio.sleep(0)  # it has begun, and waits for Redis
    flushes()[0].cancel()
    found = await asyncio.gather(*running, return_exceptions=True)
    assert {type(each) for each in found} == {StoreUnavailable}
