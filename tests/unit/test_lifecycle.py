"""What a worker says of itself."""

from __future__ import annotations

import itertools

import pytest

from headpond.queues import WorkerState
from headpond_workers.lifecycle import state_of


@pytest.mark.parametrize("facts", list(itertools.product([False, True], repeat=4)))
def test_every_state(facts: tuple[bool, bool, bool, bool]) -> None:
    """Stopping goes before draining, draining before working; drained is to hold nothing."""
    started, stopping, draining, holds = facts
    if stopping:
        wanted = WorkerState.STOPPING
    elif draining:
        wanted = WorkerState.DRAINING if holds else WorkerState.DRAINED
    else:
        wanted = WorkerState.WORKING if started else WorkerState.STARTING
    said = state_of(started=started, stopping=stopping, draining=draining, holds=holds)
    assert said is wanted
