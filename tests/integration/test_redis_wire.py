"""The connection to Redis against servers that refuse, break off and stay silent."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from headpond.errors import ConfigInvalid, StoreFull, StoreUnavailable
from headpond.redis.address import Address, Kind, Node, parse
from headpond.redis.wire import RETRY_AFTER_S, Wire, translate
from until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"


class Fake:
    """A server that answers the greeting with set bytes, and then perhaps hangs up."""

    def __init__(self, answer: bytes, *, hangs_up: bool = False) -> None:
        """Say what it answers."""
        self.answer = answer
        self.hangs_up = hangs_up
        self.port = 0
        self.came = 0
        self.left = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it leaves."""
        self.came += 1
        self.writers.append(writer)
        try:
            while await reader.read(4096):
                writer.write(self.answer)
                await writer.drain()
                if self.hangs_up:
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass  # the test is over
        self.left += 1
        writer.close()


@asynccontextmanager
async def listening(fake: Fake) -> AsyncIterator[Wire]:
    """Give a wire to it that greets with one PING."""
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    address = Address(Kind.ALONE, (Node("127.0.0.1", fake.port),), connect_timeout_s=0.5)
    wire = Wire(address, setup=[("PING",)])
    try:
        yield wire
    finally:
        wire.close()
        server.close()
        for writer in fake.writers:
            writer.close()


async def test_refused_greeting_leaves_no_connection() -> None:
    """A Redis that loads its data for minutes is asked again and again, one socket at a time."""
    fake = Fake(LOADING)
    async with listening(fake) as wire:
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="LOADING"):
                await wire.call("PING")
            await asyncio.sleep(RETRY_AFTER_S * 1.1)
        await until(lambda: fake.left == fake.came, within_s=5)
        assert fake.came == 3


async def test_greeting_without_an_answer_leaves_no_connection() -> None:
    """A stopped Redis accepts and says nothing: the attempt ends, and so does its socket."""
    fake = Fake(b"")
    async with listening(fake) as wire:
        with pytest.raises(StoreUnavailable, match="no answer in time"):
            await wire.call("PING")
        await until(lambda: fake.left == 1, within_s=5)


async def test_connection_that_ends_after_the_greeting_answers_every_call() -> None:
    """Who waited for the connection hears that it is gone; nobody waits forever."""
    async with listening(Fake(b"+PONG\r\n", hangs_up=True)) as wire:
        calls = [asyncio.create_task(wire.call("GET", "x")) for _ in range(3)]
        done, late = await asyncio.wait(calls, timeout=5)
        for call in late:
            call.cancel()
        assert not late
        assert all(isinstance(call.exception(), StoreUnavailable) for call in done)


async def test_closing_while_connecting_fails_the_calls() -> None:
    """A call that waits for the connection gets an error of ours, not a cancellation."""
    async with listening(Fake(b"")) as wire:
        call = asyncio.create_task(wire.call("GET", "x"))
        await asyncio.sleep(0)
        wire.close()
        with pytest.raises(StoreUnavailable):
            await call


async def test_command_that_can_not_be_packed_harms_no_other() -> None:
    """The caller gets the error; the answers of the others stay theirs."""
    async with listening(Fake(b"+PONG\r\n")) as wire:
        assert await wire.call("PING") == b"PONG"
        with pytest.raises(TypeError):
            await wire.call("GET", object())
        assert await wire.call("PING") == b"PONG"


@pytest.mark.parametrize(
    "url", ["redis://:geheim/1@host:6379/0", "redis://:geheim#1@host:6379/0", "geheim"]
)
def test_address_that_can_not_be_read_is_not_repeated(url: str) -> None:
    """A password with a character that should have been encoded appears in no message."""
    with pytest.raises(ConfigInvalid) as refused:
        parse(url)
    assert "geheim" not in str(refused.value)
    assert "%" in str(refused.value)


def test_error_inside_a_script_of_redis_6_is_understood() -> None:
    """Up to 6.2 the word that tells what is wrong comes wrapped."""
    where = "ERR Error running script (call to f_0666c8): @user_script:72: @user_script: 72: "
    full = translate(Exception(where + "-OOM command not allowed when used memory > 'maxmemory'."))
    assert isinstance(full, StoreFull)
    replica = Exception(where + "-READONLY You can't write against a read only replica.")
    assert isinstance(translate(replica), StoreUnavailable)
