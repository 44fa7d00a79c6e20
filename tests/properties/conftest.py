"""How long the machine that drives the stores goes on."""

from __future__ import annotations

from typing import Final

import pytest

STEPS: Final = 3000
"""Of each store, by default: enough to meet what a change broke, in less than a minute."""

LONGEST_SHRINK_S: Final = 300
"""Hypothesis looks for a shorter story of what it found for at most so long."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the number of steps from the command line."""
    parser.addoption(
        "--machine-steps",
        type=int,
        default=STEPS,
        help="steps that the state machine takes with each store (tests/properties)",
    )


def _steps(config: pytest.Config) -> int:
    # From a run of all tests this file is read too late for the command line to know the option.
    return int(config.getoption("--machine-steps", default=STEPS))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give the machine as much time as it has steps."""
    for item in items:
        if "machine_steps" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(60 + LONGEST_SHRINK_S + _steps(config) // 10))


@pytest.fixture
def machine_steps(request: pytest.FixtureRequest) -> int:
    """Say how many steps the machine takes."""
    return _steps(request.config)
