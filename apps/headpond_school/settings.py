"""What the environment says to this app, read once when a process begins."""

from __future__ import annotations

from typing import Final

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

_ASYNC_DRIVERS: Final = {
    "sqlite://": "sqlite+aiosqlite://",
    "postgresql://": "postgresql+asyncpg://",
    "postgres://": "postgresql+asyncpg://",
}


class SchoolSettings(BaseSettings):
    """The school app's part of the environment; prefix `HEADPOND_`."""

    model_config = SettingsConfigDict(env_prefix="HEADPOND_", frozen=True)

    database_url: SecretStr = SecretStr("sqlite:///headpond_school.db")
    """Where the attendance rows go; the default is a file in the current folder."""
    school_work_ms: int = Field(0, ge=0, le=60_000)
    """Each mark waits this long before it writes, as if it first asked a slow system for something.

    For demonstrations and load trials; 0 in earnest.
    """

    @property
    def async_database_url(self) -> str:
        """The URL with the driver that asyncio needs; a driver that is named already is kept."""
        url = self.database_url.get_secret_value()
        for plain, driven in _ASYNC_DRIVERS.items():
            if url.startswith(plain):
                return driven + url.removeprefix(plain)
        return url
