"""Every store, driven by a machine, does what a simple model made from the contract does.

More steps: `pytest tests/properties/test_store_machine.py --machine-steps 50000`. What it finds is
kept as a test of its own in `tests/conformance/test_store_found.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from headpond.memory import MemoryQueueStore
from headpond.redis import RedisQueueStore
from store_machine import StoreMachine

if TYPE_CHECKING:
    from collections.abc import Callable

    from headpond.ports import QueueStore
    from headpond.testing import ManualClock
    from redis_server import RedisServer

STEPS_EACH: Final = 50
"""Of one example: long enough for a job's whole life, short enough to be read."""


def drive(open_store: Callable[[ManualClock], QueueStore], steps: int) -> None:
    """Take this many steps with stores that begin empty."""
    machine = type("Machine", (StoreMachine,), {"open_store": staticmethod(open_store)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(1, steps // STEPS_EACH),
            stateful_step_count=STEPS_EACH,
            deadline=None,
            phases=(Phase.reuse, Phase.generate, Phase.shrink),
            report_multiple_bugs=False,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_memory_does_what_the_model_does(machine_steps: int) -> None:
    """Whatever happens to jobs in the memory store, the contract says so."""
    drive(MemoryQueueStore, machine_steps)


def test_redis_does_what_the_model_does(
    machine_steps: int, redis_server: RedisServer, redis_url: str, namespace: str
) -> None:
    """Whatever happens to jobs in Redis, the contract says so."""
    with redis_server.client() as client:

        def open_store(clock: ManualClock) -> QueueStore:
            client.flushall()
            return RedisQueueStore(redis_url, namespace, clock=clock)

        drive(open_store, machine_steps)
