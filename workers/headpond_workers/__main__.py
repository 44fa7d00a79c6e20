"""`headpond worker`: runs the jobs of one queue in this process."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import Final

import click

from headpond.errors import HeadpondError
from headpond.settings import WorkerSettings, from_environment
from headpond.telemetry.logs import configure_logging, say_refusal
from headpond_workers.runtime import run

LEAVE_WITHIN_S: Final = 1.0
"""Handlers that heed no cancellation may hold up the end of the process this long."""
EXAMPLES = """
\b
Examples:
  headpond worker --queue attendance
  HEADPOND_APPS=billing headpond worker --queue invoices --grace 60
"""


@click.command(epilog=EXAMPLES)
@click.option("--queue", required=True, help="The queue whose jobs this process runs.")
@click.option("--grace", type=float, help="Seconds that running jobs may go on after SIGTERM.")
@click.option("--probe-port", type=int, help="Port of /livez and /readyz.")
def worker(queue: str, grace: float | None, probe_port: int | None) -> None:
    """Run the jobs of one queue until SIGTERM.

    Redis, apps and the rest come from HEADPOND_* variables. One process serves one queue; start
    more of them to share the work.
    """
    loop = _new_loop()
    asyncio.set_event_loop(loop)
    try:
        given = {"queue": queue, "grace_s": grace, "probe_port": probe_port}
        settings = from_environment(WorkerSettings, given)
        configure_logging(settings.log_level, settings.log_format)
        loop.run_until_complete(run(settings))
    except HeadpondError as error:
        say_refusal("headpond worker", str(error))
        sys.exit(2)
    _leave(loop)


def _leave(loop: asyncio.AbstractEventLoop) -> None:
    """End what handlers left behind; what refuses is left to its fate, its jobs went back.

    Python would wait for a task or a thread that never ends, and a supervisor's patience with it.
    """
    forced = threading.Timer(LEAVE_WITHIN_S, os._exit, args=[0])
    forced.daemon = True
    forced.start()
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left))
    loop.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 (not on every platform)
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


if __name__ == "__main__":
    worker()
