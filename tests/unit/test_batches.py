"""Batches as values: what can be opened, and what a state says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from headpond.batches import KEEP_MS, LOCK_MS, MOST_JOBS, Batch, BatchState
from headpond.errors import PayloadInvalid
from headpond.jobs import NewJob, Unique, check_job_id

STATE = BatchState(
    id="b",
    total=3,
    added=2,
    skipped=1,
    remaining=1,
    completed=1,
    failed=0,
    cancelled=0,
    opened_ms=1000,
    locked_until_ms=5000,
    completed_ms=0,
)


CALLBACK_WITH_KEY = NewJob(check_job_id("after"), b"", unique=Unique("key"))


def test_a_batch_has_the_seed_s_times() -> None:
    """SEEDS B5.3, B7.2: locked for an hour at most, kept for a day."""
    batch = Batch("class-123-session-456-date-25122024", 30)
    assert (batch.lock_ms, batch.keep_ms) == (LOCK_MS, KEEP_MS) == (3_600_000, 86_400_000)
    assert batch.callback is None


@pytest.mark.parametrize(
    "fields",
    [
        {"total": 0},
        {"total": MOST_JOBS},
        {"lock_ms": 0, "keep_ms": 0},
        {"callback": NewJob(check_job_id("after"), b"", batch="outer")},
        {"lock_ms": 366 * KEEP_MS, "keep_ms": 366 * KEEP_MS},
    ],
)
def test_a_batch_may_be_at_its_bounds(fields: dict[str, Any]) -> None:
    """The least and the most of each."""
    assert Batch(**{"id": "b", "total": 1, **fields}).id == "b"


@pytest.mark.parametrize(
    ("fields", "pointer", "part"),
    [
        ({"id": ""}, "/job_id", "1 to 200 letters"),
        ({"id": "a b"}, "/job_id", "1 to 200 letters"),
        ({"id": "a\n"}, "/job_id", "1 to 200 letters"),
        ({"id": "{b}"}, "/job_id", "1 to 200 letters"),
        ({"id": "x" * 201}, "/job_id", "1 to 200 letters"),
        ({"total": -1}, "/batch/total", "-1 can't be the total: it is 0 to 10,000,000."),
        ({"total": MOST_JOBS + 1}, "/batch/total", "10000001 can't be the total"),
        ({"lock_ms": -1}, "/batch/lock_ms", "-1 can't be the lock_ms"),
        ({"lock_ms": 366 * KEEP_MS + 1}, "/batch/lock_ms", "can't be the lock_ms"),
        ({"callback": CALLBACK_WITH_KEY}, "/batch/callback/unique", "has no key of uniqueness"),
        ({"keep_ms": -1}, "/batch/keep_ms", "-1 can't be the keep_ms"),
        ({"keep_ms": 366 * KEEP_MS + 1}, "/batch/keep_ms", "can't be the keep_ms"),
    ],
)
def test_a_batch_that_can_t_be_kept_is_refused(
    fields: dict[str, Any], pointer: str, part: str
) -> None:
    """By name, with the value and what it may be."""
    with pytest.raises(PayloadInvalid) as caught:
        Batch(**{"id": "b", "total": 1, **fields})
    (fault,) = caught.value.errors
    assert (fault.pointer, part in fault.detail) == (pointer, True), fault.detail
    assert fault.detail.endswith(".")


def test_a_batch_is_locked_until_its_time() -> None:
    """In that very millisecond it is free."""
    assert STATE.is_locked(4999)
    assert not STATE.is_locked(5000)
    assert not replace(STATE, locked_until_ms=0).is_locked(0)


def test_a_batch_is_completed_once_it_has_a_time() -> None:
    """Whatever the counts say."""
    assert not STATE.is_completed
    assert replace(STATE, completed_ms=1).is_completed
