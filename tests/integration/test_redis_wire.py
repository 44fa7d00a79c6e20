"""The connection to Redis against servers that refuse, break off and stay silent."""

from __future__ import annotations

import asyncio

import pytest

from fake_redis import Fake
from headpond.errors import StoreFull, StoreUnavailable
from headpond.redis.replies import translate
from headpond.redis.wire import RETRY_AFTER_S
from until import until

LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"


async def test_refused_greeting_leaves_no_connection() -> None:
    """A Redis that loads its data for minutes is asked again and again, one socket at a time."""
    fake = Fake(LOADING)
    async with fake.wire() as wire:
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="LOADING"):
                await wire.call("PING")
            await asyncio.sleep(RETRY_AFTER_S * 1.1)
        await until(lambda: fake.left == fake.came, within_s=5)
        assert fake.came == 3


async def test_greeting_without_an_answer_leaves_no_connection() -> None:
    """A stopped Redis accepts and says nothing: the attempt ends, and so does its socket."""
    fake = Fake(b"")
    async with fake.wire() as wire:
        with pytest.raises(StoreUnavailable, match="no answer in time"):
            await wire.call("PING")
        await until(lambda: fake.left == 1, within_s=5)


async def test_connection_that_ends_after_the_greeting_answers_every_call() -> None:
    """Who waited for the connection hears that it is gone; nobody waits forever."""
    async with Fake(b"+PONG\r\n", hangs_up=True).wire() as wire:
        calls = [asyncio.create_task(wire.call("GET", "x")) for _ in range(3)]
        done, late = await asyncio.wait(calls, timeout=5)
        for call in late:
            call.cancel()
        assert not late
        assert all(isinstance(call.exception(), StoreUnavailable) for call in done)


async def test_closing_while_connecting_fails_the_calls() -> None:
    """A call that waits for the connection gets an error of ours, not a cancellation."""
    async with Fake(b"").wire() as wire:
        call = asyncio.create_task(wire.call("GET", "x"))
        await asyncio.sleep(0)
        wire.close()
        with pytest.raises(StoreUnavailable):
            await call


async def test_command_that_can_not_be_packed_harms_no_other() -> None:
    """The caller gets the error; the answers of the others stay theirs."""
    async with Fake(b"+PONG\r\n").wire() as wire:
        assert await wire.call("PING") == b"PONG"
        with pytest.raises(TypeError):
            await wire.call("GET", object())
        assert await wire.call("PING") == b"PONG"


def test_error_inside_a_script_of_redis_6_is_understood() -> None:
    """Up to 6.2 the word that tells what is wrong comes wrapped."""
    where = "ERR Error running script (call to f_0666c8): @user_script:72: @user_script: 72: "
    full = translate(Exception(where + "-OOM command not allowed when used memory > 'maxmemory'."))
    assert isinstance(full, StoreFull)
    replica = Exception(where + "-READONLY You can't write against a read only replica.")
    assert isinstance(translate(replica), StoreUnavailable)
