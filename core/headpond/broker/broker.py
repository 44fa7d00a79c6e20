"""`HeadpondBroker`: taskiq's programming model over a `QueueStore`."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import msgspec
from taskiq import AckableMessage, AsyncBroker, BrokerMessage
from typing_extensions import override

from headpond.app.wishes import milliseconds, refused
from headpond.broker.formatter import TENANT, HeadpondFormatter, inherit
from headpond.broker.results import StoreResultBackend
from headpond.broker.seals import Seals
from headpond.config import default_config
from headpond.envelope import Envelope
from headpond.errors import HeadpondError
from headpond.jobs import JobId, NewJob, check_job_id, check_tenant, parse_priority
from headpond.queues import QueueSettings, check_queue_name

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from headpond.app import JobType, Queue
    from headpond.ports import QueueStore
    from headpond.sealing import Keyring

logger = logging.getLogger(__name__)

PRIORITY, DELAY = "priority", "delay"
"""Labels that the queue itself understands: `low` … `critical` or 0-9, and seconds."""


class Running(msgspec.Struct, eq=False):
    """A job whose handler runs in this process, as what it calls sees it."""

    broker: HeadpondBroker
    id: JobId
    envelope: Envelope
    again: tuple[bytes, int] | None = None
    """New body, and delay in ms, once its own run has kicked its id again."""
    is_over: bool = False
    """Its end is reported; what still runs in its context kicks like anybody."""


running_job: ContextVar[Running | None] = ContextVar("headpond_running_job", default=None)
"""The job that this code works for; set by the receiver."""


class HeadpondBroker(AsyncBroker):
    """One queue as a taskiq broker.

    `kiq` of an id that the queue has already adds nothing: both calls mean one job. Results come
    with the jobs (`wait_result` works without a result backend of its own). Run workers with
    `headpond worker`, or with taskiq's own command and
    `--receiver headpond_workers.receiver:HeadpondReceiver`.
    """

    def __init__(
        self,
        store: QueueStore,
        queue: str = "default",
        *,
        keys: Keyring | None = None,
        encrypts: bool = False,
    ) -> None:
        """Speak to `store`; the queue comes to exist at `startup`.

        `encrypts` seals every message, also where the queue's settings don't ask for it. Without
        `keys` those of the environment are used.
        """
        super().__init__()
        self.store = store
        self.queue = check_queue_name(queue)
        self.formatter = HeadpondFormatter()
        self.seals = Seals(self, keys, always=encrypts)
        self.result_backend = StoreResultBackend(store, self.queue, self.seals.keys)
        self.job_types: dict[str, JobType] = {}
        self.defaults = QueueSettings()
        """Of the queue, should nobody have configured it when this broker starts."""

    def serve(self, queue: Queue) -> None:
        """Make the job types of an app's queue known to this broker's workers, and its defaults."""
        self.defaults = default_config(queue.name, queue.defaults).spec.to_settings()
        for name, job_type in queue.job_types.items():
            self.job_types[name] = job_type
            self.register_task(job_type.handler, task_name=name)

    @override
    async def startup(self) -> None:
        """Connect, pass the start-up gate, and make the queue exist if it does not."""
        await self.store.start()
        if await self.store.settings(self.queue) is None:
            await self.store.configure(self.queue, self.defaults)
        await super().startup()

    @override
    async def shutdown(self) -> None:
        """End the middlewares, then the connection."""
        await super().shutdown()
        await self.store.close()

    @override
    async def kick(self, message: BrokerMessage) -> None:
        """Enqueue; when this returns, the store has the job.

        A run that kicks its own job's id puts the job back instead, with the message as its new
        body: that is what taskiq's retry middlewares and `Context.requeue` mean by it.
        """
        labels = message.labels
        job_id = check_job_id(message.task_id)
        delay_ms = _delay_ms(labels.get(DELAY, 0))
        run = running_job.get()
        if run is not None and not run.is_over and run.id == job_id and run.broker is self:
            body = inherit(message.message, run.envelope)
            is_sealed = run.envelope.sealed is not None
            body = self.seals.body(body, job_id, message.task_name, is_sealed=is_sealed)
            run.again = (body, delay_ms)
            return
        await self.seals.refresh()
        job = NewJob(
            id=job_id,
            body=self.seals.body(message.message, job_id, message.task_name),
            priority=_priority(labels.get(PRIORITY, 5)),
            tenant=check_tenant(str(labels.get(TENANT, ""))),
            delay_ms=delay_ms,
        )
        (created,) = await self.store.enqueue(self.queue, [job])
        if not created:
            logger.debug(
                "job %s is in queue %s already",
                job_id,
                self.queue,
                extra={"event": "job-known", "queue": self.queue, "job_id": job_id},
            )

    @override
    def listen(self) -> AsyncGenerator[bytes | AckableMessage, None]:
        """Refuse: taskiq's stock receiver knows no leases, fences or retries."""
        message = (
            "A Headpond queue needs Headpond's receiver: run `headpond worker`, or give taskiq's"
            " command `--receiver headpond_workers.receiver:HeadpondReceiver`."
        )
        raise HeadpondError(message)


def _delay_ms(label: Any) -> int:
    """Return a label's seconds as milliseconds; refuse what is no length of time by name."""
    try:
        return milliseconds(float(label))
    except (TypeError, ValueError):
        raise refused("delay", f"{label!r} is no number of seconds.") from None


def _priority(label: Any) -> int:
    text = str(label)
    return parse_priority(int(text) if text.isdigit() else text)
