"""An app as users write it, for tests of the processes that load one."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from headpond import App


class Mark(BaseModel):
    """One student's attendance."""

    model_config = ConfigDict(extra="forbid")

    student_id: int
    status: Literal["present", "absent"] = "present"
    note: str = ""


async def mark_attendance(payload: Mark) -> dict[str, int]:
    """Return whom it was for."""
    return {"student": payload.student_id}


def marks_app() -> App:
    """Return the app with its queue `attendance` and job type `mark-attendance`."""
    made = App("marks")
    queue = made.queue("attendance", priority="high", concurrency=5)
    queue.job("mark-attendance")(mark_attendance)
    return made


app = marks_app()
