"""The command `headpond`: subcommands by entry point, and errors as one sentence."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from typing import TYPE_CHECKING

import click
from click.testing import CliRunner

from headpond import cli
from headpond.errors import Conflict

if TYPE_CHECKING:
    import pytest


@click.command()
def clash() -> None:
    """Clash."""
    raise Conflict("The port is taken; choose another.")


def run(monkeypatch: pytest.MonkeyPatch, *words: str, **commands: str) -> click.testing.Result:
    """Run `headpond WORDS` where these commands are installed."""
    points = [EntryPoint(name, value, cli.GROUP) for name, value in commands.items()]
    monkeypatch.setattr(cli, "entry_points", lambda **by: EntryPoints(points).select(**by))
    return CliRunner().invoke(cli.main, words)


def test_an_error_of_ours_is_one_sentence_and_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback: the sentence says what to do."""
    result = run(monkeypatch, "clash", clash=f"{__name__}:clash")
    assert result.exit_code == 2
    assert result.stderr == "headpond: The port is taken; choose another.\n"
    assert result.stdout == ""


def test_a_command_whose_packages_are_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the help of all others still works."""
    broken = {"shine": "no_such_package.cli:shine", "clash": f"{__name__}:clash"}
    result = run(monkeypatch, "shine", "--queue", "x", **broken)
    assert result.exit_code == 2
    assert result.stderr == (
        "headpond: shine can't be loaded: No module named 'no_such_package';"
        " install it with: pip install 'headpond[all]'\n"
    )
    assert "clash" in run(monkeypatch, "--help", **broken).stdout


def test_an_unknown_command_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By click, with its usual words."""
    result = run(monkeypatch, "clsh", clash=f"{__name__}:clash")
    assert result.exit_code == 2
    assert "clsh" in result.stderr


def test_the_version_is_said() -> None:
    """The first thing that a bug report needs."""
    assert CliRunner().invoke(cli.main, ["--version"]).stdout.startswith("headpond, version ")
