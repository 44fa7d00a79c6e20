"""The app of the tests of `headpond up`: a job that leaves a line in a file."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import BaseModel

from headpond import App, Job

app = App("greeter")
greetings = app.queue("greetings", concurrency=2, retries=3)


class Hello(BaseModel):
    """Whom to greet, where, and how slowly."""

    file: Path
    name: str = "you"
    seconds: float = 0.0


@greetings.job("hello")
async def hello(payload: Hello, job: Job) -> str:
    """Greet."""
    await asyncio.sleep(payload.seconds)
    with payload.file.open("a") as file:
        file.write(f"{payload.name} {job.attempt}\n")
    return payload.name
