"""What `headpond up` prints: a head, then one line per thing that happens."""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from importlib.metadata import version
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headpond.config import QueueConfig


def say(text: str) -> None:
    """Print a line with the time of day; more lines are set below it."""
    first, *more = text.splitlines() or [""]
    click.echo(f"{time.strftime('%H:%M:%S')}  {first}")
    for line in more:
        click.echo(f"          {line}")
    sys.stdout.flush()


def head(facts: Mapping[str, str]) -> None:
    """Print who and where we are."""
    click.echo(f"Headpond {version('headpond')}")
    for name, value in facts.items():
        click.echo(f"  {name:<8} {value}")
    sys.stdout.flush()


def describe(configs: Mapping[str, QueueConfig]) -> str:
    """Say each queue with its bounds."""
    return ", ".join(f"{queue} ({_bounds(config)})" for queue, config in configs.items())


def show_page(url: str) -> None:
    """Open a browser where a person sits before a screen; elsewhere do nothing."""
    has_screen = (
        sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if sys.stdout.isatty() and has_screen:
        webbrowser.open(url)


def _bounds(config: QueueConfig) -> str:
    spec = config.spec
    if spec.pause_in_force != "None":
        return f"paused: {spec.pause_in_force}"
    if spec.scaling.mode == "Manual":
        return f"{spec.replicas} workers"
    least, most = spec.scaling.min, spec.scaling.max
    return f"{least} to {most} workers, {spec.jobs.concurrency} jobs each"
