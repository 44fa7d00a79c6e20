"""`headpond up`: the whole system on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click


@click.command(short_help="Run the whole system on this machine.")
@click.argument("apps", nargs=-1, metavar="[APP]...")
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path),
    help="QueueConfig documents (YAML); followed when the file changes.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, help="Of the API; 0: any free."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".headpond"),
    show_default=True,
    help="Folder that keeps the jobs, the database and the key.",
)
@click.option("--key", default="", help="API key to use instead of the folder's.")
@click.option("--no-open", is_flag=True, help="Don't show the API's page in a browser.")
@click.pass_context
def up(ctx: click.Context, /, **given: Any) -> None:  # noqa: ANN401 (click's values)
    """Run the whole system on this machine, until Ctrl-C.

    APP is a module that holds an App; without one, those of HEADPOND_APPS, else every app that is
    installed. Redis, the API, the governor and the workers run as one tree of processes; a second
    start with the same data folder finds its jobs again.
    """
    from headpond.cli.up.options import Options  # noqa: PLC0415 (`headpond --help` stays quick)
    from headpond.cli.up.tree import Tree  # noqa: PLC0415

    options = Options(
        apps=given["apps"],
        file=given["file"],
        port=given["port"],
        data=given["data"],
        key=given["key"],
        opens=not given["no_open"],
    )

    async def run() -> int:
        return await Tree(options).run()

    ctx.exit(asyncio.run(run()))
