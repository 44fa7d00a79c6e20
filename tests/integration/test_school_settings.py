"""The school app's settings."""

from __future__ import annotations

import pytest

from headpond_school.settings import SchoolSettings


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("sqlite:///school.db", "sqlite+aiosqlite:///school.db"),
        ("postgresql://user:word@db/school", "postgresql+asyncpg://user:word@db/school"),
        ("postgres://db/school", "postgresql+asyncpg://db/school"),
        ("postgresql+psycopg://db/school", "postgresql+psycopg://db/school"),
    ],
)
def test_a_plain_url_gets_a_driver_for_asyncio(
    given: str, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One writes the URL that every tool takes; a driver that is named is kept."""
    monkeypatch.setenv("HEADPOND_DATABASE_URL", given)
    assert SchoolSettings().async_database_url == used


def test_the_password_of_the_database_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings may end up in a log."""
    monkeypatch.setenv("HEADPOND_DATABASE_URL", "postgresql://user:word@db/school")
    assert "word" not in repr(SchoolSettings())


def test_without_a_word_rows_go_to_a_file_here_and_nothing_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The defaults need no server and pretend no work."""
    monkeypatch.delenv("HEADPOND_DATABASE_URL", raising=False)
    monkeypatch.delenv("HEADPOND_SCHOOL_WORK_MS", raising=False)
    settings = SchoolSettings()
    assert settings.async_database_url == "sqlite+aiosqlite:///headpond_school.db"
    assert settings.school_work_ms == 0
