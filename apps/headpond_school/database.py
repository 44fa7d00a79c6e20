"""The engine of the app's database, ready to be written to by several processes at once."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.schema import CreateTable

from headpond_school.records import metadata

LOCK_WAIT_S: Final = 30
"""How long a writer waits for its turn in SQLite; a turn takes well under a millisecond."""


async def open_engine(url: str) -> AsyncEngine:
    """Connect to `url`, make the tables that are not there, and return the engine."""
    engine = create_async_engine(url, **_options(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    try:
        async with engine.begin() as connection:
            for table in metadata.sorted_tables:
                # IF NOT EXISTS, because several processes begin at once.
                await connection.execute(CreateTable(table, if_not_exists=True))
    except BaseException:
        await engine.dispose()
        raise
    return engine


def _options(url: str) -> dict[str, Any]:
    if make_url(url).get_backend_name() != "sqlite":
        return {"pool_pre_ping": True}
    # SQLite has one writer at a time: a second connection of this process would wait for the first
    # by polling, whereas the pool hands the one connection on at once, first come, first served.
    return {"pool_size": 1, "max_overflow": 0, "pool_timeout": LOCK_WAIT_S}


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Let readers not block, and writers wait for their turn.

    With `synchronous = NORMAL` a commit survives the death of every process; the latest ones before
    a power cut may be undone, as with Redis' own `appendfsync everysec`.
    """
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {LOCK_WAIT_S * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()
