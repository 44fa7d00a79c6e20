"""Watch the queue over HTTP: a live table, or plain lines where there is no terminal."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from rich.console import Console
from rich.live import Live
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.sender import Tally

QUEUE: Final = "attendance"

LOOK_EVERY_S: Final = 0.2
"""Often enough to see each number of workers."""

PLAIN_EVERY_S: Final = 1.0
"""A log needs fewer lines than a screen has frames."""


@dataclass(frozen=True, slots=True)
class View:
    """The queue at one moment."""

    waiting: int = 0
    active: int = 0
    delayed: int = 0
    completed: int = 0
    failed: int = 0
    oldest_age_s: float = 0.0
    workers: int = 0
    decision: str = "none yet"

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to run."""
        return not (self.waiting or self.active or self.delayed)


async def look(client: aiohttp.ClientSession) -> View:
    """Ask the API; raises `aiohttp.ClientError` when it does not answer as it should."""
    queues = await _get(client, "/api/v1/queues")
    queue = next(each for each in queues["items"] if each["name"] == QUEUE)
    decisions = await _get(client, f"/api/v1/queues/{QUEUE}/decisions?limit=1")
    newest = next(iter(decisions["items"]), None)
    stats = queue["stats"]
    return View(
        waiting=stats["waiting"],
        active=stats["active"],
        delayed=stats["delayed"],
        completed=stats["completed"],
        failed=stats["failed"],
        oldest_age_s=queue["oldest_age_seconds"],
        workers=queue["workers"],
        decision=newest["reason"] if newest else "none yet",
    )


async def _get(client: aiohttp.ClientSession, path: str) -> Any:  # noqa: ANN401 (JSON)
    async with client.get(path, raise_for_status=True) as answer:
        return await answer.json()


class Watcher:
    """Looks until everything is done, and remembers the most workers that it saw."""

    def __init__(
        self,
        client: aiohttp.ClientSession,
        tally: Tally,
        total: int,
        running: Callable[[], int],
    ) -> None:
        """`total` marks will be sent; `running` counts the worker processes that there are."""
        self.view = View()
        self.most_workers = 0
        self._looked = asyncio.Condition()
        self._client = client
        self._tally = tally
        self._total = total
        self._running = running

    async def run(self, all_sent: Callable[[], bool]) -> None:
        """Show the queue until all is sent, no job is left and the last worker is gone."""
        console = Console()
        with Live(console=console, auto_refresh=False, transient=True) as live:
            said_at = 0.0
            while not (all_sent() and self.view.is_done and not self.view.workers):
                await asyncio.sleep(LOOK_EVERY_S)
                await self._look()
                now = asyncio.get_running_loop().time()
                if console.is_terminal:
                    live.update(self._table(), refresh=True)
                elif now - said_at >= PLAIN_EVERY_S:
                    said_at = now
                    print(self._line(), flush=True)

    async def next_view(self) -> View:
        """Return how the queue looks at the next look that is answered."""
        async with self._looked:
            await self._looked.wait()
        return self.view

    async def until(self, happened: Callable[[View], bool]) -> None:
        """Return when the queue looks so."""
        async with self._looked:
            await self._looked.wait_for(lambda: happened(self.view))

    async def _look(self) -> None:
        try:
            self.view = await look(self._client)
        except (aiohttp.ClientError, TimeoutError):
            return  # it is killed and started again at times; the time limit is the demonstration's
        if self.view.workers > self.most_workers:
            # One that was killed is on the queue's list until its lease ends: look who lives.
            self.most_workers = max(self.most_workers, min(self.view.workers, self._running()))
        async with self._looked:
            self._looked.notify_all()

    def _rows(self) -> list[tuple[str, str]]:
        view, tally = self.view, self._tally
        return [
            ("sent", f"{tally.sent} of {self._total}"),
            ("waiting", str(view.waiting + view.delayed)),
            ("active", str(view.active)),
            ("oldest", f"{view.oldest_age_s:.1f} s"),
            ("completed", str(view.completed)),
            ("workers", str(view.workers)),
            ("decision", view.decision),
        ]

    def _table(self) -> Table:
        table = Table(title="attendance", show_header=False, min_width=60)
        for name, value in self._rows():
            table.add_row(name, value)
        return table

    def _line(self) -> str:
        return "  ".join(f"{name} {value}" for name, value in self._rows())
