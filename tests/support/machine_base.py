"""The ground of the machine that drives a store and its model: both opened, compared and filled."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace
from typing_extensions import override

import machine_draws as draws
from headpond.jobs import Claim, JobId, NewJob
from headpond.testing import ManualClock
from model_views import Views
from model_work import Work
from store_model import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from headpond.ports import LeaseKeeper, QueueStore
    from headpond.queues import QueueSettings

QUEUE = "line"
_T = TypeVar("_T")


class QueueMachine(RuleBasedStateMachine):
    """One queue of one store, and its model."""

    open_store: ClassVar[Callable[[ManualClock], QueueStore]]
    """Opens an empty store; each test makes a machine of its own kind of store."""

    def __init__(self) -> None:
        """Open an empty store in a loop of its own."""
        super().__init__()
        self.clock = ManualClock()
        self.loop = asyncio.new_event_loop()
        self.store = type(self).open_store(self.clock)
        self.do(self.store.start())
        self.keepers: dict[str, LeaseKeeper] = {}
        self.claims: defaultdict[str, list[Claim]] = defaultdict(list)
        """What each worker believes that it holds, the latest last; it forgets nothing."""
        self.numbers = count(1)
        self.ticked = False

    def do(self, step: Coroutine[Any, Any, _T]) -> _T:
        """Let the store do something."""
        return self.loop.run_until_complete(step)

    @override
    def teardown(self) -> None:
        """Close what was opened."""
        for keeper in self.keepers.values():
            keeper.close()
        self.do(self.store.close())
        self.loop.close()

    @initialize(settings=draws.settings(), new=st.lists(draws.jobs(), max_size=8))
    def begin(self, settings: QueueSettings, new: list[NewJob]) -> None:
        """Configure the queue, and put some jobs into it."""
        assert self.do(self.store.configure(QUEUE, settings)) == 1
        self.model = Model(self.clock, settings, (*draws.TENANTS, draws.CALLED))
        self.workers = Work(self.model)
        self.views = Views(self.store, QUEUE, self.model, self.workers)
        if new:
            self.enqueue_some(new)

    @invariant()
    def everything_agrees(self) -> None:
        """After each step the store looks as the model says."""
        self.do(self.views.check(ticked=self.ticked))
        self.ticked = False

    # ── in ──

    @rule(new=st.lists(draws.jobs(), min_size=1, max_size=5))
    def enqueue(self, new: list[NewJob]) -> None:
        """Enqueue jobs in one call."""
        self.enqueue_some(new)

    def enqueue_some(self, new: list[NewJob]) -> None:
        """Enqueue drawn jobs, at drawn moments from now on."""
        self._enqueue(self._within_batches([self._now(job) for job in new]))

    @rule(lead=st.sampled_from(["a", "b"]), tenant=st.sampled_from(draws.TENANTS))
    def enqueue_many(self, lead: str, tenant: str) -> None:
        """Enqueue eight jobs that were never there, for one tenant."""
        ids = [JobId(f"{lead}{next(self.numbers)}") for _ in range(8)]
        self._enqueue([NewJob(job_id, b"one of many", tenant=tenant) for job_id in ids])

    def _now(self, job: NewJob) -> NewJob:
        """Make the drawn moment one near the clock's."""
        return replace(job, run_at_ms=self.clock.now_ms() + job.run_at_ms) if job.run_at_ms else job

    def _within_batches(self, jobs: list[NewJob]) -> list[NewJob]:
        """Leave the name of a batch out where it has announced no more jobs."""
        within: list[NewJob] = []
        for job in jobs:
            batch = self.model.batches.get(job.batch, self.model.now)
            taken = sum(other.batch == job.batch for other in within)
            is_repeated = batch is not None and job.id in batch.counted
            is_over = batch is not None and not batch.completed_ms and batch.room <= taken
            within.append(replace(job, batch="") if is_over and not is_repeated else job)
        return within

    def _enqueue(self, jobs: list[NewJob]) -> None:
        self.model.enqueue(jobs, self.do(self.store.enqueue(QUEUE, jobs)))
