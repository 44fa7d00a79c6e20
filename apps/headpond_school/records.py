"""The attendance table, and the one statement that writes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import DateTime, String, UniqueConstraint, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from headpond_school.marks import Mark


class Base(DeclarativeBase):
    """All tables of this app."""


class AttendanceRecord(Base):
    """What is known of one student at one session of one day."""

    __tablename__ = "school_attendance"
    __table_args__ = (UniqueConstraint("tenant_id", "student_id", "session_id", "date"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(64))
    institution_id: Mapped[str] = mapped_column(String(64))
    student_id: Mapped[str] = mapped_column(String(40))
    session_id: Mapped[str] = mapped_column(String(40))
    """`""` for the whole day: two NULLs would not count as equal in the constraint."""
    date: Mapped[date]
    status: Mapped[str] = mapped_column(String(16))
    job_id: Mapped[str] = mapped_column(String(200))
    """The job that wrote the row."""
    recorded_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a mark."""

    is_new: bool
    """False: there was a row of this tenant, student, session and day, and it stays as it is."""
    status: str
    """As the row has it."""


_INSERT: Final = {
    "sqlite": sqlite.insert(AttendanceRecord.__table__).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(AttendanceRecord.__table__).on_conflict_do_nothing(),
}
"""By the engine's dialect: standard SQL has no such INSERT."""


async def record(connection: AsyncConnection, mark: Mark, job_id: str) -> Recorded:
    """Write the mark's row unless there is one; the caller commits."""
    key = {
        "tenant_id": mark.tenant_id,
        "student_id": mark.student_id,
        "session_id": mark.session_id or "",
        "date": mark.date,
    }
    rest = {"institution_id": mark.institution_id, "status": mark.status.value, "job_id": job_id}
    written = await connection.execute(_INSERT[connection.dialect.name], key | rest)
    if written.rowcount == 1:
        return Recorded(is_new=True, status=mark.status.value)
    there = await connection.execute(select(AttendanceRecord.status).filter_by(**key))
    return Recorded(is_new=False, status=there.scalar_one())
