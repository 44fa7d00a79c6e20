"""A handler that blocks its worker's event loop: what it can't start, others start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headpond.queues import Hold
from mill import QUEUE, Mill, open_mill

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def mill(redis_url: str, namespace: str, tmp_path: Path) -> AsyncIterator[Mill]:
    """Give a mill without workers."""
    async with open_mill(redis_url, namespace, tmp_path) as it:
        yield it


async def test_what_a_blocked_loop_claimed_runs_elsewhere(mill: Mill) -> None:
    """A job claimed together with one that blocks goes back within seconds, nothing counted."""
    await mill.store.hold(QUEUE, Hold("runtime", "test", "both are to be claimed at once", 1))
    await mill.start()
    (blocker,) = await mill.send("block", seconds=8)
    (other,) = await mill.send("grind")
    await mill.store.resume(QUEUE, "runtime")
    await mill.told("start")
    await mill.start()
    (status,) = await mill.over(other, within_s=7)
    assert mill.story("end", blocker) == []
    assert status.attempts == 1
    assert (await mill.job(other)).crashes == 0
    await mill.over(blocker)
    assert len(mill.story("start")) == 2, "each was started once"
