"""The Fleet port on local processes: what a Deployment does in Kubernetes, on one machine.

The fleet keeps as many workers as were last wanted: one that dies is replaced, at once when it had
worked, with growing patience when new ones die before they work.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from signal import SIGTERM
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from headpond.errors import Unavailable
from headpond.governor.processes import kill, last_words, manner, send, spawn
from headpond.ports import FleetView

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Mapping, Sequence

    from headpond.governor.processes import Launch
    from headpond.ports import QueueStore

QUICK_S: Final = 10.0
"""A worker that dies younger than this was never good for anything."""

LOOPING_AFTER: Final = 3
"""Quick deaths in a row until it is a crash loop."""

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
"""Between starts in a crash loop; doubles from the first to the longest."""

STARTS_WITHIN_S: Final = 120.0
"""A worker that the store has not heard of by then hangs. Most need a few seconds, but an app may
load a model in `on_start`."""

LOOK_EVERY_S: Final = 5.0
"""Between two looks at which of the started workers the store still hears of."""

SILENT_S: Final = 30.0
"""A worker that an answering store has not heard of for two leases is stopped, or stuck."""

MARGIN_S: Final = 5.0
"""Longer than the worker's own grace, so that the worker ends it first."""


@dataclass(eq=False, slots=True)
class _Worker:
    """One process."""

    id: str
    queue: str
    process: Process
    started_s: float
    launch: Launch
    heard: bool = False
    """The store knows it."""
    leaving: bool = False
    """It has been told to go."""
    silent_s: float = 0.0
    """For how long the store, asked again and again, has not heard of it any more."""
    hung: str = ""
    """Why it was killed, when it was."""


@dataclass(slots=True)
class _Crew:
    """The workers of one queue."""

    wanted: int = 0
    workers: dict[str, _Worker] = field(default_factory=dict)
    quick_deaths: int = 0
    """In a row."""
    pause_until_s: float = 0.0
    cold_start_s: float = 0.0
    trouble: str = ""
    looked_s: float = float("-inf")
    """When the store was last asked."""
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while workers are started, so that nobody counts the missing twice."""

    def staying(self) -> list[_Worker]:
        """Return those that have not been told to go."""
        return [worker for worker in self.workers.values() if not worker.leaving]


class LocalFleet:
    """Starts and stops worker processes. `run` must be running for the dead to be replaced."""

    def __init__(
        self,
        store: QueueStore,
        launch: Callable[[str, str], Launch],
        say: Callable[[str], None],
        grace_s: float = 25.0,
    ) -> None:
        """`launch(queue, worker_id)` says what to start; `say` tells people about deaths."""
        self._store = store
        self._launch = launch
        self._say = say
        self._patience_s = grace_s + MARGIN_S
        self._crews: dict[str, _Crew] = {}
        self._watches: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._away_s = float("-inf")
        """When the store last did not answer: meanwhile no worker could be heard of."""
        self._closed = False
        self._killed = False

    # ── the port ──

    async def observe(self, queues: Sequence[str]) -> Mapping[str, FleetView]:
        """Say how many workers each queue has; asks the store while one starts, else seldom."""
        await self._listen([q for q in queues if self._unheard(q) or self._is_due(q)])
        for queue in queues:
            self._forgive(self._crew(queue))
        return {queue: self._view(queue) for queue in queues}

    async def scale(self, queue: str, replicas: int, victims: Sequence[str] = ()) -> None:
        """Make it `replicas`: stop the victims, and only if they are not enough others too."""
        if self._closed:
            return
        crew = self._crew(queue)
        crew.wanted = replicas
        for victim in victims:
            if victim in crew.workers:
                self._dismiss(crew.workers[victim])
        if await self._match(queue):
            self._changed.set()  # `run` must look again when the pause ends

    # ── its own life ──

    async def run(self) -> None:
        """Replace the dead until cancelled; then nothing is started any more."""
        try:
            while True:
                self._changed.clear()
                pause_s = await self._match_all()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._changed.wait()
        finally:
            self._closed = True

    async def close(self) -> None:
        """Tell every worker to go, and return when the last one is gone."""
        self._closed = True
        for worker in self._all():
            self._dismiss(worker)
        for crew in list(self._crews.values()):
            async with crew.busy:
                pass  # who is being started now is in the crew afterwards, and told to go
        while self._watches:
            await asyncio.wait(self._watches)

    def kill(self) -> None:
        """Kill every worker at once."""
        self._closed = self._killed = True
        for worker in self._all():
            worker.leaving = True
            kill(worker.process)

    def pids(self, queue: str) -> dict[str, int]:
        """Return the process of each worker."""
        return {worker.id: worker.process.pid for worker in self._crew(queue).workers.values()}

    # ── private ──

    def _crew(self, queue: str) -> _Crew:
        return self._crews.setdefault(queue, _Crew())

    def _all(self) -> list[_Worker]:
        return [worker for crew in self._crews.values() for worker in crew.workers.values()]

    def _unheard(self, queue: str) -> list[_Worker]:
        return [worker for worker in self._crew(queue).staying() if not worker.heard]

    def _view(self, queue: str) -> FleetView:
        crew = self._crew(queue)
        missing = max(0, crew.wanted - len(crew.staying()))
        return FleetView(
            replicas=crew.wanted,
            starting=len(self._unheard(queue)) + missing,
            cold_start_s=crew.cold_start_s,
            crash_looping=crew.quick_deaths >= LOOPING_AFTER,
            trouble=crew.trouble,
        )

    def _is_due(self, queue: str) -> bool:
        crew = self._crew(queue)
        return bool(crew.workers) and _now_s() - crew.looked_s >= LOOK_EVERY_S

    async def _listen(self, queues: Sequence[str]) -> None:
        """Learn which workers the store has heard of; kill those that it hears of no more."""
        if not queues:
            return
        try:
            samples = await self._store.sample(queues)
        except Unavailable:
            self._away_s = _now_s()
            for queue in queues:
                self._crew(queue).looked_s = self._away_s
            return  # they stay as they are until somebody can say more
        for queue, sample in samples.items():
            self._hear(self._crew(queue), {seen.id for seen in sample.workers})

    def _hear(self, crew: _Crew, known: set[str]) -> None:
        now_s = _now_s()
        # A gap between two looks (this process was stopped, too) proves nothing about the workers.
        step_s = min(now_s - crew.looked_s, 2 * LOOK_EVERY_S)
        crew.looked_s = now_s
        for worker in crew.staying():
            if worker.id in known:
                if not worker.heard:
                    crew.cold_start_s = now_s - worker.started_s
                worker.heard, worker.silent_s = True, 0.0
            elif worker.heard:
                worker.silent_s += step_s
                if worker.silent_s > SILENT_S:
                    self._end_hung(worker, f"was not heard of for {SILENT_S:g} s and was killed")
            elif now_s - max(worker.started_s, self._away_s) > STARTS_WITHIN_S:
                why = f"did not start within {STARTS_WITHIN_S:g} s and was killed"
                self._end_hung(worker, why)

    def _end_hung(self, worker: _Worker, why: str) -> None:
        worker.hung = worker.hung or why
        kill(worker.process)  # `_watch` counts it, and it is replaced

    def _forgive(self, crew: _Crew) -> None:
        """Forget quick deaths once a worker has stood for longer."""
        now_s = _now_s()
        if any(w.heard and now_s - w.started_s > QUICK_S for w in crew.staying()):
            crew.quick_deaths, crew.trouble = 0, ""

    async def _match_all(self) -> float | None:
        """Start what is missing; return after how many seconds to look again."""
        pauses = [await self._match(queue) for queue in list(self._crews)]
        return min((pause for pause in pauses if pause), default=None)

    async def _match(self, queue: str) -> float:
        crew = self._crew(queue)
        async with crew.busy:
            return await self._match_crew(queue, crew)

    async def _match_crew(self, queue: str, crew: _Crew) -> float:
        surplus = len(crew.staying()) - crew.wanted
        if surplus > 0:
            # The youngest have done the least; those that nobody has heard of nothing at all.
            by_use = sorted(crew.staying(), key=lambda w: (w.heard, -w.started_s))
            for worker in by_use[:surplus]:
                self._dismiss(worker)
        pause_s = crew.pause_until_s - _now_s()
        if surplus < 0 and pause_s > 0:
            return pause_s
        for _ in range(-surplus):
            if not self._closed:
                await self._start(queue, crew)
        return 0.0

    async def _start(self, queue: str, crew: _Crew) -> None:
        worker_id = f"{queue}-{uuid4().hex[:8]}"
        launch = self._launch(queue, worker_id)
        try:
            process = await spawn(launch)
        except OSError as error:
            self._count_death(crew, f"A worker of {queue} can't be started: {error}.")
            return
        worker = _Worker(worker_id, queue, process, _now_s(), launch)
        crew.workers[worker_id] = worker
        watch = asyncio.create_task(self._watch(worker))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)
        if self._closed:  # since the process began to be made
            self._dismiss(worker)
        if self._killed:
            kill(process)

    def _dismiss(self, worker: _Worker) -> None:
        """Tell it to go; it may end what it runs, but not take forever."""
        if not worker.leaving:
            worker.leaving = True
            send(worker.process, SIGTERM)
            loop = asyncio.get_running_loop()
            loop.call_later(self._patience_s, kill, worker.process)

    async def _watch(self, worker: _Worker) -> None:
        code = await worker.process.wait()
        crew = self._crew(worker.queue)
        crew.workers.pop(worker.id, None)
        if worker.leaving:
            return
        quick = not worker.heard or _now_s() - worker.started_s < QUICK_S
        log = worker.launch.log
        # Who was killed had no time for last words; the log ends with something else.
        words = last_words(log) if quick and (code > 0 or worker.hung) and log else ""
        said = f" ({words})" if words else ""
        sentence = f"Worker {worker.id} {worker.hung or manner(code)}{said}."
        if quick:
            self._count_death(crew, sentence)
        else:
            crew.quick_deaths, crew.trouble = 0, ""
            self._say(f"{sentence} Another one takes its place.")
        self._changed.set()

    def _count_death(self, crew: _Crew, sentence: str) -> None:
        if _now_s() < crew.pause_until_s:
            self._say(sentence)
            return  # one of several that were started together: they count as one
        crew.quick_deaths += 1
        doubled = FIRST_PAUSE_S * 2 ** (crew.quick_deaths - 1)
        pause_s = min(LONGEST_PAUSE_S, doubled)
        crew.pause_until_s = _now_s() + pause_s
        if crew.quick_deaths >= LOOPING_AFTER:
            crew.trouble = f"New workers die: {sentence}"
        self._say(f"{sentence} The next one starts in {pause_s:g} s.")
        self._changed.set()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
