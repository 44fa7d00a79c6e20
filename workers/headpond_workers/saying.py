"""Progress on its way from handlers to the queue: at most five times a second, and the last."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from headpond.envelope import Progress, pack
from headpond.jobs import JobId

if TYPE_CHECKING:
    from headpond.app import Job
    from headpond_workers.held import Held
    from headpond_workers.pump import Pump

EVERY_S: Final = 0.2
"""Between two words of one job."""


class Saying:
    """Takes what handlers say, in whatever thread, and hands the pump the latest of it."""

    def __init__(self, pump: Pump) -> None:
        """Needs a running loop."""
        self._pump = pump
        self._loop = asyncio.get_running_loop()

    def say(self, job: Job, progress: Progress) -> None:
        """Keep a job's progress until it is time to pass it on."""
        held = self._pump.held.get(JobId(job.id))
        if held is None or held.job is not job:
            return  # its end is reported; what still runs speaks to nobody
        held.said = progress
        if not held.is_saying:
            held.is_saying = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending
                self._loop.call_soon_threadsafe(self._pass_on, held)

    def _pass_on(self, held: Held) -> None:
        now = self._loop.time()
        if now < held.silent_until:
            self._loop.call_at(held.silent_until, self._pass_on, held)
            return
        held.silent_until = now + EVERY_S
        self.finish(held)

    def finish(self, held: Held) -> None:
        """Pass on what a job has said, at once."""
        held.is_saying = False  # first: what is said from here on comes again
        said = held.said
        if said is None or said is held.passed_on:
            return
        held.passed_on = said  # nothing is taken from `said`: a thread may write it just now
        if held.place is not None:
            said = Progress(said.done, said.total)  # what it says may be sensitive
        self._pump.say(held, pack(said))
