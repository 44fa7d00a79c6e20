"""The thread's connection to Redis: whatever the other side does, each call ends in its time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from fake_redis import Fake
from headpond.errors import HeadpondError, StoreUnavailable
from headpond.redis import blocking
from headpond.redis.address import Address, Kind, Node
from headpond.redis.blocking import Line
from headpond.redis.wire import Wire
from redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

PONG = b"+PONG\r\n"
SUBSCRIBED = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"


async def fault(line: Line, within_s: float) -> str:
    """Return what a call raises, which it must do in time."""
    began = time.monotonic()
    with pytest.raises(HeadpondError) as raised:
        await asyncio.to_thread(line.call, "PING")
    line.close()
    assert time.monotonic() - began < within_s
    return str(raised.value)


@pytest.mark.parametrize(
    ("fake", "said"),
    [
        (Fake(b""), "timed out"),
        (Fake(b"$900\r\n" + b"x" * 900, drips_s=0.05), "timed out"),
        (Fake(PONG, hangs_up=True, drips_s=0), "connection to Redis was lost"),
        (Fake(b"HTTP/1.1 400 Bad Request\r\n"), "Protocol error"),
        (Fake(b"-LOADING Redis is loading the dataset in memory\r\n"), "LOADING"),
    ],
)
async def test_call_ends_in_its_time(fake: Fake, said: str) -> None:
    """A server that is silent, slow, gone, no Redis at all, or not ready."""
    async with fake.listening() as address:
        line = Line(address, timeout_s=0.4)
        if fake.hangs_up:
            await asyncio.to_thread(line.call, "PING")
        assert said in await fault(line, within_s=2)


async def test_greeting_ends_in_its_time_and_leaves_no_connection() -> None:
    """A server that accepts and says nothing, as a stopped one does."""
    fake = Fake(b"")
    async with fake.listening() as address:
        line = Line(address, setup=[("PING",)], timeout_s=0.3)
        for _ in range(2):
            assert "can't be reached" in await fault(line, within_s=1)
        await asyncio.sleep(0.05)
        assert fake.came == fake.left == 2


async def test_connection_refused_is_said() -> None:
    """Nobody listens there."""
    line = Line(Address(Kind.ALONE, (Node("127.0.0.1", 1),)))
    assert "Redis at 127.0.0.1:1 can't be reached" in await fault(line, within_s=1)


async def test_late_reply_is_not_taken_for_anothers() -> None:
    """After a call that ended without its reply, the next one begins anew."""
    fake = Fake(b"+no\r\n", drips_s=0.15)
    async with fake.listening() as address:
        line = Line(address, timeout_s=0.3)
        await fault(line, within_s=1)
        fake.drips_s, fake.answers = 0, [PONG]
        assert await asyncio.to_thread(line.call, "PING") == b"PONG"
        line.close()


async def test_listener_notices_that_nobody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that vanished without a word is asked, and given up."""
    monkeypatch.setattr(blocking, "QUIET_S", 0.2)
    async with Fake(SUBSCRIBED, b"").listening() as address:
        line = Line(address, setup=[("SUBSCRIBE", "c")], timeout_s=0.3)
        assert await asyncio.to_thread(line.listen, 0.01) is None
        await asyncio.sleep(0.2)
        with pytest.raises(StoreUnavailable, match="silent"):
            await asyncio.to_thread(line.listen, 0.01)
        assert await asyncio.to_thread(line.listen, 0.01) is None  # it has subscribed again
        line.close()


async def test_listener_that_is_answered_goes_on(
    monkeypatch: pytest.MonkeyPatch, redis_server: RedisServer, redis_url: str
) -> None:
    """Quiet is no fault, and the answer to the question is no word."""
    monkeypatch.setattr(blocking, "QUIET_S", 0.0)
    address = Address(Kind.ALONE, (Node("127.0.0.1", redis_server.port),))
    line = Line(address, setup=[("SUBSCRIBE", "c")])
    for _ in range(3):
        assert await asyncio.to_thread(line.listen, 0.01) is None
    with redis_server.client() as client:
        assert client.publish("c", "word") == 1
    heard: Any = None
    while heard is None:
        heard = await asyncio.to_thread(line.listen, 1)
    assert heard == [b"message", b"c", b"word"]
    line.close()


class Two:
    """A place that is the first server until it was missed there."""

    def __init__(self, *ports: int) -> None:
        """Begin at the first."""
        self.ports = list(ports)

    def find(self) -> Node:
        """Return the one whose turn it is."""
        return Node("127.0.0.1", self.ports[0])

    def missed(self, why: Exception) -> None:
        """Go on to the next."""
        assert "READONLY" in str(why)
        self.ports.pop(0)


async def test_write_that_a_replica_refused_goes_to_the_primary(
    redis_server: RedisServer, redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """It did not happen, so it is sent again there; whatever else was asked keeps its answer."""
    other = RedisServer(tmp_path)
    other.start()
    address = Address(Kind.ALONE, (Node("127.0.0.1", other.port),))
    wire = Wire(address, Two(other.port, redis_server.port))
    line = Line(address, Two(other.port, redis_server.port))
    try:
        assert await wire.command(("PING",)) == b"PONG"
        assert await asyncio.to_thread(line.call, "PING") == b"PONG"
        with other.client() as client:
            client.replicaof("127.0.0.1", redis_server.port)
        key = f"{namespace}:n"
        replies = await wire.answers([("ECHO", "a"), ("INCRBY", key, 1), ("ECHO", "b")])
        assert replies == [b"a", 1, b"b"]
        with pytest.raises(StoreUnavailable, match="READONLY"):
            await asyncio.to_thread(line.call, "INCRBY", key, 1)
        assert await asyncio.to_thread(line.call, "INCRBY", key, 1) == 2
    finally:
        line.close()
        wire.close()
        other.stop()
