"""Every verb on which Headpond's promises stand, once each: for Redis in all its forms."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from headpond.jobs import Done, Failed, JobId, JobState, NewJob, Released
from headpond.ports import WorkerBeat
from headpond.queues import Hold, QueueSettings, WorkerState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.jobs import Ended
    from headpond.redis import RedisQueueStore

BEAT = WorkerBeat("w", WorkerState.WORKING, slots=2, started_ms=1)


def jobs(*names: str) -> list[NewJob]:
    """Make jobs."""
    return [NewJob(JobId(name), b"{}") for name in names]


async def use(store: RedisQueueStore, queues: Sequence[str]) -> None:
    """Take each queue through all of it; then look at all of them together."""
    await store.start()
    await store.ping()
    for queue in queues:
        await _work(store, queue)
    await _wakes(store, queues)
    assert await store.queues() == sorted(queues)
    for looked in (await store.sample(queues), await store.tick(queues)):
        assert {name: sample.completed for name, sample in looked.items()} == dict.fromkeys(
            queues, 1
        )
    assert sorted(job.queue for job in await store.find(JobId("done"))) == sorted(queues)
    for queue in queues:
        page = await store.page(queue, JobState.COMPLETED, "", 10)
        assert [job.id for job in page.jobs] == ["done"]
        assert await store.clear(queue, [JobState.COMPLETED, JobState.WAITING]) >= 3
        await store.forget(queue)


async def _work(store: RedisQueueStore, queue: str) -> None:
    version = await store.configure(queue, QueueSettings())
    await store.wait(queue, 1)  # its settings woke it
    placed = await asyncio.gather(store.enqueue(queue, jobs("done", "back")), store.wait(queue, 5))
    assert len(placed[0]) == 2
    done, back = (await store.exchange(queue, "w", [], 2)).claims
    await _renewed(store, queue, [(done.id, done.fence), (back.id, back.fence)])
    ended: list[Ended] = [Done(done.id, done.fence, b"", 1), Released(back.id, back.fence)]
    (again,) = (await store.exchange(queue, "w", ended, 1)).claims
    failed = Failed(again.id, again.fence, b"", 1, retry_in_ms=0)
    assert not (await store.exchange(queue, "w", [failed], 0)).stale
    await store.hold(queue, Hold("runtime", "me", "a look", 1))
    assert (await store.exchange(queue, "w", [], 1)).held
    assert await store.resume(queue, "runtime")
    await store.drain(queue, ["w"])
    assert (await store.exchange(queue, "w", [], 1)).draining
    await store.undrain(queue, ["w"])
    settings = await store.settings(queue)
    assert settings is not None
    assert settings == replace(QueueSettings(), version=version)
    await store.record(queue, "{}")
    assert await store.decisions(queue, 1) == ["{}"]
    (read,) = await store.read(queue, [JobId("back")])
    assert read is not None


async def _renewed(store: RedisQueueStore, queue: str, held: Sequence[tuple[JobId, str]]) -> None:
    keeper = store.leases(queue, "w")
    try:
        assert not (await asyncio.to_thread(keeper.renew, BEAT, held)).lost
        assert not await asyncio.to_thread(keeper.hear, 0.01)
        hearing = asyncio.create_task(asyncio.to_thread(keeper.hear, 5))
        await store.drain(queue, ["nobody"])
        assert await hearing
        await store.undrain(queue, ["nobody"])
        await asyncio.to_thread(keeper.leave)
    finally:
        keeper.close()


async def _wakes(store: RedisQueueStore, queues: Sequence[str]) -> None:
    """Cross each queue's mark until it is heard: a word before the listener's first is lost."""
    heard: set[str] = set()

    async def listen() -> None:
        async for queue in store.wakes():
            heard.add(queue)

    listening = asyncio.create_task(listen())
    try:
        for queue in queues:
            async with asyncio.timeout(10):
                await _crossed(store, queue, heard)
    finally:
        listening.cancel()
        await asyncio.wait({listening})


async def _crossed(store: RedisQueueStore, queue: str, heard: set[str]) -> None:
    for at in itertools.count():
        await store.set_wake(queue, 1)
        await store.enqueue(queue, jobs(f"word{at}"))
        for _ in range(25):
            if queue in heard:
                return
            await asyncio.sleep(0.02)
