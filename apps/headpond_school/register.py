"""The register: where a process writes attendance down."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from headpond_school.database import open_engine
from headpond_school.records import Recorded, record

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from headpond_school.marks import Mark
    from headpond_school.settings import SchoolSettings


class Register:
    """Opened when a process begins, closed when it ends."""

    def __init__(self) -> None:
        """Begin closed."""
        self._engine: AsyncEngine | None = None
        self._lookup_s = 0.0

    async def open(self, settings: SchoolSettings) -> None:
        """Connect to the database of the settings."""
        await self.close()
        self._lookup_s = settings.school_work_ms / 1000
        self._engine = await open_engine(settings.async_database_url)

    async def close(self) -> None:
        """Close every connection."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    async def record(self, mark: Mark, job_id: str) -> Recorded:
        """Write the mark down in a transaction of its own; what stands already stays as it is."""
        if self._engine is None:
            message = "The register is closed: the process has to run the app's start hooks first."
            raise RuntimeError(message)
        await asyncio.sleep(self._lookup_s)
        async with self._engine.begin() as connection:
            return await record(connection, mark, job_id)
