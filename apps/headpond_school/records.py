"""The attendance table, and the one statement that writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import (
    Column,
    Date,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from headpond_school.marks import LONG_ID, SHORT_ID

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from headpond_school.marks import Mark

metadata = MetaData()

attendance = Table(
    "school_attendance",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant_id", String(LONG_ID), nullable=False),
    Column("institution_id", String(LONG_ID), nullable=False),
    Column("student_id", String(SHORT_ID), nullable=False),
    # "" for the whole day: two NULLs would not count as equal in the constraint.
    Column("session_id", String(SHORT_ID), nullable=False),
    Column("date", Date, nullable=False),
    Column("status", String(16), nullable=False),
    # The job that wrote the row.
    Column("job_id", String(200), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("tenant_id", "student_id", "session_id", "date"),
)

_INSERT: Final = {
    "sqlite": sqlite.insert(attendance).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(attendance).on_conflict_do_nothing(),
}
"""By the engine's dialect, because standard SQL has no such INSERT."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a mark."""

    is_new: bool
    """False: there was a row of this tenant, student, session and day, and it stays as it is."""
    status: str
    """As the row has it."""


async def record(connection: AsyncConnection, mark: Mark, job_id: str) -> Recorded:
    """Write the mark's row unless there is one; the caller commits."""
    key = {
        "tenant_id": mark.tenant_id,
        "student_id": mark.student_id,
        "session_id": mark.session_id or "",
        "date": mark.date,
    }
    rest = {"institution_id": mark.institution_id, "status": mark.status, "job_id": job_id}
    written = await connection.execute(_INSERT[connection.dialect.name], key | rest)
    if written.rowcount == 1:
        return Recorded(is_new=True, status=mark.status)
    there = await connection.execute(select(attendance.c.status).filter_by(**key))
    return Recorded(is_new=False, status=there.scalar_one())
