"""Messages of stock taskiq as jobs of a Headpond queue: as if they had been kicked into it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from taskiq import TaskiqMessage

from headpond.broker.broker import DELAY, PRIORITY
from headpond.broker.formatter import TENANT
from headpond.errors import Invalid, PayloadInvalid
from headpond.jobs import (
    DEFAULT_PRIORITY,
    JobId,
    NewJob,
    Unique,
    check_job_id,
    check_tenant,
    parse_priority,
)

if TYPE_CHECKING:
    from headpond.broker.broker import HeadpondBroker

ORIGINAL: Final = "taskiq_task_id"
"""Label with the id that a message had, when a job can't be called so."""

REMEMBERED_MS: Final = 86_400_000
"""A message that was taken over is not taken again for a day, however soon its job ends and is
trimmed: as long may it take to repeat a run that was killed."""

LONGEST_DELAY_S: Final = 100 * 366 * 86_400


class Unreadable(Invalid):
    """This is no message of stock taskiq, or a job can't carry it."""


class StockMessages:
    """Turns messages into jobs of one queue."""

    def __init__(self, broker: HeadpondBroker) -> None:
        """`broker` knows the queue: what it encrypts, and the job types that are sensitive."""
        self._broker = broker

    async def refresh(self) -> None:
        """Learn what the queue asks for now."""
        await self._broker.seals.refresh()

    def job(self, raw: bytes) -> tuple[NewJob, str]:
        """Return the job and its task's name; raise `Unreadable`, or `KeyMissing` for them all."""
        message = _parsed(raw)
        job_id = _named(message)
        tenant = _tenant(message)
        try:
            packed = self._broker.formatter.dumps(message).message
        except (OverflowError, RecursionError, TypeError, ValueError) as error:
            raise Unreadable(f"can't be carried: {_why(error)}") from error
        body = self._broker.seals.body(packed, job_id, message.task_name)
        job = NewJob(
            id=job_id,
            body=body,
            priority=_priority(message.labels.get(PRIORITY)),
            tenant=tenant,
            delay_ms=_delay_ms(message.labels.get(DELAY)),
            unique=Unique(f"import:{_digest(message.task_id)}", REMEMBERED_MS, until=""),
        )
        return job, message.task_name


def _parsed(raw: bytes) -> TaskiqMessage:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"is no JSON: {_why(error)}") from error
    try:
        message = TaskiqMessage.model_validate(data)
        message.model_copy(update={"labels": dict(message.labels)}).parse_labels()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Unreadable(f"is no message of taskiq: {where or 'all'}: {first['msg']}") from error
    except ValueError as error:
        raise Unreadable(f"has labels that can't be read: {_why(error)}") from error
    return message


def _named(message: TaskiqMessage) -> JobId:
    """Return the task's id as the job's; one that a job can't have is replaced by its digest."""
    try:
        return check_job_id(message.task_id)
    except PayloadInvalid:
        message.labels[ORIGINAL] = message.task_id
        return JobId(f"taskiq-{_digest(message.task_id)}")


def _digest(task_id: str) -> str:
    return hashlib.sha256(task_id.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _tenant(message: TaskiqMessage) -> str:
    """Return the tenant; another one than was meant is never put in its place."""
    given = str(message.labels.get(TENANT, ""))
    try:
        return check_tenant(given)
    except PayloadInvalid as error:
        raise Unreadable(f"is of the tenant {given!r}: {error.errors[0].detail}") from error


def _priority(label: Any) -> int:
    """Return a priority that the queue has; to stock brokers on Redis the label meant nothing."""
    text = str(label)
    try:
        return parse_priority(int(text) if text.isdecimal() else text)
    except (PayloadInvalid, ValueError):
        return DEFAULT_PRIORITY


def _delay_ms(label: Any) -> int:
    """Return how long to wait from now; what is no number of seconds is no delay."""
    try:
        seconds = float(label)
    except (TypeError, ValueError, OverflowError):
        return 0
    return round(seconds * 1000) if 0 < seconds <= LONGEST_DELAY_S else 0


def _why(error: Exception) -> str:
    if isinstance(error, OverflowError):
        return "an integer lies beyond 64 bits"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeEncodeError):
        return "a text has a lone surrogate, which is no Unicode"
    return str(error)
