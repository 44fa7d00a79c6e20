"""The app of the tests of encryption: handlers that spread what they are given."""

from __future__ import annotations

import logging
import os
from typing import Any

from pydantic import BaseModel, field_validator

from headpond import App, Job, Retry, Sensitive

log = logging.getLogger("vault")
WORD = f"kanarienvogel-{os.environ.get('HEADPOND_WORKER_ID', '')}-of-the-house"

app = App("vault")
vault = app.queue("vault", concurrency=4, retries=1, backoff="fixed:50ms", encrypt_payload=True)
desk = app.queue("desk", concurrency=4, retries=0)


class Secret(BaseModel):
    """All of it is secret, because its queue is encrypted."""

    word: str
    number: int = 0


class Letter(BaseModel):
    """Parts of it are secret."""

    subject: str = ""
    email: Sensitive[str]
    pins: list[Sensitive[int]] = []

    @field_validator("email")
    @classmethod
    def _is_one(cls, value: str) -> str:
        if "@" not in value:
            raise ValueError(f"{value} is no address")
        return value


@vault.job()
async def keep(payload: Secret, job: Job) -> dict[str, Any]:
    """Say and return it."""
    await job.progress(1, 2, f"working on {payload.word}")
    return {"word": payload.word, "number": payload.number}


@vault.job(retries=0)
async def spill(payload: Secret) -> None:
    """Raise an error that tells it all."""
    raise ValueError(f"{payload.word} {payload.number}")


@vault.job()
async def insist(payload: Secret, job: Job) -> int:
    """Ask for a second run, with the reason."""
    if job.attempt == 1:
        raise Retry(after=0.05, reason=f"because of {payload.word}")
    return job.attempt


@vault.job(retries=0)
async def garble(payload: Secret) -> object:
    """Return what can't be stored, and says what it was given."""

    class Strange:
        def model_dump(self, **_: Any) -> Any:
            raise ValueError(payload.word)

    return Strange()


@desk.job()
async def send(payload: Letter, job: Job) -> dict[str, Any]:
    """Log the payload, as people do; say and return the secret."""
    log.info("sending %r", payload)
    await job.progress(1, 2, f"to {payload.email}")
    return {"to": payload.email, "pins": payload.pins}


@desk.job()
def lose(payload: Letter) -> None:
    """Raise an error that tells the secret, in a thread."""
    raise ValueError(payload.email) from LookupError(payload.pins)


@desk.job()
async def reveal(payload: Any) -> dict[str, Sensitive[str]]:
    """Return a secret that nobody gave it."""
    return {"word": WORD}


@desk.job()
async def note(payload: Secret) -> str:
    """Have nothing to hide: what the others' secrets are compared with."""
    log.info("noted %s", payload.word)
    return payload.word
