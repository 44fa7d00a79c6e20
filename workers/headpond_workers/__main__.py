"""`headpond worker`: runs the jobs of one queue in this process."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Any

import click

from headpond.errors import HeadpondError
from headpond.settings import WorkerSettings
from headpond_workers.runtime import run

if TYPE_CHECKING:
    from collections.abc import Callable

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
    given: dict[str, Any] = {"queue": queue, "grace_s": grace, "probe_port": probe_port}
    settings = WorkerSettings(**{name: value for name, value in given.items() if value is not None})
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(run(settings))
    except HeadpondError as error:
        click.echo(f"headpond worker: {error}", err=True)
        sys.exit(2)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 (not on every platform)
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    worker()
