"""What workers do to the queue of a model: report, claim, renew; and what a tick does."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from headpond.jobs import Done, Failed, JobState, Progressed, Released, Stopped
from model_job import ENDED, IDLE
from model_limits import QUEUE
from store_model import WHILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headpond.jobs import Claim, Ended, JobId
    from headpond.ports import Exchange, Renewal, WorkerBeat
    from model_job import ModelJob
    from store_model import Model


class Work:
    """The workers of one queue."""

    def __init__(self, model: Model) -> None:
        """Begin with no worker."""
        self._model = model
        self.seen: dict[str, WorkerBeat] = {}
        """What each said of itself last."""
        self.draining: set[str] = set()
        self.perhaps_draining: set[str] = set()
        """Of those, who were not heard of at a tick: the store may have forgotten them."""

    # ── exchange ──

    def exchange(self, worker: str, reports: Sequence[Ended], want: int, answer: Exchange) -> None:
        """Apply the reports, then check the claims one by one."""
        model = self._model
        model.begin()
        stale = [report.id for report in reports if not self._report(report)]
        assert sorted(answer.stale) == sorted(stale), f"stale are {stale}, not {answer.stale}"
        model.refresh()
        self._check_state(worker, answer)
        assert len(answer.claims) <= want, f"{len(answer.claims)} claims, {want} wanted"
        for claim in answer.claims:
            self._claim(worker, claim)
        if len(answer.claims) < want and not (answer.held or answer.draining):
            self._check_nothing_left()
        self._check_next_due(want, answer)

    def _check_state(self, worker: str, answer: Exchange) -> None:
        model = self._model
        assert answer.now_ms == model.now
        assert answer.held == bool(model.held()), f"held is {answer.held}"
        if worker in self.perhaps_draining and not answer.draining:
            self.undrain([worker])
        assert answer.draining == (worker in self.draining), f"draining is {answer.draining}"
        assert not answer.claims or not (answer.held or answer.draining)
        due = [s.next_ms for s in model.schedules.values() if 0 < s.next_ms <= model.now]
        assert answer.schedules_due == bool(due), f"schedules_due is {answer.schedules_due}"

    def _report(self, report: Ended) -> bool:
        """Apply one report; False when it is stale."""
        model = self._model
        job = self.holds(report.id, report.fence)
        if job is None:
            model.stale += 1
            return False
        match report:
            case Done() | Failed():
                self._ended(job, report)
            case Stopped() if job.asked:
                has_run = report.run_us > 0
                job.attempts += has_run
                model.ended += has_run
                model.run_us += report.run_us
                model.end_as_asked(job, report.outcome)
            case Stopped():
                model.return_(job)
            case Released():
                self._released(job, report)
            case Progressed():
                job.progress = report.progress
            case _:
                assert_never(report)
        return True

    def _ended(self, job: ModelJob, report: Done | Failed) -> None:
        model = self._model
        job.attempts += 1
        model.ended += 1
        model.run_us += report.run_us
        if isinstance(report, Done):
            model.end(job, JobState.COMPLETED, report.outcome)
        elif job.asked:
            model.end_as_asked(job, report.outcome)
        elif report.retry_in_ms is None:
            model.end(job, JobState.FAILED, report.outcome, report.reason)
        else:
            job.outcome = report.outcome
            model.delay(job, model.now + report.retry_in_ms)

    def _released(self, job: ModelJob, report: Released) -> None:
        model = self._model
        if job.asked:
            model.end_as_asked(job, WHILE)
            return
        if report.body is not None:
            job.body = report.body
        job.parked = bool(report.parked)
        if report.delay_ms > 0:
            model.delay(job, model.now + report.delay_ms)
        else:
            model.return_(job)

    def holds(self, job_id: JobId, fence: str) -> ModelJob | None:
        """Return the job when the fence is that of its running claim."""
        job = self._model.jobs.get(job_id)
        is_held = job is not None and job.state is JobState.ACTIVE and job.fence == fence
        return job if is_held else None

    # ── claims ──

    def _claim(self, worker: str, claim: Claim) -> None:
        model, limits = self._model, self._model.limits
        job = model.jobs.get(claim.id)
        assert job is not None, f"{claim.id} was claimed, and is not there"
        assert job.state is JobState.WAITING, f"{claim.id} was claimed while {job.state}"
        assert limits.permits(QUEUE, model.jobs, model.now, strictly=True), (
            f"{claim.id} started past the queue's limit"
        )
        assert limits.permits(job.tenant, model.jobs, model.now, strictly=True), (
            f"{claim.id} started past the limit of {job.tenant!r}"
        )
        self._check_turn(job)
        told = (claim.body, claim.attempts, claim.crashes, claim.since_ms)
        wanted = (job.body, job.attempts, job.crashes, job.since_ms)
        assert told == wanted, f"{claim.id} was given as {told}, not {wanted}"
        job.state, job.worker, job.fence = JobState.ACTIVE, worker, claim.fence
        job.claimed_ms, job.parked = model.now, False
        job.lease_end_ms = model.now + model.settings.lease_ms
        model.keys.started(job)
        limits.started(job.tenant, model.now)

    def _check_turn(self, job: ModelJob) -> None:
        """Check that no job of its lane, and none of a higher level, should have come before."""
        heads = self._heads()
        first = [head for head in heads if head.lane == job.lane]
        assert not first or first[0].place >= job.place, (
            f"{job.id} started before {first[0].id}, which came before it"
        )
        above = [head.id for head in heads if head.priority > job.priority]
        assert not above, f"{job.id} started before {above} of higher levels"
        self._model.turns.took(job, [head for head in heads if head is not job])

    def _heads(self) -> list[ModelJob]:
        """Return the first job of each lane whose tenant may surely start one more."""
        model = self._model
        heads: dict[tuple[int, str], ModelJob] = {}
        for job in model.of(JobState.WAITING):
            if job.lane not in heads or job.place < heads[job.lane].place:
                heads[job.lane] = job
        permits = model.limits.permits
        return [
            head
            for head in heads.values()
            if permits(head.tenant, model.jobs, model.now, strictly=False)
        ]

    def _check_nothing_left(self) -> None:
        """Check that a worker which got less than it wanted could not have got more."""
        model = self._model
        if model.limits.permits(QUEUE, model.jobs, model.now, strictly=False):
            left = [head.id for head in self._heads()]
            assert not left, f"{left} could have started"

    def _check_next_due(self, want: int, answer: Exchange) -> None:
        """Check when an idle worker is to come back: never too late, and not for nothing."""
        model, told = self._model, answer.next_due_ms
        if answer.held:
            ends = [hold.until_ms for hold in model.held()]
            assert told == (max(ends) if all(ends) else 0), f"next due is {told}, held until {ends}"
            return
        delayed = [job.due_ms for job in model.of(JobState.DELAYED)]
        leases = [job.lease_end_ms for job in model.of(JobState.ACTIVE)]
        delayed += [end for end in leases if end > model.now]
        ticks = [entry.next_ms for entry in model.schedules.values() if entry.next_ms]
        dues = {min([*delayed, *ticks], default=0)}
        if answer.schedules_due:  # who fires it has to look again anyway
            later = [due for due in [*delayed, *ticks] if due > model.now]
            dues |= {min(later, default=0), min(delayed, default=0)}
        is_for_rate = model.now < told <= model.now + max(model.limits.spans, default=0)
        assert told in dues or is_for_rate, f"next due is {told}, not {dues}"
        if len(answer.claims) < want and not answer.draining:
            soonest = [end for end in self._ends_of_rates() if end > model.now]
            assert not soonest or 0 < told <= min(soonest), (
                f"next due is {told}, and a job may start at {min(soonest)}"
            )

    def _ends_of_rates(self) -> list[int]:
        """Return when rates surely let jobs start that nothing but rates keeps from it."""
        model, limits = self._model, self._model.limits
        if not limits.has_room(model.jobs, QUEUE):
            return []
        tenants = {job.tenant for job in model.of(JobState.WAITING)}
        free = [name for name in tenants if limits.has_room(model.jobs, name)]
        overall = limits.free_again_ms(QUEUE)
        return [max(overall, limits.free_again_ms(name)) for name in free]

    # ── the blocking side, and ticks ──

    def renew(self, beat: WorkerBeat, held: Sequence[tuple[JobId, str]], told: Renewal) -> None:
        """Extend leases, and check what the worker hears."""
        model = self._model
        model.begin()
        self.seen[beat.id] = beat
        model.heard[beat.id] = model.now
        lost = tuple(job_id for job_id, fence in held if self.holds(job_id, fence) is None)
        mine = [job for job_id, fence in held if (job := self.holds(job_id, fence)) is not None]
        for job in mine:
            job.lease_end_ms = model.now + model.settings.lease_ms
        assert told.lost == lost, f"lost are {lost}, not {told.lost}"
        asked = {job.id for job in mine if job.asked}
        all_asked = {j.id for j in model.of(JobState.ACTIVE) if j.asked and j.worker == beat.id}
        assert asked <= set(told.cancelled) <= all_asked, (
            f"to be stopped are {asked}, not {told.cancelled}"
        )
        if beat.id in self.perhaps_draining and not told.draining:
            self.undrain([beat.id])
        self.perhaps_draining.discard(beat.id)
        assert told.draining == (beat.id in self.draining), f"draining is {told.draining}"
        assert (told.settings_version, told.now_ms) == (model.version, model.now)

    def give_back(self, held: Sequence[tuple[JobId, str]]) -> None:
        """Put jobs back that have not started."""
        self._model.begin()
        for job_id, fence in held:
            self._report(Released(job_id, fence))

    def tick(self) -> None:
        """Do what claims do on the way."""
        model = self._model
        model.begin()
        model.refresh()
        for worker in self.draining:
            heard_ms = model.heard.get(worker, 0)
            if heard_ms + model.settings.lease_ms <= model.now:
                self.perhaps_draining.add(worker)

    def moments(self) -> list[int]:
        """Return the times at which something ends or begins by itself."""
        model = self._model
        at = [job.due_ms or job.lease_end_ms for job in model.of(*IDLE, JobState.ACTIVE)]
        at += [job.finished_ms + model.keep(job.state).age_ms for job in model.of(*ENDED)]
        at += [hold.until_ms for hold in model.holds.values()]
        at += [entry.next_ms for entry in model.schedules.values()]
        at += [model.limits.free_again_ms(name) for name in (QUEUE, *model.limits.weights)]
        return [moment for moment in (*at, *model.batches.ends()) if moment]

    def drain(self, workers: Sequence[str]) -> None:
        """Let these workers claim nothing more."""
        self.draining.update(workers)
        self.perhaps_draining.difference_update(workers)

    def undrain(self, workers: Sequence[str]) -> None:
        """Let these workers claim again."""
        self.draining.difference_update(workers)
        self.perhaps_draining.difference_update(workers)

    def leave(self, worker: str) -> None:
        """Take the worker out of the registry; a request to drain dies with it."""
        self.seen.pop(worker, None)
        self._model.heard.pop(worker, None)
        self.undrain([worker])
