"""The arithmetic of the Lease, and what a process without an API server may do: nothing."""

from __future__ import annotations

import asyncio

import pytest

from headpond_operator.kube import Kube
from headpond_operator.leader import (
    GIVE_UP_S,
    LEASE_S,
    POLL_S,
    RENEW_S,
    Leader,
    NotLeading,
)
from headpond_operator.objects import Key

STANDBY_ACTS_S = 15.0
"""After a leader's sudden death: docs/decisions/0009-operator.md."""
TURN_S = 2.0
"""Of a successor's first round."""


def test_a_leader_stops_believing_in_itself_before_anybody_else_does() -> None:
    """With room for a clock that runs a little slower than another."""
    assert GIVE_UP_S <= LEASE_S - 3


def test_a_renewal_may_fail_and_be_tried_again() -> None:
    """One request that is lost costs no leadership."""
    assert 3 * RENEW_S <= GIVE_UP_S


def test_a_standby_acts_in_time() -> None:
    """It sees the last renewal, waits for the Lease to run out, and looks again."""
    assert POLL_S + LEASE_S + POLL_S + TURN_S <= STANDBY_ACTS_S


@pytest.mark.parametrize("now_s", [0.0, 1e9])
def test_nobody_leads_before_the_lease_is_taken(now_s: float) -> None:
    """However long the machine has been running."""
    leader = Leader(Kube(), Key("shop", "lease"), "me", lambda: now_s)
    assert not leader.is_leading
    with pytest.raises(NotLeading, match="shop/lease is not surely held by me"):
        leader.check()


async def test_without_an_api_server_nobody_leads_and_the_reason_is_known() -> None:
    """It goes on trying until it is stopped."""
    leader = Leader(Kube(), Key("shop", "lease"), "me")
    stop, led = asyncio.Event(), asyncio.Event()

    async def lead() -> None:
        led.set()

    running = asyncio.create_task(leader.run(lead, stop))
    async with asyncio.timeout(10):
        while not leader.trouble:  # noqa: ASYNC110 (it tells nobody)
            await asyncio.sleep(0)
        stop.set()
        await running
    assert leader.trouble == "The client has not been started."
    assert (leader.is_leading, led.is_set(), leader.holder) == (False, False, "")
