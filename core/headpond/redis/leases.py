"""One worker's leases, kept from a thread with its own connection: a blocked loop loses none.

It shares no state with the loop's connections, and every call ends in its time.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Final

from headpond.errors import HeadpondError, StoreUnavailable
from headpond.jobs import JobId, Released
from headpond.ports import Renewal
from headpond.redis.blocking import Line
from headpond.redis.keys import control_channel
from headpond.redis.life import REPORTS, joined_releases
from headpond.redis.replies import ELSEWHERE, NotRun, ScriptMissing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.ports import WorkerBeat
    from headpond.redis.client import Client

TIMEOUT_S: Final = 3.0
"""Shorter than the time between renewals: a lost connection costs one of them at most."""
TRIES: Final = 3
"""Of a command that did not run: without its script, then at a node that has it no more."""


class RedisLeaseKeeper:
    """The blocking side of the store for one worker of one queue."""

    def __init__(self, client: Client, queue: str, worker: str) -> None:
        """Connect lazily."""
        self._client = client
        self._queue = queue
        self._worker = worker
        where = client.place(client.key(queue, "beats"))
        subscribe = ("SUBSCRIBE", control_channel(client.namespace, queue))
        self._line = Line(client.address, where, timeout_s=TIMEOUT_S)
        self._ear = Line(client.address, where, setup=[subscribe], timeout_s=TIMEOUT_S)
        self._lock = threading.Lock()

    def renew(self, beat: WorkerBeat, held: Sequence[tuple[JobId, str]]) -> Renewal:
        """Beat and extend, a thousand leases a call."""
        says = {
            "state": beat.state.value,
            "slots": beat.slots,
            "started_ms": beat.started_ms,
            "host": beat.host,
            "pid": beat.pid,
        }
        lost: list[JobId] = []
        stops: list[JobId] = []
        draining, version, now = False, 0, 0
        for at in range(0, max(1, len(held)), 1000):
            part = held[at : at + 1000]
            fences = [value for job in part for value in job]
            reply = self._run("renew", self._worker, json.dumps(says), len(part), *fences)
            lost += [JobId(each.decode()) for each in reply[0]]
            stops += [JobId(each.decode()) for each in reply[4]]
            draining, version, now = reply[1] == 1, reply[2], reply[3]
        return Renewal(tuple(lost), draining, version, now, tuple(stops))

    def release(self, held: Sequence[tuple[JobId, str]]) -> None:
        """Give jobs back, as the loop would if it could."""
        for at in range(0, len(held), REPORTS):
            part = [Released(job_id, fence) for job_id, fence in held[at : at + REPORTS]]
            self._run("release", self._worker, *joined_releases(part))

    def hear(self, timeout_s: float) -> bool:
        """Wait for a word on the queue's control channel."""
        return self._ear.listen(timeout_s) is not None

    def leave(self) -> None:
        """Take the worker out of the registry."""
        self._run("leave", self._worker)

    def close(self) -> None:
        """Close both connections."""
        self._ear.close()
        with self._lock:
            self._line.close()

    def _run(self, name: str, *args: Any) -> Any:
        command = (*self._client.head(name, self._queue), self._client.now(), *args)
        with self._lock:
            try:
                return self._repeated(name, command)
            except HeadpondError as error:
                raise StoreUnavailable(f"Redis did not renew: {error}") from error

    def _repeated(self, name: str, command: tuple[Any, ...]) -> Any:
        """Call, and call again while Redis says that it did not run this, and why."""
        for _ in range(TRIES - 1):
            try:
                return self._line.call(*command)
            except ScriptMissing:
                self._line.call("SCRIPT", "LOAD", self._client.scripts[name].source)
            except NotRun as error:
                if error.word not in ELSEWHERE:
                    raise
        return self._line.call(*command)
