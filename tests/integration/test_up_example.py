"""The example file works with the app that it is for."""

from __future__ import annotations

from pathlib import Path

from headpond.app.catalog import Catalog, load_apps
from headpond.cli.up.declared import declare, read_file

FILE = Path(__file__).parents[2] / "examples" / "queues.yaml"


def test_the_example_file_configures_the_school() -> None:
    """All of it is in force outside Kubernetes as well."""
    configs = declare(Catalog(load_apps(["headpond_school"])), read_file(FILE), ceiling=2)
    assert configs["attendance"].spec.scaling.max == 4
    assert configs["attendance"].idle_fields() == []
