"""Fixtures of the tier `chart`: the newest Helm and the oldest that is supported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from helm_versions import NEWEST, OLDEST, NotHere, find

if TYPE_CHECKING:
    from collections.abc import Callable

    from chart import Object


def _found(which: str) -> str:
    try:
        return find(which)
    except NotHere as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session", params=[NEWEST, OLDEST])
def helm(request: pytest.FixtureRequest) -> str:
    """Give one Helm after the other."""
    return _found(request.param)


@pytest.fixture(scope="session")
def newest() -> str:
    """Give the newest Helm, for what doesn't depend on which it is."""
    return _found(NEWEST)


@pytest.fixture(scope="session")
def oldest() -> str:
    """Give the oldest."""
    return _found(OLDEST)


@pytest.fixture
def rendered(newest: str) -> Callable[..., list[Object]]:
    """Give a function that renders the chart with values."""
    from chart import render  # noqa: PLC0415

    def rendering(**values: object) -> list[Object]:
        return render(newest, values)

    return rendering
