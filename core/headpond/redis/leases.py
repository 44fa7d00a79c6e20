"""One worker's leases, kept from a thread with its own connection: a blocked loop loses none.

redis-py's blocking client does here: a call each five seconds needs no speed, and it shares no
state with the loop's connection.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from headpond.errors import StoreUnavailable
from headpond.jobs import JobId
from headpond.ports import Renewal
from headpond.redis.keys import control_channel
from headpond.redis.life import REPORTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.ports import WorkerBeat
    from headpond.redis.client import Client

TIMEOUT_S: Final = 3.0
"""Shorter than the time between renewals: a lost connection costs one of them at most."""


class RedisLeaseKeeper:
    """The blocking side of the store for one worker of one queue."""

    def __init__(self, client: Client, queue: str, worker: str) -> None:
        """Connect lazily."""
        self._client = client
        self._queue = queue
        self._worker = worker
        self._redis = redis.Redis.from_url(
            client.url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._channel: Any = None
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
        draining, version, now = False, 0, 0
        for at in range(0, max(1, len(held)), 1000):
            part = held[at : at + 1000]
            fences = [value for job in part for value in job]
            reply = self._run("renew", self._worker, json.dumps(says), len(part), *fences)
            lost += [JobId(each.decode()) for each in reply[0]]
            draining, version, now = reply[1] == 1, reply[2], reply[3]
        return Renewal(tuple(lost), draining, version, now)

    def release(self, held: Sequence[tuple[JobId, str]]) -> None:
        """Give jobs back, as the loop would if it could."""
        for at in range(0, len(held), REPORTS):
            part = held[at : at + REPORTS]
            reports = [value for job_id, fence in part for value in (job_id, fence, 0, "", "")]
            self._run("release", self._worker, len(part), *reports)

    def hear(self, timeout_s: float) -> bool:
        """Wait for a word on the queue's control channel."""
        try:
            if self._channel is None:
                self._channel = self._redis.pubsub(ignore_subscribe_messages=True)
                self._channel.subscribe(control_channel(self._client.namespace, self._queue))
                self._channel.get_message(timeout=TIMEOUT_S)  # Redis' answer, which is no word
            return self._channel.get_message(timeout=timeout_s) is not None
        except redis.RedisError as error:
            self._forget_channel()
            raise StoreUnavailable(f"Redis can't be heard: {error}") from error

    def leave(self) -> None:
        """Take the worker out of the registry."""
        self._run("leave", self._worker)

    def close(self) -> None:
        """Close both connections."""
        self._forget_channel()
        self._redis.close()

    def _forget_channel(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _run(self, name: str, *args: Any) -> Any:
        command = (*self._client.head(name, self._queue), self._client.now(), *args)
        with self._lock:
            try:
                try:
                    return self._redis.execute_command(*command)
                except redis.exceptions.NoScriptError:
                    self._redis.script_load(self._client.scripts[name].source)
                    return self._redis.execute_command(*command)
            except redis.RedisError as error:
                raise StoreUnavailable(f"Redis did not renew: {error}") from error
