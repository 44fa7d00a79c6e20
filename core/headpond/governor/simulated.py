"""A queue, its workers and their time, simulated: for tests of the loop, and for replaying loads.

Everything is deterministic and nothing waits: time moves only by `World.advance`. Workers behave
as real ones do where it matters to the governor: they take a while to start, claim as much as they
have slots, stop claiming when marked, acknowledge when they run nothing, and are hurt when stopped
before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from headpond.errors import StoreUnavailable
from headpond.ports import FleetView
from headpond.queues import Hold, QueueSample, WorkerSeen, WorkerState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from headpond.ports import ScheduleEntry
    from headpond.queues import QueueSettings

STEP_MS: Final = 50
"""The grain of simulated time."""


@dataclass(slots=True)
class SimulatedWorker:
    """A worker process that only exists on paper."""

    id: str
    begins_ms: int
    """When it will have started."""
    marked: bool = False
    runs: list[tuple[int, int]] = field(default_factory=list)
    """When each of its jobs ends, and how long it runs."""

    def state(self) -> WorkerState:
        """Return what it would say of itself."""
        if not self.marked:
            return WorkerState.WORKING
        return WorkerState.DRAINING if self.runs else WorkerState.DRAINED


@dataclass(slots=True)
class World:
    """One queue with its workers; its own clock, store and fleet all in one."""

    queue: str = "attendance"
    slots: int = 10
    service_ms: Callable[[int], int] = lambda _: 1000
    """How long the job of this number runs."""
    cold_start_ms: int = 2000
    at_ms: int = 1_800_000_000_000
    waiting: list[int] = field(default_factory=list)
    """Numbers of the waiting jobs, and when each came."""
    workers: dict[str, SimulatedWorker] = field(default_factory=dict)
    wanted: int = 0
    added: int = 0
    ended: int = 0
    run_ms: int = 0
    interrupted: int = 0
    """Jobs that ran on a worker when it was stopped: has to stay 0."""
    writes: list[tuple[int, int]] = field(default_factory=list)
    """When the number was written, and which."""
    waits_ms: list[int] = field(default_factory=list)
    """How long each job waited that has started."""
    held: bool = False
    store_away: bool = False
    epoch: str = "e1"
    recorded: list[str] = field(default_factory=list)
    mark: int = 0
    _came_ms: list[int] = field(default_factory=list)
    _started: int = 0

    # ── the clock ──

    def now_ms(self) -> int:
        """Return the simulated time."""
        return self.at_ms

    def advance(self, by_ms: int) -> None:
        """Let time pass: jobs end, workers come up, jobs are claimed."""
        end_ms = self.at_ms + by_ms
        while self.at_ms < end_ms:
            self.at_ms = min(end_ms, self.at_ms + STEP_MS)
            for worker in self.workers.values():
                self._finish(worker)
                self._claim(worker)

    def enqueue(self, count: int) -> None:
        """Add jobs."""
        self._came_ms.extend([self.at_ms] * count)
        self.waiting.extend(range(self.added, self.added + count))
        self.added += count

    @property
    def active(self) -> int:
        """Jobs that run."""
        return sum(len(worker.runs) for worker in self.workers.values())

    def _finish(self, worker: SimulatedWorker) -> None:
        done = [run_ms for end_ms, run_ms in worker.runs if end_ms <= self.at_ms]
        worker.runs = [run for run in worker.runs if run[0] > self.at_ms]
        self.ended += len(done)
        self.run_ms += sum(done)

    def _claim(self, worker: SimulatedWorker) -> None:
        if worker.marked or self.held or worker.begins_ms > self.at_ms:
            return
        count = min(self.slots - len(worker.runs), len(self.waiting))
        claimed, self.waiting = self.waiting[:count], self.waiting[count:]
        for number in claimed:
            service_ms = self.service_ms(number)
            self.waits_ms.append(self.at_ms - self._came_ms[number])
            worker.runs.append((self.at_ms + service_ms, service_ms))

    # ── the store ──

    async def tick(self, queues: Sequence[str]) -> Mapping[str, QueueSample]:
        """Sample the one queue."""
        self._answer()
        return {self.queue: self.sample()} if self.queue in queues else {}

    def sample(self) -> QueueSample:
        """Return what the store would say now."""
        holds = (Hold("runtime", "somebody", "", self.at_ms),) if self.held else ()
        return QueueSample(
            queue=self.queue,
            at_ms=self.at_ms,
            epoch=self.epoch,
            waiting=len(self.waiting),
            due=0,
            delayed=0,
            active=self.active,
            completed=self.ended,
            failed=0,
            cancelled=0,
            parked=0,
            held=holds,
            oldest_ms=self._came_ms[self.waiting[0]] if self.waiting else 0,
            next_due_ms=0,
            added_total=self.added,
            ended_total=self.ended,
            run_us_total=self.run_ms * 1000,
            stale_total=0,
            workers=tuple(self._seen(worker) for worker in self._heard()),
        )

    def _heard(self) -> list[SimulatedWorker]:
        return [worker for worker in self.workers.values() if worker.begins_ms <= self.at_ms]

    def _seen(self, worker: SimulatedWorker) -> WorkerSeen:
        return WorkerSeen(
            id=worker.id,
            state=worker.state(),
            slots=self.slots,
            active=len(worker.runs),
            started_ms=worker.begins_ms,
            seen_ms=self.at_ms,
        )

    async def drain(self, queue: str, workers: Sequence[str]) -> None:
        """Mark the workers."""
        self._mark(queue, workers, marked=True)

    async def undrain(self, queue: str, workers: Sequence[str]) -> None:
        """Take the marks away."""
        self._mark(queue, workers, marked=False)

    def _mark(self, queue: str, workers: Sequence[str], *, marked: bool) -> None:
        self._answer()
        for name in workers:
            if queue == self.queue and name in self.workers:
                self.workers[name].marked = marked

    async def set_wake(self, queue: str, backlog: int) -> None:
        """Keep the mark."""
        self._answer()
        self.mark = backlog if queue == self.queue else self.mark

    async def wakes(self) -> AsyncIterator[str]:
        """Yield nothing: whoever moves the time calls the governor as well."""
        nothing: tuple[str, ...] = ()
        for queue in nothing:
            yield queue

    async def record(self, queue: str, decision: str) -> None:
        """Keep a decision."""
        self._answer()
        if queue == self.queue:
            self.recorded.insert(0, decision)

    async def decisions(self, queue: str, limit: int) -> Sequence[str]:
        """Return the newest decisions."""
        self._answer()
        return self.recorded[:limit] if queue == self.queue else []

    async def schedules(self, queue: str) -> list[ScheduleEntry]:  # noqa: ARG002 (none has any)
        """Return none: what a simulation does comes from its trace."""
        self._answer()
        return []

    async def settings(self, queue: str) -> QueueSettings | None:  # noqa: ARG002 (none has any)
        """Return none: only schedules ask for them."""
        self._answer()
        return None

    async def fire(self, *_: object) -> bool:
        """Fire nothing."""
        self._answer()
        return False

    def _answer(self) -> None:
        if self.store_away:
            message = "The simulated store is away; bring it back by store_away = False."
            raise StoreUnavailable(message)

    # ── the fleet ──

    async def observe(self, queues: Sequence[str]) -> Mapping[str, FleetView]:
        """Say how many workers there are."""
        starting = self.wanted - len(self._heard())
        view = FleetView(self.wanted, max(0, starting), self.cold_start_ms / 1000)
        return dict.fromkeys(queues, view)

    async def scale(self, queue: str, replicas: int, victims: Sequence[str] = ()) -> None:
        """Start workers, or stop the victims and then the youngest; count what that hurts."""
        self.writes.append((self.at_ms, replicas))
        self.wanted = replicas
        for name in victims:
            self._stop(name)
        while len(self.workers) > replicas:
            self._stop(max(self.workers))
        for _ in range(replicas - len(self.workers)):
            name = f"{queue}-{self._started:05}"
            self._started += 1
            self.workers[name] = SimulatedWorker(name, self.at_ms + self.cold_start_ms)

    def _stop(self, name: str) -> None:
        worker = self.workers.pop(name, None)
        self.interrupted += len(worker.runs) if worker else 0
