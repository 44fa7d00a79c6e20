"""Who waits for a word of the store, in whichever event loop.

Workers wait for jobs, governors for backlogs. Not thread safe by itself: the store's lock guards
every call.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Generic, TypeVar

Topic = TypeVar("Topic")
Word = TypeVar("Word")


class Listener(Generic[Word]):
    """One who waits, with a box of words in the event loop that runs now."""

    def __init__(self) -> None:
        """Make the box."""
        self._loop = asyncio.get_running_loop()
        self._box: asyncio.Queue[Word] = asyncio.Queue()

    def tell(self, word: Word) -> None:
        """Put a word in, from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._box.put_nowait, word)

    async def hear(self) -> Word:
        """Return the next word."""
        return await self._box.get()


class Listeners(Generic[Topic, Word]):
    """Those who wait, by what they wait for."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._by_topic: defaultdict[Topic, list[Listener[Word]]] = defaultdict(list)

    def add(self, topic: Topic) -> Listener[Word]:
        """Return a new listener of this topic."""
        listener = Listener[Word]()
        self._by_topic[topic].append(listener)
        return listener

    def remove(self, topic: Topic, listener: Listener[Word]) -> None:
        """Forget a listener."""
        self._by_topic[topic].remove(listener)

    def tell(self, topic: Topic, word: Word) -> None:
        """Tell every listener of the topic."""
        for listener in self._by_topic[topic]:
            listener.tell(word)
