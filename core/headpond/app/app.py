"""An app: an installable set of job types, queues and routes."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from headpond.app.queue import Queue, QueueDefaults
from headpond.errors import ConfigInvalid, FieldError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from headpond.ports import QueueStore
    from headpond.sealing import Keyring

    Hook = Callable[[], Awaitable[None] | None]


_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
MAX_PAYLOAD_BYTES: Final = 256 * 1024
"""Larger things belong into a store of their own, and their address into the job."""


class App:
    """Found by an entry point `headpond.apps` or `HEADPOND_APPS`; has no store until bound."""

    def __init__(self, name: str) -> None:
        """Begin with no queue; raise `ConfigInvalid` for a name that is none."""
        given: object = name  # callers without a type checker pass anything
        if not isinstance(given, str) or not _NAME.fullmatch(given):
            detail = (
                f"{name!r} is no app's name: 1 to 63 letters, digits or any of . _ -,"
                " beginning with a letter or a digit."
            )
            raise ConfigInvalid([FieldError("/name", detail)], source="app")
        self.name = name
        self.queues: dict[str, Queue] = {}
        self.routers: list[Any] = []
        """FastAPI routers, served by the API at their own paths."""
        self.start_hooks: list[Hook] = []
        self.stop_hooks: list[Hook] = []
        self.max_payload_bytes = MAX_PAYLOAD_BYTES
        """A job larger than this is refused at the call."""
        self._store: QueueStore | None = None
        self._keys: Keyring | None = None

    def queue(self, name: str, **defaults: Any) -> Queue:
        """Declare a queue; the keywords are those of `QueueDefaults`.

        >>> App("billing").queue("invoices", concurrency=20, backoff="exponential:2s")
        Queue(invoices)
        """
        if name in self.queues:
            fault = FieldError(f"/{name}", f"App {self.name!r} declares queue {name!r} twice.")
            raise ConfigInvalid([fault], source=f"app {self.name}")
        known = [each.name for each in fields(QueueDefaults)]
        wrong = [
            FieldError(f"/{each}", f"No queue has this; there are {', '.join(known)}.")
            for each in defaults
            if each not in known
        ]
        if wrong:
            raise ConfigInvalid(wrong, source=f"queue {name}")
        queue = self.queues[name] = Queue(self, name, QueueDefaults(**defaults))
        return queue

    def include(self, router: Any) -> None:
        """Serve a FastAPI router beside the API's own routes, behind the same credentials."""
        self.routers.append(router)

    def on_start(self, hook: Hook) -> Hook:
        """Run `hook` when an API or worker process begins; may be used as a decorator."""
        self.start_hooks.append(hook)
        return hook

    def on_stop(self, hook: Hook) -> Hook:
        """Run `hook` when such a process ends; may be used as a decorator."""
        self.stop_hooks.append(hook)
        return hook

    def bind(self, store: QueueStore, keys: Keyring | None = None) -> None:
        """Give the app the store that `enqueue` writes to, and the keys to seal payloads with.

        Without keys those of the environment are used, read when the first job is to be sealed.
        """
        self._store, self._keys = store, keys
        for queue in self.queues.values():
            queue.forget()

    @property
    def keys(self) -> Keyring:
        """The keys, perhaps none; raises `ConfigInvalid` when the environment's can't be read."""
        if self._keys is None:
            from headpond.settings import KeySettings  # noqa: PLC0415 (most producers seal nothing)

            self._keys = KeySettings().keyring()
        return self._keys

    @property
    def store(self) -> QueueStore:
        """The store; raises `StoreUnavailable` before `bind`."""
        if self._store is None:
            message = f"App {self.name!r} has no store yet: call app.bind(store) first."
            raise StoreUnavailable(message)
        return self._store
