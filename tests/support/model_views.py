"""Every way to look at a queue, held against its model: they must all say the same."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from headpond.jobs import JobState
from ledger import STATES_TOLD
from machine_draws import BATCHES
from model_job import ENDED, IDLE, differences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headpond.jobs import JobId, StoredJob
    from headpond.ports import QueueStore
    from headpond.queues import QueueSample
    from model_work import Work
    from store_model import Model

PAGE: Final = 500
MOST_EVENTS: Final = 1000
SECOND_MS: Final = 1000


class Views:
    """Looks at one queue of a store after each step."""

    def __init__(self, store: QueueStore, queue: str, model: Model, work: Work) -> None:
        """Compare this queue with this model."""
        self._store = store
        self._queue = queue
        self._model = model
        self._work = work
        self._known: dict[JobId, None] = {}
        self._told: dict[JobId, list[str]] = {}
        self._heard = ""

    async def check(self, *, ticked: bool = False) -> None:
        """Hold everything that can be seen against the model; `ticked`: the store had to trim."""
        model, store, queue = self._model, self._store, self._queue
        self._known |= dict.fromkeys(model.jobs)
        known = list(self._known)
        pages = await asyncio.gather(*(store.page(queue, s, "", PAGE) for s in JobState))
        found, samples = await asyncio.gather(store.read(queue, known), store.sample([queue]))
        listed = {state: list(page.jobs) for state, page in zip(JobState, pages, strict=True)}
        await self._check_batches()
        self._check_places(known, found, listed)
        model.trimmed({job.id for job in found if job is not None}, all_of_it=ticked)
        self._check_jobs(found)
        self._check_orders(listed)
        self._check_sample(samples[queue])
        await self._check_events()

    def _check_places(
        self,
        known: Sequence[JobId],
        found: Sequence[StoredJob | None],
        listed: Mapping[JobState, Sequence[StoredJob]],
    ) -> None:
        """Check that each job that is there is in exactly one list, and says the same there."""
        assert [job.id for job in found if job] == [
            job_id for job_id, job in zip(known, found, strict=True) if job
        ]
        everywhere = [job for jobs in listed.values() for job in jobs]
        assert len({job.id for job in everywhere}) == len(everywhere), "a job is in two places"
        assert all(job.state is state for state, jobs in listed.items() for job in jobs)
        by_id = {job.id: job for job in everywhere}
        assert by_id == {job.id: job for job in found if job}, "lists and reads differ"

    def _check_jobs(self, found: Sequence[StoredJob | None]) -> None:
        jobs = {job.id: job for job in found if job is not None}
        lost = sorted(set(self._model.jobs) - set(jobs))
        assert not lost, f"{lost} are gone"
        extra = sorted(set(jobs) - set(self._model.jobs))
        assert not extra, f"{extra} are there and should not be"
        wrong = {
            job_id: wrong
            for job_id, job in self._model.jobs.items()
            if (wrong := differences(job, jobs[job_id]))
        }
        assert not wrong, f"jobs differ (wanted, found): {wrong}"

    async def _check_batches(self) -> None:
        model, store, queue = self._model, self._store, self._queue
        states = model.batches.states(BATCHES, model.now)
        told = await asyncio.gather(*(store.batch(queue, name) for name in BATCHES))
        assert told == states, f"the batches are\n{told}, not\n{states}"
        schedules = sorted(model.schedules.values(), key=lambda entry: entry.name)
        assert await store.schedules(queue) == schedules, "schedules are kept by name"

    async def _check_events(self) -> None:
        """Check that who hears every event knows where each job is."""
        news: defaultdict[JobId, list[str]] = defaultdict(list)
        for event in await self._store.events(self._queue, self._heard, MOST_EVENTS):
            self._heard = event.id
            for job_id in event.jobs:
                news[job_id].append(event.name)
        for job_id, names in news.items():
            # A call may cancel a job and add another of its id: the order of events is by kind.
            self._told[job_id] = names if set(names) == {"added", "cancelled"} else names[-1:]
        wrong = {
            job.id: (self._told.get(job.id), job.state.value)
            for job in self._model.jobs.values()
            if not any(job.state in STATES_TOLD[name] for name in self._told.get(job.id, ()))
        }
        assert not wrong, f"of jobs was told, and they are: {wrong}"

    def _check_orders(self, listed: Mapping[JobState, Sequence[StoredJob]]) -> None:
        """Check that lists are in the order that they promise."""
        model = self._model
        lines = [
            model.jobs[job.id]
            for job in listed[JobState.WAITING]
            if job.tenant not in model.limits.limited
        ]
        levels = [job.priority for job in lines]
        assert levels == sorted(levels, reverse=True), "higher levels are listed first"
        for lane in {job.lane for job in lines}:
            places = [job.place for job in lines if job.lane == lane]
            assert places == sorted(places), f"{lane} is not listed first in, first out"
        dues = [job.due_ms for job in listed[JobState.DELAYED]]
        assert dues == sorted(dues), "the next to become due is listed first"
        for state in ENDED:
            ends = [job.finished_ms for job in listed[state]]
            assert ends == sorted(ends, reverse=True), "the newest end is listed first"

    def _check_sample(self, sample: QueueSample) -> None:
        model, now = self._model, self._model.now
        wanted = replace(
            sample,
            at_ms=now,
            waiting=len(model.of(JobState.WAITING)),
            due=sum(job.due_ms <= now for job in model.of(JobState.DELAYED)),
            delayed=sum(job.due_ms > now for job in model.of(JobState.DELAYED)),
            active=len(model.of(JobState.ACTIVE)),
            completed=len(model.of(JobState.COMPLETED)),
            failed=len(model.of(JobState.FAILED)),
            cancelled=len(model.of(JobState.CANCELLED)),
            parked=sum(job.parked for job in model.of(*IDLE)),
            oldest_ms=self._oldest_ms(),
            next_due_ms=min(
                (job.due_ms for job in model.of(JobState.DELAYED) if job.due_ms > now), default=0
            ),
            added_total=model.added,
            ended_total=model.ended,
            run_us_total=model.run_us,
            stale_total=model.stale,
            next_schedule_ms=min(
                (entry.next_ms for entry in model.schedules.values() if entry.next_ms), default=0
            ),
        )
        assert sample == wanted, f"the sample is\n{sample}, not\n{wanted}"
        assert set(sample.held) == model.held(), f"held are {sample.held}"
        self._check_aside(sample)
        self._check_workers(sample)

    def _oldest_ms(self) -> int:
        """Return the end of the second in which the oldest waiting job began to wait."""
        since = min((job.since_ms for job in self._model.of(JobState.WAITING)), default=0)
        end = since - since % SECOND_MS + SECOND_MS
        return min(self._model.now, end) if since else 0

    def _check_aside(self, sample: QueueSample) -> None:
        """Check that at most those jobs stand aside whose tenants have, or had, limits."""
        limited = self._model.limits.limited
        may = sum(job.tenant in limited for job in self._model.of(JobState.WAITING))
        assert 0 <= sample.aside <= may, f"{sample.aside} stand aside, at most {may} may"

    def _check_workers(self, sample: QueueSample) -> None:
        """Check that workers are as they said, and hold what they hold."""
        active = self._model.of(JobState.ACTIVE)
        for worker in sample.workers:
            said, at_ms = self._work.seen[worker.id], self._model.heard[worker.id]
            holding = sum(job.worker == worker.id for job in active)
            assert worker.active == holding, f"{worker.id} holds {holding}, not {worker.active}"
            assert (worker.state, worker.seen_ms) == (said.state, at_ms), (
                f"{worker} was {said.state} at {at_ms}"
            )
