"""A mark: one student's attendance at one session of one day. Pure: no clock, no I/O."""

from __future__ import annotations

import re
from datetime import date as Date  # noqa: N812 (the field is called `date`, as on the wire)
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Callable

LONG_ID: Final = 64
"""Characters of a tenant's or an institution's id."""

SHORT_ID: Final = 40
"""Characters of a student's or a session's id; with the tenant they fit the 200 of a job id."""

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2199
"""A day outside of these is a slip of the keyboard."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}\S*)?", re.ASCII)

_WHOLE_DAY: Final = "~day"
"""Stands for the session where a mark names none; no session can be called so."""

_SHOWN: Final = 60
"""An error quotes this much of what was sent."""


Status = Literal["present", "absent", "late", "excused"]
"""What is said of the student."""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _as_word(longest: int) -> Callable[[object], str]:
    """Return the check of an id; 7 is the same as "7", as some systems count their students."""

    def check(value: object) -> str:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        word = str(value) if is_number else value
        if isinstance(word, str) and len(word) <= longest and _WORD.fullmatch(word):
            return word
        raise PydanticCustomError(
            "id",
            "{shown} is no id: 1 to {longest} letters, digits or any of . _ @ -,"
            " beginning with a letter or a digit",
            {"shown": _shown(value), "longest": longest},
        )

    return check


def _as_day(value: object) -> Date:
    """Read a date, or the date part of a date and time as it is written, whatever its zone."""
    day: object = value
    if isinstance(value, str) and _ISO_DAY.fullmatch(value):
        try:
            day = datetime.fromisoformat(value).date()
        except ValueError as error:
            raise PydanticCustomError(
                "day",
                "{shown} is no day of the calendar: {why}",
                {"shown": _shown(value), "why": str(error)},
            ) from error
    if isinstance(day, Date) and FIRST_YEAR <= day.year <= LAST_YEAR:
        return day
    raise PydanticCustomError(
        "day",
        "{shown} is no ISO 8601 date of the years {first} to {last},"
        " such as 2024-12-25 or 2024-12-25T00:00:00.000Z",
        {"shown": _shown(value), "first": FIRST_YEAR, "last": LAST_YEAR},
    )


def _word_schema(longest: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{_WORD.pattern}$", "maxLength": longest})


LongId = Annotated[str, BeforeValidator(_as_word(LONG_ID)), _word_schema(LONG_ID)]
ShortId = Annotated[str, BeforeValidator(_as_word(SHORT_ID)), _word_schema(SHORT_ID)]
Day = Annotated[Date, BeforeValidator(_as_day)]


class Mark(BaseModel):
    """One student's attendance, as it is sent: camelCase, nothing that isn't known."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        serialize_by_alias=True,
        json_schema_extra={
            "examples": [
                {
                    "tenantId": "greenfield",
                    "institutionId": "north",
                    "studentId": "1042",
                    "sessionId": "morning",
                    "date": "2026-11-23",
                    "status": "present",
                }
            ]
        },
    )

    tenant_id: LongId
    institution_id: LongId
    student_id: ShortId
    """Unique in the tenant."""
    session_id: ShortId | None = None
    """`None` marks the whole day."""
    date: Day
    status: Status

    @property
    def job_id(self) -> str:
        """The id of the job that records this mark: one for each tenant, student, session, day.

        >>> sent = {"tenantId": "acme", "institutionId": 1, "studentId": 7, "sessionId": 2}
        >>> Mark.model_validate(sent | {"date": "2024-12-25", "status": "late"}).job_id
        'acme~student-7-session-2-date-25122024'
        """
        session = _WHOLE_DAY if self.session_id is None else _escaped(self.session_id)
        return (
            f"{self.tenant_id}~student-{_escaped(self.student_id)}"
            f"-session-{session}-date-{self.date:%d%m%Y}"
        )


def _escaped(word: str) -> str:
    """Keep the word `session` inside an id from being read as the job id's own.

    No id has a `~`, so one always announces such a word, and two marks never share a job id.
    """
    return word.replace("session", "~session")
