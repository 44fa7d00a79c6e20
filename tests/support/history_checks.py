"""Does a history agree with what the store says at the end? Pure; each rule yields what it finds.

The times of a history are told from outside, some milliseconds beside the store's: `SLACK_S`
forgives that. A lease counts as lost only when its worker was away for so long that no renewal can
have come in time; everything that follows from that is allowed, and nothing else is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Final

from headpond.jobs import FailReason, JobState
from history_past import FOREVER, past_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from headpond.batches import BatchState
    from headpond.jobs import StoredJob
    from headpond.queues import QueueSample
    from history import Asked, Event
    from history_past import Past, Run

SLACK_S: Final = 0.1
"""Between what happens and its line in the history, on a loaded machine."""
HANDLED: Final = {"returned", "raised"}
"""The handler came to its end by itself: its attempt counts."""
OVER: Final = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Ending:
    """What the store says when all is quiet, and what it had promised."""

    jobs: tuple[StoredJob, ...]
    """All it has, of every state."""
    sample: QueueSample
    batches: tuple[BatchState, ...] = ()
    batch_events: tuple[str, ...] = ()
    """The name of a batch for each completion that was announced."""
    strangers: frozenset[str] = frozenset()
    """Jobs that nobody offered and that may be there: callbacks, occurrences of schedules."""
    lease_ms: int = 15_000
    max_deliveries: int = 3
    is_forgetful: bool = False
    """A server was lost that had not passed everything on: only what was durable must be there."""
    by_id: dict[str, StoredJob] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index the jobs."""
        self.by_id.update({job.id: job for job in self.jobs})


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be."""

    rule: str
    job: str
    words: str


def check(events: Sequence[Event], ending: Ending) -> list[Finding]:
    """Return everything that is wrong with this history (by time), best none."""
    past = past_of(events)
    rules = LASTING if ending.is_forgetful else RULES
    return [
        Finding(rule.__name__, job, words) for rule in rules for job, words in rule(past, ending)
    ]


# ── nothing is lost, and nothing comes from nowhere ──


def lost(past: Past, ending: Ending) -> Iterator[tuple[str, str]]:
    """Find jobs that were accepted and are gone."""
    for job, answers in past.answers.items():
        told = [a for a in answers if a.holder in {"", job}]
        if ending.is_forgetful:
            told = [a for a in told if a.is_durable]
        if told and job not in ending.by_id:
            yield job, f"It was accepted at {told[0].at:.3f}, and it is gone."


def accepted_twice(past: Past, ending: Ending) -> Iterator[tuple[str, str]]:
    """Find ids of which two jobs were made."""
    for job, answers in past.answers.items():
        made = sum(answer.created for answer in answers)
        if made > 1:
            yield job, f"It was created {made} times."


def not_offered(past: Past, ending: Ending) -> Iterator[tuple[str, str]]:
    """Find jobs that nobody sent, or that were refused."""
    for job in ending.by_id:
        if job in ending.strangers:
            continue
        if job not in past.offered:
            yield job, "Nobody offered it, and it is there."
        elif job in past.refused and job not in past.answers:
            yield job, "It was refused, and it is there."


# ── each end has its reason, and comes once ──


def no_reason(past: Past, ending: Ending) -> Iterator[tuple[str, str]]:
    """Find jobs that ended in a way that nothing explains."""
    for job in ending.jobs:
        why = ""
        hows = {run.how for run in past.runs.get(job.id, ())}
        if job.state is JobState.COMPLETED and not _returned_before(past, job):
            why = "completed, and no run of it returned before that"
        elif job.state is JobState.CANCELLED:
            asked = past.was_asked(job.id, "cancel") or job.id in past.replaced
            why = "" if asked else "cancelled, and nobody asked for it"
        elif job.state is JobState.FAILED:
            why = _failed_for_nothing(past, ending, job, hows)
        if why:
            yield job.id, f"It is {why}."


def _returned_before(past: Past, job: StoredJob) -> bool:
    ended_s = job.finished_ms / 1000 + SLACK_S
    return any(r.how == "returned" and r.ended <= ended_s for r in past.runs.get(job.id, ()))


def _failed_for_nothing(past: Past, ending: Ending, job: StoredJob, hows: set[str]) -> str:
    match job.reason:
        case None:
            return "failed without a reason"
        case FailReason.CRASHED if job.crashes < ending.max_deliveries:
            return f"failed as crashed after {job.crashes} crashes"
        case FailReason.EXHAUSTED | FailReason.UNRECOVERABLE if "raised" not in hows:
            return f"failed as {job.reason}, and no run of it raised"
        case FailReason.TIMEOUT if "stopped" not in hows:
            return "failed as timeout, and no run of it was stopped"
        case FailReason.MANUAL if not past.was_asked(job.id, "fail"):
            return "failed by hand, and nobody asked for it"
        case _:
            return ""


def ran_after_its_end(past: Past, ending: Ending) -> Iterator[tuple[str, str]]:
    """Find runs that began when the job had ended for good."""
    for job in ending.jobs:
        if job.state not in OVER:
            continue
        ended_s = job.finished_ms / 1000
        for run in past.runs.get(job.id, ()):
            if run.began > ended_s + SLACK_S and not _has_lost_its_lease(
                past, ending, run, run.began
            ):
                yield (
                    job.id,
                    (
                        f"It was {job.state} at {ended_s:.3f}, and {run.worker} began a run of it"
                        f" {run.began - ended_s:.3f} s later."
                    ),
                )


def overlap(past: Past, ending: Ending) -> Iterator[tuple[str, str]]:
    """Find two runs of one job at the same time, though the lease of the first was not lost."""
    for job, runs in past.runs.items():
        for first, second in combinations(sorted(runs, key=lambda run: run.began), 2):
            if second.began >= first.ended - SLACK_S / 2:
                continue
            if not _has_lost_its_lease(past, ending, first, second.began):
                yield (
                    job,
                    (
                        f"{first.worker} ran it from {first.began:.3f} to {first.ended:.3f},"
                        f" and {second.worker} began at {second.began:.3f}."
                    ),
                )


def _has_lost_its_lease(past: Past, ending: Ending, run: Run, by: float) -> bool:
    """Say whether a run's worker was away, before a moment, for what two renewals take."""
    lease_s = ending.lease_ms / 1000
    away_s = past.away_s(run.worker, run.began - 2 * lease_s, by)
    return away_s >= lease_s * 2 / 3 - SLACK_S


# ── attempts and crashes agree with the runs that were seen ──


def attempts(past: Past, ending: Ending) -> Iterator[tuple[str, str]]:
    """Find jobs of which more or fewer ends were counted than were told."""
    for job in ending.jobs:
        if past.was_asked(job.id, "retry"):
            continue  # they begin anew
        runs = past.runs.get(job.id, [])
        most = sum(run.how != "" for run in runs)
        least = sum(_must_count(past, ending, run) for run in runs)
        if not least <= job.attempts <= most:
            seen = f"{least} to {most}" if least != most else f"{most}"
            yield job.id, f"It counts {job.attempts} attempts; {seen} were seen to end."
        yield from _attempts_as_given(past, ending, job.id, runs)


def _attempts_as_given(
    past: Past, ending: Ending, job: str, runs: list[Run]
) -> Iterator[tuple[str, str]]:
    for run in runs:
        before = [other for other in runs if other.ended <= run.began and other is not run]
        most = 1 + sum(other.how != "" for other in before)
        least = 1 + sum(_must_count(past, ending, other) for other in before)
        if _has_lost_its_lease(past, ending, run, run.began):
            least = 1  # claimed long before it began
        if not least <= run.attempt <= most:
            yield job, f"{run.worker} was told that it is attempt {run.attempt}, and it was {most}."


def _must_count(past: Past, ending: Ending, run: Run) -> bool:
    """Say whether nothing can have kept a run's end from being reported."""
    told_to_end = past.leaving.get(run.worker, FOREVER)
    is_safe = run.worker not in past.killed and run.ended < told_to_end
    return run.how in HANDLED and is_safe and not _has_lost_its_lease(past, ending, run, FOREVER)


def crashes(past: Past, ending: Ending) -> Iterator[tuple[str, str]]:
    """Find jobs of which other crashes were counted than workers were lost."""
    cuts = [span for spans in past.cuts.values() for span in spans]
    losses = len(past.killed) + len(cuts) + past.snaps
    for job in ending.jobs:
        if past.was_asked(job.id, "retry"):
            continue
        died = [
            run for run in past.runs.get(job.id, ()) if not run.how and run.worker in past.killed
        ]
        if job.crashes > losses:
            yield job.id, f"It counts {job.crashes} crashes; something was lost {losses} times."
        elif job.crashes < len(died) and not (cuts or past.was_asked(job.id, "cancel", "fail")):
            yield (
                job.id,
                f"It counts {job.crashes} crashes; {len(died)} runs died with their worker.",
            )


# ── the counts of the store are exact ──


def counts(past: Past, ending: Ending) -> Iterator[tuple[str, str]]:
    """Find counts of the sample that the jobs themselves do not bear out."""
    sample, found = ending.sample, Counter(job.state for job in ending.jobs)
    said = {
        JobState.WAITING: sample.waiting,
        JobState.DELAYED: sample.due + sample.delayed,
        JobState.ACTIVE: sample.active,
        JobState.COMPLETED: sample.completed,
        JobState.FAILED: sample.failed,
        JobState.CANCELLED: sample.cancelled,
    }
    for state, count in said.items():
        if count != found[state]:
            yield "", f"The sample says {count} {state}; there are {found[state]}."
    if len(ending.by_id) != len(ending.jobs):
        yield "", f"{len(ending.jobs) - len(ending.by_id)} jobs are in two states at once."
    busy = sum(worker.active for worker in sample.workers)
    if busy > sample.active:
        yield "", f"The workers hold {busy} jobs; {sample.active} are active."


def totals(past: Past, ending: Ending) -> Iterator[tuple[str, str]]:
    """Find totals that the jobs and runs do not bear out."""
    sample = ending.sample
    if sample.added_total != len(ending.by_id):
        yield "", f"{sample.added_total} were added; there are {len(ending.by_id)}."
    told = sum(run.how != "" for runs in past.runs.values() for run in runs)
    counted = sum(job.attempts for job in ending.jobs)
    if not counted <= sample.ended_total <= told:
        yield "", f"{sample.ended_total} runs ended; the jobs count {counted}, {told} were told."
    begun_anew = any(past.was_asked(job, "retry") for job in past.asks)
    if sample.ended_total != counted and not begun_anew:
        yield "", f"{sample.ended_total} runs ended; the jobs count {counted}."


# ── answers and batches ──


def answers(past: Past, ending: Ending) -> Iterator[tuple[str, str]]:
    """Find cancellations whose answer was not what happened."""
    for job, asks in past.asks.items():
        last = max(asks, key=lambda ask: ask.at)
        stored = ending.by_id.get(job)
        if last.verb == "retry" or stored is None:
            continue
        if last.answer == "unknown" and not past.was_in(job, last.since):
            continue
        if stored.state not in _ends_after(last):
            yield job, f"The answer to {last.verb} was {last.answer!r}; it is {stored.state}."
        elif last.answer == "cancelled":
            for run in past.runs.get(job, ()):
                began = run.began
                if began > last.at + SLACK_S and not _has_lost_its_lease(past, ending, run, began):
                    yield job, f"{run.worker} began it after it was cancelled."


def _ends_after(ask: Asked) -> set[JobState]:
    """Return the states in which a job may be in the end when this was the last answer."""
    meant = {"cancel": JobState.CANCELLED, "fail": JobState.FAILED}[ask.verb]
    return {
        "cancelled": {meant},
        "asked": {meant, JobState.COMPLETED},
        "ended": set(OVER),
        "unknown": set(),
    }.get(ask.answer, set(JobState))


def batches(past: Past, ending: Ending) -> Iterator[tuple[str, str]]:
    """Find batches that don't count their members, or whose completion was not told once."""
    told = Counter(ending.batch_events)
    for batch in ending.batches:
        members = Counter(j.state for j in ending.jobs if past.offered.get(j.id) == batch.id)
        ended = [members[state] for state in OVER]
        if [batch.completed, batch.failed, batch.cancelled] != ended:
            yield batch.id, f"It says {batch}; its members are {dict(members)}."
        if (batch.added, batch.remaining) != (members.total(), members.total() - sum(ended)):
            yield batch.id, f"It says {batch}; it has {members.total()} members."
        is_due = batch.added + batch.skipped >= batch.total and not batch.remaining
        if is_due != batch.is_completed:
            yield batch.id, f"It is {'' if batch.is_completed else 'not '}completed: {batch}."
        if told[batch.id] != batch.is_completed:
            yield batch.id, f"Its completion was told {told[batch.id]} times."


RULES: Final = (
    lost,
    accepted_twice,
    not_offered,
    no_reason,
    ran_after_its_end,
    overlap,
    attempts,
    crashes,
    counts,
    totals,
    answers,
    batches,
)
LASTING: Final = (lost, not_offered, no_reason, counts, totals, batches)
"""What holds even when a server is lost with what it had not passed on."""
