"""Every Redis key as a name. A queue's keys share one hash tag, so that it lives in one slot.

Jobs are kept in columns: one sorted set for each state, one hash for each attribute, the job's id
as member and field. A step of N jobs is then a handful of variadic commands, whatever N is.
`docs/decisions/0001-redis-data-model.md` argues it.
"""

from __future__ import annotations

from typing import Final

COLUMNS: Final = {
    # ── where a job is: in one of these six, or aside ──
    "waiting": "ZSET id → level and fair tag: the order in which jobs start",
    "delayed": "ZSET id → due, ms",
    "active": "ZSET id → end of the lease, ms",
    "completed": "ZSET id → ended, ms",
    "failed": "ZSET id → ended, ms",
    "cancelled": "ZSET id → ended, ms",
    "aside": "ZSET tenant|old score|id, of waiting jobs that wait for others of their tenant",
    "aside_at": "HASH id → old score, of the same jobs",
    # ── what a job is ──
    "jobs": "HASH id → enqueued (13 digits, ms), score in waiting (16) and the packed envelope",
    "standing": "HASH id → priority|tenant, where it is not that of the queue's first job",
    "owners": "HASH id → fence|claimed ms, only while active",
    "tries": "HASH id → attempts · 1000 + crashes, only when not 0",
    "since": "HASH id → waiting since (13 digits, ms) and score (16), when not as in `jobs`",
    "outcomes": "HASH id → packed outcome of the last end",
    "reasons": "HASH id → why it is in failed",
    "parked": "HASH id → the job type that no worker knew yet",
    "progress": "HASH id → packed progress, as last reported",
    "cancels": "HASH id → `cancelled` or `manual`: what an active job is to become",
    "keyed": "HASH id → s, e or n (key free at the start, at the end, by time) and tenant|key",
    "members": "HASH id → batch|generation|opening; with - before it once the job has ended;"
    " id|batch likewise for one that a second batch skipped",
    # ── what the queue is ──
    "meta": "HASH settings, holds, counters, virtual times, epoch",
    "tags": "HASH level and tenant → last fair tag; gone whenever nothing waits",
    "rules": "HASH tenant or `*` → weight|max active|rate max|rate per ms",
    "tenant_active": "HASH tenant → its active jobs; only while there are limits of tenants",
    "turns": "ZSET tenant → when to look at its jobs aside again, ms",
    "rates": "HASH tenant, or `*` for the queue → packed starts of the span of its rate",
    "uniques": "HASH tenant|key → id|free again, ms (0: when the job says so)",
    "unique_ends": "ZSET tenant|key → free again, ms",
    "batches": "HASH batch → packed counts and times",
    "batch_calls": "HASH batch → packed callback job",
    "batch_ends": "ZSET batch → forgotten, ms",
    "schedules": "HASH schedule → packed definition",
    "ticks": "ZSET schedule → fires next, ms",
    "events": "STREAM of about 1,000 steps, or 200 large ones: e what happened, i ids, d detail",
    "ages": "ZSET second → the same second: those in which a waiting job began to wait",
    "age_counts": "HASH second → how many waiting jobs began in it",
    "wake": "ZSET with one member while there may be work: idle workers block on it",
    "decisions": "LIST of scaling decisions as JSON, newest first",
    # ── who works ──
    "beats": "ZSET worker → heard of until, ms",
    "workers": "HASH worker → heard of (13 digits, ms) and what it says of itself, JSON",
    "busy": "HASH worker → jobs it holds",
    "draining": "HASH worker → 1: it is asked to stop claiming",
}
"""Suffix → type and meaning; `docs/reference/redis-keys.md` is made of this."""


def queue_key(namespace: str, queue: str, column: str) -> str:
    """Return the key of a queue's column.

    >>> queue_key("headpond", "attendance", "waiting")
    '{headpond:attendance}:waiting'
    """
    return f"{{{namespace}:{queue}}}:{column}"


def queues_key(namespace: str) -> str:
    """Return the key of the SET of all configured queues."""
    return f"{namespace}:queues"


def trial_key(namespace: str) -> str:
    """Return the key that the start-up gate writes and removes, to see that it can."""
    return f"{namespace}:trial"


def wake_channel(namespace: str) -> str:
    """Return the channel on which an enqueue that crossed a mark names its queue."""
    return f"{namespace}:wake"


def control_channel(namespace: str, queue: str) -> str:
    """Return the channel on which a queue's workers and API processes hear of changes."""
    return f"{namespace}:control:{queue}"
