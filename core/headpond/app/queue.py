"""A queue as an app declares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from headpond.app.batching import OpenBatch
from headpond.app.declaring import JobOptions
from headpond.app.following import Follower
from headpond.app.job_type import JobType
from headpond.app.scheduling import Times, declare, status_of_schedule
from headpond.app.wishes import batch_name
from headpond.config import default_config
from headpond.errors import ConfigInvalid, FieldError
from headpond.queues import check_queue_name
from headpond.terms import NO_TERMS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from headpond.app.app import App
    from headpond.app.calls import Call
    from headpond.app.scheduling import ScheduleStatus
    from headpond.app.wishes import Delay
    from headpond.batches import BatchState
    from headpond.terms import QueueTerms
    from headpond.timetable import Missed


@dataclass(frozen=True, slots=True)
class QueueDefaults:
    """What an app says of its queue; a `QueueConfig` wins over each, live.

    `None` leaves it to the schema's own default.
    """

    concurrency: int | None = None
    """Slots of a worker."""
    retries: int | None = None
    """Re-runs after the first run."""
    backoff: str | None = None
    """`exponential:2s`, `exponential:5s:5` (factor 5), `fixed:10s`."""
    timeout: str | float | timedelta | None = None
    priority: int | str | None = None
    max_active: int | None = None
    rate_limit: str | None = None
    """`10/s`."""
    max_workers: int | None = None
    """Ceiling of the scaling."""
    encrypt_payload: bool | None = None
    """Keep payloads and results as ciphertext in the store."""


class Queue:
    """A named queue of an app, and the job types that it knows."""

    def __init__(self, app: App, name: str, defaults: QueueDefaults) -> None:
        """Check the name and the defaults; raises `ConfigInvalid`."""
        self.app = app
        self.name = check_queue_name(name)
        default_config(self.name, defaults)
        self.defaults = defaults
        self.job_types: dict[str, JobType] = {}
        self.live_priority: int | str | None = defaults.priority
        """Priority of jobs that say none; follows the QueueConfig in force."""
        self.live_encrypts = bool(defaults.encrypt_payload)
        """Whether payloads are sealed; follows the QueueConfig in force."""
        self._follower = Follower(self.name, self.follow)

    def job(
        self,
        name: str | None = None,
        *,
        timeout: str | float | timedelta | None = None,
        retries: int | None = None,
        backoff: str | None = None,
        priority: int | str | None = None,
        cron: str = "",
        every: Delay | None = None,
        tz: str = "UTC",
        missed: Missed = "once",
    ) -> Callable[[Callable[..., Any]], JobType]:
        """Make the decorated function the handler of a job type.

        The first parameter without a default is the payload; annotate it with a pydantic model
        (or anything that pydantic validates), and a parameter with `Job` to get the job at hand.
        `async def` runs in the loop, `def` in a thread. Without a name the function's is taken,
        with dashes. With `cron` or `every` it runs at those times by itself, whatever number of
        processes declares it.
        """
        times = Times(cron, every, tz, missed)
        said: object = name
        if not isinstance(said, str | None):
            detail = f"{said!r} is no name: write @queue.job() or @queue.job(name), called."
            raise ConfigInvalid([FieldError("/name", detail)], source=f"queue {self.name}")

        def register(handler: Callable[..., Any]) -> JobType:
            given = name or handler.__name__.replace("_", "-")
            if given in self.job_types:
                fault = FieldError(
                    f"/{given}", f"Queue {self.name!r} has two handlers for {given!r}."
                )
                raise ConfigInvalid([fault], source=f"app {self.app.name}")
            options = JobOptions(timeout, retries, backoff, priority)
            job_type = JobType(self, given, handler, options)
            if times.is_given:
                job_type.declare_schedule(times)
            self.job_types[given] = job_type
            return job_type

        return register

    # ── batches and schedules ──

    def batch(
        self,
        batch_id: str,
        *,
        total: int,
        on_complete: Call | None = None,
        lock: Delay | None = None,
        keep: Delay | None = None,
    ) -> OpenBatch:
        """Return a batch of `total` jobs (distinct ids) to be opened by `async with`.

        `on_complete` is enqueued when all have ended. Nobody else can open it for `lock` (an hour)
        unless it is complete before; its record stays for `keep` (a day). Raises `PayloadInvalid`.
        """
        return OpenBatch(self, batch_id, total=total, on_complete=on_complete, lock=lock, keep=keep)

    async def open_batch(
        self,
        batch_id: str,
        *,
        total: int,
        on_complete: Call | None = None,
        lock: Delay | None = None,
        keep: Delay | None = None,
    ) -> bool:
        """Open a batch, as `batch` does; False when it is being worked on."""
        return await self.batch(
            batch_id, total=total, on_complete=on_complete, lock=lock, keep=keep
        ).open()

    async def batch_status(self, batch_id: str) -> BatchState | None:
        """Return how a batch stands; `None` when there is none (any more)."""
        return await self.app.store.batch(self.name, batch_name(batch_id))

    async def schedules(self) -> list[ScheduleStatus]:
        """Return the schedules of the queue, by name."""
        return [status_of_schedule(each) for each in await self.app.store.schedules(self.name)]

    async def unschedule(self, name: str) -> bool:
        """Forget a schedule; False when there was none.

        One that is declared in code comes back with the next process that starts.
        """
        return await self.app.store.remove_schedule(self.name, name)

    async def declare_schedules(self) -> None:
        """Make the store's schedules what the code says; others are left alone.

        Workers and the API do this when they start. Raises `StoreUnavailable`.
        """
        own = [each.declared for each in self.job_types.values() if each.declared is not None]
        await declare(self.app.store, self.name, {each.name: each for each in own})

    # ── its settings ──

    def follow(self, terms: QueueTerms) -> None:
        """Take what the QueueConfig in force says; what it leaves open is as the code says."""
        code = self.defaults
        encrypts = terms.encrypt_payload
        self.live_priority = code.priority if terms.priority is None else terms.priority
        self.live_encrypts = bool(code.encrypt_payload if encrypts is None else encrypts)

    async def refresh(self) -> None:
        """Return once the settings that are followed are at most a second old.

        To be awaited before `JobType.pack`; `JobType.enqueue` does. Raises `StoreUnavailable`, and
        `Unavailable` for settings that a newer version of Headpond wrote.
        """
        await self._follower.refresh(self.app.store)

    def forget(self) -> None:
        """Begin anew with what the code says: the store is another one."""
        self._follower.forget()
        self.follow(NO_TERMS)

    @override
    def __repr__(self) -> str:
        """Name the queue."""
        return f"Queue({self.name})"
