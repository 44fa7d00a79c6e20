"""The command `headpond`. Each subcommand is an entry point, loaded when it is asked for."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

import click
from typing_extensions import override

from headpond.errors import HeadpondError

GROUP: Final = "headpond.commands"
REFUSED: Final = 2
"""Exit code when what was asked can't be done as asked; click's own for wrong usage."""


class _Commands(click.Group):
    """Finds subcommands by entry point, so that `headpond worker` never imports the API."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name them all."""
        found = {point.name for point in entry_points(group=GROUP)}
        return sorted(found | set(super().list_commands(ctx)))

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one."""
        for point in entry_points(group=GROUP, name=cmd_name):
            return _load(point.name, point.load)
        return super().get_command(ctx, cmd_name)

    @override
    def invoke(self, ctx: click.Context) -> Any:
        """Print an error of our tree as its sentence; any other is a bug and shows in full."""
        try:
            return super().invoke(ctx)
        except HeadpondError as error:
            click.echo(f"headpond: {error}", err=True)
            ctx.exit(REFUSED)


def _load(name: str, load: Any) -> click.Command:  # noqa: ANN401 (an entry point's load is untyped)
    try:
        command = load()
    except ImportError as error:
        return _missing(name, error)
    if not isinstance(command, click.Command):
        message = f"The entry point {name!r} in {GROUP!r} is no click command."
        raise TypeError(message)
    return command


def _missing(name: str, error: ImportError) -> click.Command:
    """Stand in for a command whose packages aren't installed, in `headpond --help` too."""
    sentence = f"can't be loaded: {error}; install it with: pip install 'headpond[all]'"

    def refuse(**_: object) -> None:
        click.echo(f"headpond: {name} {sentence}", err=True)
        raise SystemExit(REFUSED)

    arguments = click.Argument(["args"], nargs=-1, type=click.UNPROCESSED)
    settings = {"ignore_unknown_options": True}
    return click.Command(
        name, callback=refuse, params=[arguments], short_help=sentence, context_settings=settings
    )


@click.group(cls=_Commands)
@click.version_option(package_name="headpond", prog_name="headpond")
def main() -> None:
    """Run background jobs whose workers come and go with the backlog."""
    here = str(Path.cwd())
    if not sys.flags.safe_path and here not in sys.path:
        sys.path.insert(0, here)  # an app in this folder is found, as by `python -m`
