"""What must be true of a queue after every step, whatever the test does to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from headpond.jobs import JobState
from headpond.queues import QueueSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from headpond.batches import Batch, BatchState
    from headpond.jobs import JobId, StoredJob
    from headpond.ports import QueueEvent
    from headpond.queues import QueueSample, Rate, TenantRule

NOT_STARTED: Final = frozenset({JobState.WAITING, JobState.DELAYED})
ENDED: Final = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})

STATES_TOLD: Final = {
    "added": NOT_STARTED,
    "changed": NOT_STARTED,
    "retrying": NOT_STARTED,
    "released": NOT_STARTED,
    "parked": NOT_STARTED,
    "lost": NOT_STARTED,
    "started": {JobState.ACTIVE},
    "progress": {JobState.ACTIVE},
    "cancelling": {JobState.ACTIVE},
    "completed": {JobState.COMPLETED},
    "failed": {JobState.FAILED},
    "cancelled": {JobState.CANCELLED},
}
"""Where a job can be whose last event has this name."""


@dataclass(frozen=True, slots=True)
class View:
    """A queue at one moment, looked at from every side."""

    places: dict[JobState, list[str]]
    jobs: dict[JobId, StoredJob]
    sample: QueueSample
    batches: list[BatchState]


@dataclass(slots=True)
class Ledger:
    """What the bench knows of its queue; `check` compares it with what the store says."""

    accepted: list[JobId] = field(default_factory=list)
    """Each job that was added, in order; an id whose job is gone may come again."""
    promised: set[JobId] = field(default_factory=set)
    """Jobs that the store itself adds: callbacks of batches, occurrences of schedules."""
    batches: list[str] = field(default_factory=list)
    settings: QueueSettings = field(default_factory=QueueSettings)
    starts: list[tuple[int, str]] = field(default_factory=list)
    """When jobs of which tenant were claimed, since the limits are what they are."""
    last_event: str = ""
    last_told: dict[JobId, str] = field(default_factory=dict)
    told: list[QueueEvent] = field(default_factory=list)

    def configured(self, settings: QueueSettings) -> None:
        """Take note of new settings; limits count from here on."""
        if _limits(settings) != _limits(self.settings):
            self.starts.clear()
        self.settings = settings

    def expect_batch(self, batch: Batch) -> None:
        """Take note of a batch that is going to be opened."""
        self.batches += [] if batch.id in self.batches else [batch.id]
        self.promised |= {batch.callback.id} if batch.callback else set()

    def read(self, events: Sequence[QueueEvent]) -> None:
        """Take note of what the store says that happened."""
        self.told += events
        self.last_event = events[-1].id
        for event in events:
            self.last_told.update(dict.fromkeys(event.jobs, event.name))
            if event.name == "added" and not event.detail:
                self.accepted += [job_id for job_id in event.jobs if job_id in self.promised]

    def started(self, tenants: Iterable[str], now_ms: int) -> None:
        """Take note of claims; no span of a rate may hold more than it allows."""
        for tenant in tenants:
            self.starts.append((now_ms, tenant))
            for rate, whose in ((self.settings.rate, None), (self._rule(tenant).rate, tenant)):
                if rate.max:
                    times = [ms for ms, other in self.starts if whose in {None, other}]
                    _check_rate(times, rate)

    def check_active(self, view: View, tenants: Iterable[str]) -> None:
        """Check after claims of these tenants' jobs that no limit is exceeded."""
        jobs = view.jobs.values()
        active = Counter(job.tenant for job in jobs if job.state is JobState.ACTIVE)
        for tenant in tenants:
            assert active.total() <= (self.settings.max_active or active.total())
            assert active[tenant] <= (self._rule(tenant).max_active or active[tenant])

    def check(self, view: View) -> None:
        """Each accepted job is in one place or gone, and all views agree."""
        self._check_places(view)
        self._check_sample(view)
        self._check_jobs(view)
        self._check_batches(view)

    def _check_places(self, view: View) -> None:
        listed = sorted(job_id for ids in view.places.values() for job_id in ids)
        assert sorted(view.jobs) == listed, "each job is in exactly one place"
        for job in view.jobs.values():
            assert job.id in view.places[job.state], "a job knows where it is"

    def _check_sample(self, view: View) -> None:
        sample = view.sample
        assert {
            JobState.WAITING: sample.waiting,
            JobState.DELAYED: sample.due + sample.delayed,
            JobState.ACTIVE: sample.active,
            JobState.COMPLETED: sample.completed,
            JobState.FAILED: sample.failed,
            JobState.CANCELLED: sample.cancelled,
        } == {state: len(ids) for state, ids in view.places.items()}, "counts are exact"
        assert sample.added_total == len(self.accepted)
        assert sample.parked == sum(job.parked for job in view.jobs.values())
        assert 0 <= sample.aside <= sample.waiting

    def _check_jobs(self, view: View) -> None:
        for job in view.jobs.values():
            name = self.last_told[job.id]
            assert job.state in STATES_TOLD[name], f"{job.id} is {job.state} after {name!r}"
            assert job.state in NOT_STARTED or not job.parked
            assert job.state is JobState.ACTIVE or not job.is_cancelling
            assert job.state not in ENDED or not job.batch
            assert (job.state in ENDED) == (job.finished_ms > 0)
            assert (job.state is JobState.FAILED) == (job.reason is not None)

    def _check_batches(self, view: View) -> None:
        members = Counter(job.batch for job in view.jobs.values() if job.batch)
        for batch in view.batches:
            assert batch.remaining == members[batch.id], "a batch waits for its members"
            is_over = batch.added + batch.skipped >= batch.total and not batch.remaining
            assert is_over == batch.is_completed
            assert not (batch.is_completed and batch.locked_until_ms)

    def _rule(self, tenant: str) -> TenantRule:
        return dict(self.settings.tenants).get(tenant, self.settings.tenant)


def _limits(settings: QueueSettings) -> tuple[object, ...]:
    return (settings.rate, settings.tenant, settings.tenants)


def _check_rate(times: Sequence[int], rate: Rate) -> None:
    """Check that the latest of these does not come too early."""
    if len(times) > rate.max:
        assert times[-1] - times[-1 - rate.max] >= rate.per_ms, "a rate is exact"
