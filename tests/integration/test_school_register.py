"""The register on a real SQLite: a row once, whoever writes and however often."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from headpond_school.marks import Mark
from headpond_school.register import Register
from headpond_school.settings import SchoolSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def a_mark(**fields: object) -> Mark:
    """Build a mark with `fields` on top."""
    sent = {"tenantId": "acme", "institutionId": "north", "studentId": 7}
    return Mark.model_validate(sent | {"date": "2024-12-25", "status": "present"} | fields)


def rows(database: Path) -> list[tuple[str, ...]]:
    """Return tenant, student, session, date and status of every row."""
    connection = sqlite3.connect(database)
    try:
        query = "SELECT tenant_id, student_id, session_id, date, status FROM school_attendance"
        return sorted(connection.execute(query))
    finally:
        connection.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Name a file that isn't there yet."""
    return tmp_path / "school.db"


@pytest.fixture
async def register(database: Path) -> AsyncIterator[Register]:
    """Open a register, and close it."""
    register = Register()
    await register.open(SchoolSettings.model_validate({"database_url": f"sqlite:///{database}"}))
    yield register
    await register.close()


async def test_a_mark_is_written_once(register: Register, database: Path) -> None:
    """A second delivery finds the row and changes nothing."""
    first = await register.record(a_mark(), "job-1")
    second = await register.record(a_mark(), "job-1")
    assert (first.is_new, second.is_new) == (True, False)
    assert rows(database) == [("acme", "7", "", "2024-12-25", "present")]


async def test_the_first_status_stays(register: Register, database: Path) -> None:
    """A later mark with another status is told what stands."""
    await register.record(a_mark(status="late"), "job-1")
    later = await register.record(a_mark(status="absent", institutionId="south"), "job-2")
    assert (later.is_new, later.status) == (False, "late")
    assert [row[-1] for row in rows(database)] == ["late"]


async def test_tenants_sessions_and_days_stand_side_by_side(
    register: Register, database: Path
) -> None:
    """Only all four together make a mark the same one."""
    for fields in ({}, {"tenantId": "other"}, {"sessionId": 1}, {"date": "2024-12-26"}):
        assert (await register.record(a_mark(**fields), "job")).is_new
    assert len(rows(database)) == 4


async def test_fifty_at_once_in_one_process(register: Register, database: Path) -> None:
    """A worker's slots share the register; each learns whether it was the one that wrote."""
    marks = [a_mark(studentId=number % 25) for number in range(50)]
    recorded = await asyncio.gather(*(register.record(mark, mark.job_id) for mark in marks))
    assert sum(each.is_new for each in recorded) == len(rows(database)) == 25


async def test_a_closed_register_says_so(database: Path) -> None:
    """A process that forgot the start hooks learns what is missing."""
    with pytest.raises(RuntimeError, match="start hooks"):
        await Register().record(a_mark(), "job")


async def test_a_register_opens_again_where_it_was(register: Register, database: Path) -> None:
    """The rows of an earlier process are still there."""
    await register.record(a_mark(), "job")
    await register.open(SchoolSettings.model_validate({"database_url": f"sqlite:///{database}"}))
    assert not (await register.record(a_mark(), "job")).is_new


async def test_a_database_that_cannot_be_reached_is_an_error_at_the_start(tmp_path: Path) -> None:
    """The process does not begin, rather than fail job by job."""
    url = f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}"
    with pytest.raises(Exception, match="unable to open database file"):
        await Register().open(SchoolSettings.model_validate({"database_url": url}))


WRITER = """
import asyncio
from headpond_school.marks import Mark
from headpond_school.register import Register
from headpond_school.settings import SchoolSettings

async def main():
    register = Register()
    await register.open(SchoolSettings())
    sent = {"tenantId": "acme", "institutionId": 1, "date": "2024-12-25", "status": "late"}
    marks = [Mark.model_validate(sent | {"studentId": number}) for number in range(200)]
    recorded = await asyncio.gather(*(register.record(mark, mark.job_id) for mark in marks))
    await register.close()
    print(sum(each.is_new for each in recorded))

asyncio.run(main())
"""


async def test_several_processes_write_the_same_marks_at_once(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the making of the tables on, no process fails, and each row has one writer."""
    monkeypatch.setenv("HEADPOND_DATABASE_URL", f"sqlite:///{database}")
    command = [sys.executable, "-c", WRITER]
    writers = [
        await asyncio.create_subprocess_exec(
            *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    said = [await writer.communicate() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0], said
    assert sum(int(out) for out, _ in said) == len(rows(database)) == 200
