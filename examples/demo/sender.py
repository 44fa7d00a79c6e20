"""Send the roster by HTTP over several connections, and count the answers.

A mark whose answer never came (the connection broke, or 503) is sent again, unchanged: its job id
makes that safe. It may then be answered as a repeat of itself, so the count goes by what was sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.roster import Entry, Kind

MARK: Final = "/api/v2/api/school/attendance/mark"

_PAUSES_S: Final = (0.1, 0.2, 0.4, 0.8)
"""Between tries; the last one goes on until the demonstration's time is up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back in the end."""

    status: int
    text: str
    tries: int
    """More than 1: an earlier one may have got through without us hearing of it."""


@dataclass(slots=True)
class Tally:
    """What was answered so far."""

    sent: int = 0
    new: int = 0
    duplicates: int = 0
    rejected: int = 0
    tries_again: int = 0
    job_ids: dict[int, str] = field(default_factory=dict)
    """By the number of the new mark."""
    faults: list[str] = field(default_factory=list)
    """Answers that should not have been: a sentence each."""

    @property
    def accepted(self) -> int:
        """New marks, and repeats of such."""
        return self.new + self.duplicates


class Sender:
    """Sends a roster once."""

    def __init__(
        self, client: aiohttp.ClientSession, roster: list[Entry], connections: int
    ) -> None:
        """`client` knows the address and the key."""
        self.tally = Tally()
        self._client = client
        self._roster = roster
        self._connections = connections
        self._accepted: dict[int, asyncio.Event] = {
            entry.first: asyncio.Event() for entry in roster if entry.kind == "new"
        }
        self._second_half = asyncio.Event()
        self.go_on()

    def hold_back(self) -> None:
        """Send only the first half for now."""
        self._second_half.clear()

    def go_on(self) -> None:
        """Send the second half too."""
        self._second_half.set()

    async def run(self) -> None:
        """Return when every mark has its answer."""
        entries = iter(self._roster)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._connections):
                group.create_task(self._send_each(entries))

    async def _send_each(self, entries: Iterator[Entry]) -> None:
        for entry in entries:
            if self.tally.sent > len(self._roster) // 2:
                await self._second_half.wait()
            if entry.kind == "repeat":
                # It stands after its first, which is therefore on its way at least.
                await self._accepted[entry.first].wait()
            answer = await self._post(entry)
            self.tally.sent += 1
            self._count(entry, answer)
            if entry.kind == "new":
                self._accepted[entry.first].set()

    async def _post(self, entry: Entry) -> Answer:
        tries = 0
        while True:
            tries += 1
            # No answer: nobody knows what became of it. 503: the same, and the API says so.
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with self._client.post(MARK, json=entry.body) as answer:
                    if answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
                        return Answer(answer.status, await answer.text(), tries)
            self.tally.tries_again += 1
            await asyncio.sleep(_PAUSES_S[min(tries, len(_PAUSES_S)) - 1])

    def _count(self, entry: Entry, answer: Answer) -> None:
        if answer.status not in _wanted(entry.kind, answer.tries):
            fault = f"{entry.kind} mark {entry.body}: {answer.status} {answer.text}"
            self.tally.faults.append(fault)
            return
        if entry.kind == "invalid":
            self.tally.rejected += 1
            return
        job_id = json.loads(answer.text)["jobId"]
        if entry.kind == "new":
            self.tally.new += 1
            self.tally.job_ids[entry.first] = job_id
            return
        self.tally.duplicates += 1
        if job_id != self.tally.job_ids.get(entry.first):
            first = self.tally.job_ids.get(entry.first)
            self.tally.faults.append(f"repeat of {entry.body}: job {job_id}, the first was {first}")


def _wanted(kind: Kind, tries: int) -> set[int]:
    match kind:
        case "invalid":
            return {HTTPStatus.UNPROCESSABLE_ENTITY}
        case "repeat":
            return {HTTPStatus.OK}
        case "new":
            return {HTTPStatus.ACCEPTED} if tries == 1 else {HTTPStatus.ACCEPTED, HTTPStatus.OK}
