"""What becomes of a queue whose QueueConfig is gone: jobs are kept, or removed if it said so."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from headpond.jobs import JobState
from headpond.queues import Hold

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from headpond.ports import QueueStore
    from headpond_operator.objects import Declared

logger = logging.getLogger(__name__)

PATIENCE_S: Final = 3_600.0
"""Jobs that still run are waited for this long; what ends later stays, as with `Retain`."""
_STATES: Final = tuple(state for state in JobState if state is not JobState.ACTIVE)


class Farewell:
    """Sees to the queues that nobody declares any more."""

    def __init__(self, store: QueueStore, now_s: Callable[[], float]) -> None:
        """`now_s` is Unix time."""
        self._store = store
        self._now_s = now_s
        self.may: Callable[[], bool] = lambda: True
        """Asked before each write: another may have taken over."""
        self._retained: set[str] = set()
        self._deleted: dict[str, float] = {}
        """Queues whose jobs go, and since when."""

    def take(self, gone: Iterable[Declared], declared: Collection[str]) -> None:
        """See to the queues of these, unless they are `declared` again."""
        for each in gone:
            if each.config is None:
                continue  # it declared nothing; a queue of its name is somebody else's
            if each.config.spec.deletion_policy == "Delete":
                self._deleted[each.queue] = self._now_s()
            else:
                self._retained.add(each.queue)
        self._retained -= set(declared)
        self._deleted = {q: since for q, since in self._deleted.items() if q not in declared}

    async def settle(self) -> None:
        """Do what can be done now; raises `Unavailable` when the store went away."""
        for queue in sorted(self._retained):
            if not self.may():
                return
            await self._store.forget(queue)
            self._retained.discard(queue)
            self._say(queue, "its jobs stay until a QueueConfig declares it again")
        for queue, since_s in list(self._deleted.items()):
            await self._remove(queue, since_s)

    async def _remove(self, queue: str, since_s: float) -> None:
        hold = Hold("spec", "operator", "The QueueConfig was deleted.", round(since_s * 1000))
        if not self.may():
            return
        await self._store.hold(queue, hold)
        if not self.may():
            return
        await self._store.clear(queue, _STATES)
        sample = (await self._store.sample([queue])).get(queue)
        if sample and sample.active and self._now_s() - since_s < PATIENCE_S:
            return  # what runs may end; then it goes too
        await self._store.forget(queue)
        self._deleted.pop(queue, None)
        self._say(queue, "its jobs were removed, as spec.deletionPolicy: Delete asks")

    def _say(self, queue: str, what: str) -> None:
        extra = {"event": "queue-undeclared", "queue": queue}
        logger.info("queue %s is declared no more: %s", queue, what, extra=extra)
