"""Keeps the queues configured as their apps and the file say, and follows the file."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headpond.cli.up.declared import declare, differences, read_file
from headpond.errors import ConfigInvalid
from headpond.governor.in_force import InForce

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from headpond.app.catalog import Catalog
    from headpond.config import QueueConfig
    from headpond.ports import Clock, QueueStore
    from headpond.scaling import Policy

LOOK_EVERY_S: Final = 0.25
"""A changed file must rest for one look before it is read: editors write in pieces, and half a
file may be a valid one with fewer queues. Two looks are well within the second promised."""

LOST_EVERY_S: Final = 1.0
"""How often the store is asked for queues that it has lost: flushed, restored, failed over."""

Stamp = tuple[int, int, int] | None
"""What tells that a file is another one: inode, size, time of change; `None`: there is no file."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where configuration comes from."""

    catalog: Catalog
    file: Path | None
    ceiling: int
    """Most workers of a queue that has no document, and whose code says nothing about it."""

    def read(self) -> dict[str, QueueConfig]:
        """Return the effective configuration of each queue, or raise `ConfigInvalid`."""
        documents = [] if self.file is None else read_file(self.file)
        return declare(self.catalog, documents, self.ceiling)


class Steering:
    """What is in force, and how it gets there."""

    def __init__(
        self, source: Source, store: QueueStore, clock: Clock, say: Callable[[str], None]
    ) -> None:
        """Read the source; raise `ConfigInvalid` when it can't be put into force."""
        self._source = source
        self._store = store
        self._say = say
        self._stamp = self._look()
        self._in_force = InForce(store, clock, lambda _, sentence: say(sentence), source.read())
        self._policies = {q: config.spec.to_policy() for q, config in self.configs.items()}

    @property
    def configs(self) -> Mapping[str, QueueConfig]:
        """What is to be in force."""
        return self._in_force.wanted

    def policies(self) -> Mapping[str, Policy]:
        """Return what the governor follows."""
        return self._policies

    async def apply(self) -> None:
        """Put everything into force; raise `Unavailable` when the store doesn't answer."""
        for queue in sorted(self.configs):
            await self._in_force.put(queue)
        self._in_force.pending.clear()
        for queue in sorted(set(await self._store.queues()) - set(self.configs)):
            self._say(f"Queue {queue!r} is kept here, but no app defines it: its jobs wait.")

    async def apply_again(self) -> None:
        """Have everything put into force again: the store may have come back empty."""
        self._in_force.again()

    async def run(self) -> None:
        """Follow the file, and put into force what could not be before or was lost."""
        seen = self._stamp
        loop = asyncio.get_running_loop()
        ask_at_s = loop.time() + LOST_EVERY_S
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            before, seen = seen, self._look()
            if seen != self._stamp and seen == before:
                self._stamp = seen
                self._reread()
            if loop.time() >= ask_at_s:
                await self._in_force.find_lost()
                ask_at_s = loop.time() + LOST_EVERY_S
            if not await self._in_force.settle():
                await asyncio.sleep(LOOK_EVERY_S)

    def _look(self) -> Stamp:
        if self._source.file is None:
            return None
        try:
            status = self._source.file.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _reread(self) -> None:
        try:
            configs = self._source.read()
        except ConfigInvalid as error:
            self._say(f"{error}\n{self._source.file}: The configuration before stays in force.")
            return
        changes = differences(self.configs, configs)
        said = set(idle_sentences(self.configs))
        news = [sentence for sentence in idle_sentences(configs) if sentence not in said]
        self._in_force.want(configs)
        self._policies = {queue: config.spec.to_policy() for queue, config in configs.items()}
        for sentence in [*changes, *news]:
            self._say(f"{self._source.file}: {sentence}")


def idle_sentences(configs: Mapping[str, QueueConfig]) -> list[str]:
    """Return what is said of fields that do nothing here, each with its queue."""
    return [
        f"{queue}: {sentence}"
        for queue, config in configs.items()
        for sentence in config.idle_fields()
    ]
