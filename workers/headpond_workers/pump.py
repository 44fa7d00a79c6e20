"""The heart of a worker: keep its slots busy with as few round trips as possible.

Each exchange reports the jobs that ended meanwhile and claims what fits: at full speed dozens of
jobs share a round trip, in quiet times a job is reported and the next one claimed at once. Two
exchanges may be under way, so that Redis and Python work at the same time.

Nothing is hoarded: how many jobs are claimed ahead of a free slot follows from how long jobs take
(`prefetch_for`), and a claimed job that has not started within 50 ms goes back to its place.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from headpond.errors import StoreUnavailable
from headpond.jobs import Done, Failed, Progressed
from headpond_workers.held import Held
from headpond_workers.pace import START_WITHIN_S, Pace, prefetch_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headpond.jobs import Claim, Ended, JobId
    from headpond.ports import Exchange, QueueStore

logger = logging.getLogger(__name__)

DEPTH: Final = 2
"""Exchanges under way at once."""
LINGER_S: Final = 0.001
"""While more work is at hand, ended jobs wait this long for company before they are reported."""
IDLE_S: Final = 5.0
"""An idle worker looks at least this often."""
LONGEST_RETRY_S: Final = 1.0
_TIMED: Final = (Done, Failed)
"""Reports that say how long a run took. As a union in place it would be made for every job."""


@dataclass(slots=True)
class Pump:
    """Claims jobs and calls `start` for each that gets a slot; each is to be ended by `end`."""

    store: QueueStore
    queue: str
    worker: str
    slots: int
    start: Callable[[Held], None]
    held: dict[JobId, Held] = field(default_factory=dict)
    """Claimed and not yet reported; the lease thread renews these."""
    running: int = 0
    draining: bool = False
    """Asked by the governor to claim nothing more; may be taken back."""
    stopping: bool = False
    last_chance: int = 2
    """A job whose worker was lost this often runs alone: if it is poison, it takes none along."""
    on_due: Callable[[int], float] = lambda _: IDLE_S
    """Called with the store's time when a schedule is to fire; returns when to look again."""
    _local: deque[Held] = field(default_factory=deque)
    _suspect: Held | None = None
    """Runs alone, or waits until it can."""
    _is_careful: bool = False
    """Suspects are about: claim one job at a time."""
    _ended: list[Ended] = field(default_factory=list)
    _speaking: dict[JobId, Held] = field(default_factory=dict)
    """The latest progress of running jobs, packed; goes along with the next exchange."""
    _pace: Pace = field(default_factory=Pace)
    _in_flight: int = 0
    _wanted: int = 0
    _soon: bool = False
    _linger: asyncio.TimerHandle | None = None
    _failures: int = 0
    _blocked: bool = False
    """The store did not answer lately; nothing is asked of it for a moment."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _rings: int = 0
    """Wake-ups so far; an exchange sent before the last of them proves no emptiness."""
    _waiter: asyncio.Task[None] | None = None
    """Waits for work while there is none to claim."""
    _quiet: asyncio.Event = field(default_factory=asyncio.Event)

    # ── what others call ──

    def begin(self) -> None:
        """Start pumping; needs a running loop."""
        self._turn(force=True)

    def end(self, report: Ended) -> bool:
        """Report the end of a job if it is held; its slot is free for the next at once."""
        held = self.held.get(report.id)
        if held is None or held.claim.fence != report.fence:
            return False  # the lease was lost on the way, and the job was given up or claimed anew
        del self.held[report.id]
        self.running -= held.has_slot
        if held is self._suspect:
            self._suspect = None
        if held.unheard is not None:  # perhaps it is on its way; to hear it twice does no harm
            self._ended.append(Progressed(report.id, report.fence, held.unheard))
        self._ended.append(report)
        if isinstance(report, _TIMED):
            self._pace.note(report.run_us)
        if self._local or self._suspect is not None:
            self._fill()
        if not self._soon:
            self._call_soon()
        return True

    def withdraw(self, held: Held, report: Ended) -> None:
        """Report the end of a job that was claimed and shall not start any more."""
        self._local = deque(each for each in self._local if each is not held)
        self.end(report)

    def say(self, held: Held, progress: bytes) -> None:
        """Report how far a job is."""
        if self.held.get(held.claim.id) is held:
            held.unheard = progress
            self._speaking[held.claim.id] = held
            self._call_soon()

    def abandon(self, held: Held) -> None:
        """Forget a job whose lease is lost: whoever has it now reports it."""
        if self.held.get(held.claim.id) is held:
            self._local = deque(each for each in self._local if each is not held)
            self._let_go(held)
            self._fill()
            self._call_soon()

    def lose(self, held: Held) -> None:
        """Abandon a job whose lease is lost, and say so: refused as stale, it is counted."""
        if self.held.get(held.claim.id) is held:
            self.abandon(held)
            self._ended.append(held.released())

    def _let_go(self, held: Held) -> None:
        del self.held[held.claim.id]
        self.running -= held.has_slot
        if held is self._suspect:
            self._suspect = None

    def release_stale(self, now: float) -> None:
        """Hand back what was claimed and found no slot in time; call this a few times a second."""
        if self._local and now - self._local[0].since > START_WITHIN_S:
            self._pace.service_s = max(self._pace.service_s, 2 * START_WITHIN_S)
            self._hand_back()

    def set_draining(self, draining: bool) -> None:  # noqa: FBT001 (a state, not an option)
        """Stop claiming, or claim again."""
        if draining == self.draining:
            return
        self.draining = draining
        if draining:
            self._stop_waiting()
            self._hand_back()
        self._call_soon()

    def set_slots(self, slots: int) -> None:
        """Run this many jobs at once from now on; running ones are not interrupted."""
        self.slots = slots
        self._fill()
        self._call_soon()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held, running or unreported."""
        return not (self.held or self._ended or self._in_flight)

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for work, because there was none to claim."""
        return self._waiter is not None

    async def stop_claiming(self) -> None:
        """Claim nothing more and hand back what has not started; running jobs go on."""
        self.stopping = True
        self._stop_waiting()
        self._hand_back()
        self._call_soon()

    async def wait_empty(self) -> None:
        """Return when every job has ended and been reported."""
        while not self.is_empty:
            self._quiet.clear()
            await self._quiet.wait()

    # ── turning ──

    def _call_soon(self) -> None:
        if not self._soon:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _lingered(self) -> None:
        self._linger = None
        self._turn(force=True)

    @property
    def _claims_nothing(self) -> bool:
        return self.stopping or self.draining or self._suspect is not None

    def _turn(self, *, force: bool = False) -> None:
        """Begin an exchange if one is worth it."""
        self._soon = False
        if self.is_empty:
            self._quiet.set()
        if self._in_flight >= DEPTH or self._blocked:
            return
        capacity = self.slots + prefetch_for(self.slots, self._pace.service_s)
        want = capacity - self.running - len(self._local) - self._wanted
        want = 0 if self._claims_nothing else max(0, min(want, 1) if self._is_careful else want)
        batch = max(1, capacity // 4)
        ended = len(self._ended) + len(self._speaking)
        if not ended and (self.is_waiting or not want):
            return
        is_busy = not (self.is_waiting or self._claims_nothing or force)
        if is_busy and ended < batch and want < batch and self.running:
            if self._linger is None:
                loop = asyncio.get_running_loop()
                self._linger = loop.call_later(LINGER_S, self._lingered)
            return
        words = [
            (held, Progressed(job_id, held.claim.fence, held.unheard))
            for job_id, held in self._speaking.items()
            if self.held.get(job_id) is held and held.unheard is not None
        ]
        reports, self._speaking, self._ended = self._ended, {}, []
        self._in_flight += 1
        self._wanted += want
        task = asyncio.get_running_loop().create_task(self._exchange(words, reports, want))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _exchange(
        self, words: list[tuple[Held, Progressed]], reports: list[Ended], want: int
    ) -> None:
        rings, every = self._rings, reports
        if words:
            every = [*(word for _, word in words), *reports]
        try:
            answer = await self.store.exchange(self.queue, self.worker, every, want)
        except Exception as error:  # noqa: BLE001 (whatever it is, no report may be lost)
            self._failed(error)
            # The reports may have been applied: sending them again is safe, the fence tells.
            self._ended = reports + self._ended
            for held, word in words:  # if it has ended, its last word goes with its end
                if self.held.get(word.id) is held and held.unheard is word.progress:
                    self._speaking[word.id] = held
            return
        finally:
            self._in_flight -= 1
            self._wanted -= want
        for held, word in words:
            if held.unheard is word.progress:
                held.unheard = None
        if self._failures:
            logger.info(
                "queue %s answers again",
                self.queue,
                extra={"event": "queue-back", "queue": self.queue},
            )
            self._failures = 0
        self._take(answer, want, is_fresh=rings == self._rings)

    def _failed(self, error: Exception) -> None:
        """Ask nothing for a moment; say so once, and each time when it is no mere absence."""
        if not self._failures or not isinstance(error, StoreUnavailable):
            logger.warning(
                "queue %s can't be worked on: %s",
                self.queue,
                error,
                extra={"event": "queue-away", "queue": self.queue},
            )
        self._failures += 1
        self._blocked = True
        seconds = min(LONGEST_RETRY_S, 0.05 * 2 ** min(self._failures, 10))
        asyncio.get_running_loop().call_later(seconds, self._unblock)

    def _unblock(self) -> None:
        self._blocked = False
        self._stop_waiting()
        self._turn(force=True)

    def _take(self, answer: Exchange, want: int, *, is_fresh: bool) -> None:
        if answer.claims:
            self._keep(answer.claims, answer.now_ms)
        if self._claims_nothing:
            self._hand_back()
        self._fill()
        if answer.draining:
            self.draining = True
        again_s = self.on_due(answer.now_ms) if answer.schedules_due else IDLE_S
        if self.running >= self.slots:
            self._stop_waiting()
        elif len(answer.claims) < want and is_fresh and not self._claims_nothing:
            self._wait(answer, again_s)
        self._turn()

    def _keep(self, claims: Sequence[Claim], now_ms: int) -> None:
        """Take what was claimed at the store's time `now_ms`; of suspects one at a time."""
        now, held, local = asyncio.get_running_loop().time(), self.held, self._local
        apart = now - now_ms / 1000
        self._is_careful = False
        for claim in claims:
            ready_s = claim.since_ms * 0.001 + apart
            if claim.id in held:  # its lease ran out, and the job came back here: it runs on
                held[claim.id].claim = claim
            elif claim.crashes < self.last_chance:
                it = held[claim.id] = Held(claim, now, [None], ready_s)
                local.append(it)
            elif self._suspect is None:
                self._suspect = held[claim.id] = Held(claim, now, [None], ready_s)
                self._stop_waiting()
            else:
                self._ended.append(Held(claim).released())
            self._is_careful |= claim.crashes >= self.last_chance

    def _fill(self) -> None:
        if self._suspect is not None:
            self._isolate(self._suspect)
            return
        local = self._local
        while local and self.running < self.slots and not (self.stopping or self.draining):
            held = local.popleft()
            held.has_slot = True
            self.running += 1
            self.start(held)

    def _isolate(self, suspect: Held) -> None:
        """Start the suspect once this worker holds nothing else, not even an unreported end."""
        is_alone = not (self.running or self._ended or self._in_flight)
        if is_alone and not (self.stopping or self.draining):
            suspect.has_slot = True
            self.running += 1
            self.start(suspect)

    def _hand_back(self) -> None:
        unstarted = list(self._local)
        self._local.clear()
        if self._suspect is not None and (self.stopping or self.draining):
            unstarted.append(self._suspect)
        for held in unstarted:
            if not held.has_slot:
                self._let_go(held)
                if held.begin():
                    self._ended.append(held.released())

    # ── waiting for work ──

    def _stop_waiting(self) -> None:
        """Leave the wake-up that may come to a worker that can use it."""
        if self._waiter is not None:
            self._waiter.cancel()
            self._waiter = None

    def _wait(self, answer: Exchange, again_s: float) -> None:
        if self.is_waiting:
            return
        seconds = again_s
        due_ms = answer.next_due_ms - answer.now_ms
        if answer.next_due_ms and (due_ms > 0 or not answer.schedules_due):
            seconds = min(seconds, max(0, due_ms) / 1000)
        self._waiter = asyncio.get_running_loop().create_task(self._woken(seconds))

    async def _woken(self, seconds: float) -> None:
        try:
            await self.store.wait(self.queue, seconds)
        except Exception:  # noqa: BLE001 (the next exchange says what is wrong)
            await asyncio.sleep(LONGEST_RETRY_S)
        if self._waiter is asyncio.current_task():
            self._waiter = None
            self._rings += 1
            self._turn()
