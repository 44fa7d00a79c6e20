"""Queues of stock taskiq-redis, filled by its own brokers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from taskiq_redis import ListQueueBroker, RedisStreamBroker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STOCK = "stock"
"""The brokers' queue_name here."""


@asynccontextmanager
async def broker(kind: str, url: str) -> AsyncIterator[Any]:
    """Give a started stock broker."""
    made = (
        ListQueueBroker(url, queue_name=STOCK)
        if kind == "list"
        else RedisStreamBroker(url, queue_name=STOCK, consumer_name="worker")
    )
    await made.startup()
    try:
        yield made
    finally:
        await made.shutdown()


async def kick(kind: str, url: str, count: int, prefix: str = "id", **labels: Any) -> list[str]:
    """Kick tasks `prefix-0` …; return their ids."""
    ids = [f"{prefix}-{number}" for number in range(count)]
    async with broker(kind, url) as stock:

        async def send(number: int, *, to: str) -> None:
            """Do nothing: no stock worker runs here."""

        task = stock.register_task(send, task_name="mail:send")
        for number, task_id in enumerate(ids):
            kicker = task.kicker().with_task_id(task_id).with_labels(**labels)
            await kicker.kiq(number, to="ada")
    return ids


async def taken_by_a_worker(url: str, count: int, acknowledged: int) -> None:
    """Let a stock worker take entries from the stream, acknowledge some, and die."""
    async with broker("stream", url) as stock:
        listener: Any = stock.listen()
        stock.count = count
        for number in range(count):
            message = await anext(listener)
            if number < acknowledged:
                await message.ack()
        await listener.aclose()
