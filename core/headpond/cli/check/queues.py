"""The queues in Redis, held against what the apps know. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from headpond.findings import Finding, fine, warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from headpond.app.catalog import Catalog
    from headpond.queues import QueueSample

LATE_S: Final = 30.0
"""A queue at zero workers has some by then; the governor needs a second, a cold start a few."""


def judge_queues(
    catalog: Catalog | None, configured: Iterable[str], samples: Mapping[str, QueueSample]
) -> list[Finding]:
    """Say of each queue what is wrong with it; no catalog means that nobody knows the apps."""
    known = None if catalog is None else catalog.queue_names()
    found = [_judge(queue, known, samples.get(queue)) for queue in sorted(configured)]
    missing = [queue for queue in known or () if queue not in set(configured)]
    found += [
        fine(
            f"queue {queue}",
            "Not in Redis yet: it comes to exist when `headpond up`, a worker or the operator"
            " starts.",
        )
        for queue in missing
    ]
    return found or [fine("queues", "There are none in Redis yet.")]


def _judge(queue: str, known: list[str] | None, sample: QueueSample | None) -> Finding:
    name = f"queue {queue}"
    if sample is None:
        return warning(
            name,
            "It is on the list of queues, and Redis has nothing of it: it lost its data, or the"
            " queue can't be read. `headpond up` and the operator configure it again.",
        )
    counts = f"{sample.waiting + sample.due:,} waiting, {sample.active:,} active"
    if known is not None and queue not in known:
        return warning(
            name,
            f"No app that was found here knows it ({counts}): name its app in HEADPOND_APPS, or"
            " if it is of the past, clear it and let it be forgotten.",
        )
    if sample.parked:
        return warning(
            name,
            f"{sample.parked:,} jobs are parked because no worker knows their job type, or has the"
            " key that they are sealed with: run workers with that app and that key; those that"
            " there are say in their logs what they lack.",
        )
    if sample.held:
        held = sample.held[0]
        return warning(
            name,
            f"Held by {held.by or held.source}"
            f" ({held.reason or 'no reason given'}): no job starts ({counts}).",
        )
    return _workers(name, sample, counts)


def _workers(name: str, sample: QueueSample, counts: str) -> Finding:
    if sample.workers:
        slots = sum(worker.slots for worker in sample.workers)
        workers = f"{len(sample.workers)} worker{'' if len(sample.workers) == 1 else 's'}"
        return fine(name, f"{workers} with {slots} slots; {counts}.")
    if not sample.outstanding:
        return fine(name, "No worker, and nothing to do.")
    if sample.oldest_age_s < LATE_S and not sample.active:
        return fine(name, f"No worker yet; {counts}.")
    waits = f"the oldest for {sample.oldest_age_s:,.0f} s" if sample.oldest_ms else "active alone"
    return warning(
        name,
        f"No worker is heard of, and jobs wait ({counts}, {waits}): see that `headpond up`, the"
        " operator or `headpond worker` runs, and what its log says.",
    )
