"""What a worker is doing, from what is known of it. Pure."""

from __future__ import annotations

from headpond.queues import WorkerState


def state_of(*, started: bool, stopping: bool, draining: bool, holds: bool) -> WorkerState:
    """Return the state that a worker tells the store.

    >>> state_of(started=True, stopping=False, draining=True, holds=False)
    <WorkerState.DRAINED: 'drained'>
    """
    if stopping:
        return WorkerState.STOPPING
    if draining:
        return WorkerState.DRAINING if holds else WorkerState.DRAINED
    return WorkerState.WORKING if started else WorkerState.STARTING
