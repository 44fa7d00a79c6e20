"""`headpond import`: takes over what waits in another system's queue."""

from __future__ import annotations

import asyncio
from typing import Any

import click

EXAMPLES = """\b
Examples:
  headpond import taskiq-redis --from redis://old:6379/0 --broker list --to mail --dry-run
  headpond import taskiq-redis --from redis://old:6379/0 --broker list --to mail
  headpond import taskiq-redis --from redis://:secret@old/0 --broker stream \\
      --queue-name jobs --group workers --to mail
"""


@click.group(name="import", short_help="Take over what waits in another system.")
def move() -> None:
    """Take over what waits in another system's queue."""


@move.command(name="taskiq-redis", epilog=EXAMPLES)
@click.option(
    "--from",
    "url",
    envvar="TASKIQ_REDIS_URL",
    required=True,
    help="Address of the stock broker's Redis; or in TASKIQ_REDIS_URL, where no list of processes"
    " shows its password.",
)
@click.option(
    "--broker",
    type=click.Choice(["list", "stream"]),
    required=True,
    help="list: ListQueueBroker; stream: RedisStreamBroker.",
)
@click.option("--queue-name", default="taskiq", show_default=True, help="The broker's queue_name.")
@click.option(
    "--group", default="taskiq", show_default=True, help="A stream's consumer_group_name."
)
@click.option("--to", "queue", required=True, help="The Headpond queue.")
@click.option("--dry-run", is_flag=True, help="Count what would be taken; change nothing.")
@click.option("--keep", is_flag=True, help="Leave a stream's entries in it, acknowledged.")
@click.option(
    "--batch",
    type=click.IntRange(1, 1000),
    default=500,
    show_default=True,
    help="Messages in one step.",
)
@click.option(
    "--alive-s",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    help="A stream's worker heard of within this keeps what it has.",
)
@click.pass_context
def taskiq_redis(ctx: click.Context, /, **given: Any) -> None:  # noqa: ANN401 (click's values)
    """Move what waits in a queue of stock taskiq-redis 1.2 into a Headpond queue.

    Each message becomes a job with the same id, so nothing is lost or doubled by a run that is cut
    off: run it again. A message leaves its broker once Headpond has it; one that can't be read
    stays where it is, and is listed. HEADPOND_REDIS_URL says where Headpond's Redis is. Exit code 0
    when nothing is left, 1 when something is.
    """
    from headpond.cli.import_taskiq.options import Options  # noqa: PLC0415 (--help stays quick)
    from headpond.cli.import_taskiq.run import run  # noqa: PLC0415

    ctx.exit(asyncio.run(run(Options(**given))))
