"""`headpond check`: what is wrong with this installation, in sentences."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

EXAMPLES = """\b
Examples:
  headpond check
  headpond check my_app -f queues.yaml
  HEADPOND_REDIS_URL=redis://:secret@db:6379/0 headpond check --json
"""


@click.command(short_help="Say what is wrong with this installation.", epilog=EXAMPLES)
@click.argument("apps", nargs=-1, metavar="[APP]...")
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path),
    help="QueueConfig documents (YAML) that the queues shall have.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.pass_context
def check(ctx: click.Context, /, **given: Any) -> None:  # noqa: ANN401 (click's values)
    """Say what is wrong with this installation, and what to do about it.

    Looks at the environment, the apps, the documents of -f, Redis and the queues in it; changes
    nothing. APP is a module that holds an App; without one, those of HEADPOND_APPS, else every app
    that is installed. The exit code is 1 when something would not work or lose jobs, else 0.
    """
    from headpond.cli.check import report  # noqa: PLC0415 (`headpond --help` stays quick)
    from headpond.cli.check.look import Wanted, look  # noqa: PLC0415

    findings = asyncio.run(look(Wanted(given["apps"], given["file"])))
    click.echo(report.as_json(findings) if given["as_json"] else report.as_table(findings))
    ctx.exit(report.exit_code(findings))
