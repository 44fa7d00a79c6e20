"""What the machine that drives stores may draw: few names and few numbers, so that they meet."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from headpond.batches import Batch
from headpond.jobs import JobId, NewJob, Unique
from headpond.queues import QueueSettings, Rate, Retention, TenantRule

WORKERS: Final = ("w1", "w2", "w3")
TENANTS: Final = ("", "x", "y")
CALLED: Final = "called"
"""The tenant of callbacks: nobody says in which order those of one step stand."""
BATCHES: Final = ("b1", "b2")
SCHEDULES: Final = ("s1", "s2")
DAY_MS: Final = 86_400_000

SPANS: Final = st.sampled_from(
    [1, 7, 300, 300, 1000, 1000, 2500, 2500, 5000, 5000, 15_000, 15_000, 61_000, DAY_MS, 8 * DAY_MS]
)
"""Ways to let time pass, mostly a little."""
DELAYS: Final = st.sampled_from([0, 0, 0, 0, 1, 1000, 6000])
LEVELS: Final = st.sampled_from([5, 5, 5, 9, 0])
PICKS: Final = st.integers(0, 30)
IDS: Final = st.integers(0, 40).map(lambda n: JobId(f"j{n}"))

UNIQUES: Final = st.builds(
    Unique,
    key=st.sampled_from(["k1", "k2"]),
    for_ms=st.sampled_from([0, 0, 1000, 60_000]),
    until=st.sampled_from(["end", "end", "start"]),
    mode=st.sampled_from(["skip", "replace", "debounce"]),
) | st.builds(
    Unique,
    key=st.sampled_from(["k1", "k2"]),
    for_ms=st.sampled_from([1000, 60_000]),
    until=st.just(""),
    mode=st.sampled_from(["skip", "replace", "debounce"]),
)

RETENTIONS: Final = st.builds(
    Retention, st.sampled_from([5000, DAY_MS, 7 * DAY_MS]), st.sampled_from([1000, 1000, 3, 1, 0])
)
RATES: Final = st.sampled_from([*[Rate()] * 4, Rate(1, 1000), Rate(3, 5000)])
RULES: Final = st.builds(
    TenantRule,
    weight=st.sampled_from([1, 1, 2, 5]),
    max_active=st.sampled_from([0, 0, 0, 1, 2]),
    rate=RATES,
)


@st.composite
def jobs(draw: st.DrawFn) -> NewJob:
    """Draw a new job; `run_at_ms` is how far from now, for `drawn_at` to complete."""
    job_id = draw(IDS)
    delay_ms = draw(DELAYS)
    return NewJob(
        job_id,
        body=f"body of {job_id}".encode(),
        priority=draw(LEVELS),
        tenant=draw(st.sampled_from(TENANTS)),
        delay_ms=delay_ms,
        run_at_ms=0 if delay_ms else draw(st.sampled_from([0, 0, 0, -1000, 2000])),
        unique=draw(st.none() | st.none() | UNIQUES),
        batch=draw(st.sampled_from(["", "", *BATCHES])),
    )


@st.composite
def settings(draw: st.DrawFn) -> QueueSettings:
    """Draw what a queue may be told; most things are as they are by default."""
    tenants = draw(st.dictionaries(st.sampled_from(TENANTS[1:]), RULES, max_size=2))
    return QueueSettings(
        max_active=draw(st.sampled_from([0, 0, 0, 0, 1, 4])),
        max_deliveries=draw(st.sampled_from([3, 3, 1, 2])),
        lease_ms=draw(st.sampled_from([15_000, 15_000, 15_000, 5000])),
        completed=draw(RETENTIONS),
        failed=draw(RETENTIONS),
        rate=draw(RATES),
        tenant=draw(st.just(TenantRule()) | RULES),
        tenants=tuple(sorted(tenants.items())),
    )


def batches(number: int) -> st.SearchStrategy[Batch]:
    """Draw a batch whose callback, if it has one, is a job that there never was."""
    callback = NewJob(JobId(f"callback-{number}"), b"called", tenant=CALLED)
    return st.builds(
        Batch,
        st.sampled_from(BATCHES),
        total=st.integers(0, 5),
        lock_ms=st.sampled_from([0, 5000, 3_600_000]),
        keep_ms=st.sampled_from([1000, DAY_MS]),
        callback=st.none() | st.just(callback),
    )
