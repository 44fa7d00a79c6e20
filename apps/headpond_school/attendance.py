"""The queue `attendance`, its job type, and what a process needs for them."""

from __future__ import annotations

from headpond import App, Job
from headpond_school.marks import Mark
from headpond_school.register import Register
from headpond_school.settings import SchoolSettings

app = App("school")

attendance = app.queue(
    "attendance", concurrency=50, retries=3, backoff="exponential:2s", priority="high"
)

register = Register()


@app.on_start
async def open_register() -> None:
    """Read the settings and connect."""
    await register.open(SchoolSettings())


@app.on_stop
async def close_register() -> None:
    """Disconnect."""
    await register.close()


@attendance.job("mark-attendance", timeout="30s")
async def mark_attendance(payload: Mark, job: Job) -> dict[str, object]:
    """Record a mark once, however often it is delivered."""
    recorded = await register.record(payload, job.id)
    return {"recorded": recorded.is_new, "status": recorded.status}
