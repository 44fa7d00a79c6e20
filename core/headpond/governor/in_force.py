"""Declared queues, put into force in the store and kept so: settings, and the hold of the spec."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from headpond.errors import HeadpondError, Unavailable
from headpond.queues import Hold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from headpond.config import QueueConfig
    from headpond.ports import Clock, QueueStore
    from headpond.queues import QueueSample


class InForce:
    """What shall be in force, and what of it isn't yet."""

    def __init__(
        self,
        store: QueueStore,
        clock: Clock,
        said: Callable[[str, str], None] = lambda *_: None,
        wanted: Mapping[str, QueueConfig] | None = None,
    ) -> None:
        """Tell `said` queue and sentence when one can't be put into force, once."""
        self._store = store
        self._clock = clock
        self.said = said
        self.wanted: Mapping[str, QueueConfig] = wanted or {}
        self.pending: set[str] = set(self.wanted)
        self.refused: dict[str, str] = {}
        """Why a queue can't be put into force."""
        self.may: Callable[[], bool] = lambda: True
        """Asked before each write: another may have taken over."""
        self._epochs: dict[str, str] = {}
        """Of the store, when it was last seen with the queue in it."""

    def want(self, configs: Mapping[str, QueueConfig]) -> None:
        """Have these in force; what has not changed stays as it is."""
        before = self.wanted
        changed = {q for q, c in configs.items() if q not in before or before[q].spec != c.spec}
        self.wanted = configs
        self.pending = (self.pending | changed) & set(configs)
        self.refused = {q: why for q, why in self.refused.items() if q in configs}

    def again(self) -> None:
        """Have everything put into force again: the store may have come back empty."""
        self.pending = set(self.wanted)

    def compare(self, sample: QueueSample) -> None:
        """Note a queue that the store has anew, or whose hold is not the spec's.

        Its name alone proves nothing: whoever uses a queue that the store has lost makes it again,
        with the defaults of code.
        """
        queue, config = sample.queue, self.wanted.get(sample.queue)
        if config is None:
            return
        holds = any(hold.source == "spec" for hold in sample.held)
        is_as_said = holds == (config.spec.pause_in_force != "None")
        if self._epochs.get(queue, sample.epoch) != sample.epoch or not is_as_said:
            self.pending.add(queue)
        self._epochs[queue] = sample.epoch

    async def find_lost(self) -> None:
        """Note the queues that the store no longer has; a store that is away has lost nothing."""
        with suppress(HeadpondError):
            self.pending |= set(self.wanted) - set(await self._store.queues())

    async def settle(self) -> bool:
        """Put into force what is not; False when the store does not answer."""
        for queue in sorted(self.pending):
            config = self.wanted.get(queue)
            if not self.may():
                return False
            try:
                await self.put(queue)
            except Unavailable:
                return False  # said by whoever minds the store
            except Exception as error:  # noqa: BLE001 - one queue must not stop the others
                self._refuse(queue, f"Queue {queue!r} can't be configured now: {error}")
            else:
                if self.wanted.get(queue) is config:  # else it was changed meanwhile
                    self.pending.discard(queue)
                self.refused.pop(queue, None)
        return True

    async def put(self, queue: str) -> None:
        """Put one queue into force."""
        config = self.wanted.get(queue)
        if config is None:
            return
        await self._store.configure(queue, config.spec.to_settings())
        if not self.may():
            return
        pause = config.spec.pause_in_force
        if pause == "None":
            await self._store.resume(queue, "spec")
            return
        hold = Hold("spec", config.source, f"spec.pause is {pause}.", self._clock.now_ms())
        await self._store.hold(queue, hold)

    def _refuse(self, queue: str, sentence: str) -> None:
        """Say it once; it is tried again at each look."""
        if self.refused.get(queue) != sentence:
            self.said(queue, sentence)
        self.refused[queue] = sentence
