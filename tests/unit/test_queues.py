"""Queue names, and what a sample says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headpond.errors import ConfigInvalid
from headpond.queues import (
    Hold,
    QueueSample,
    QueueSettings,
    Rate,
    TenantRule,
    check_queue_name,
    check_worker_id,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def a_sample(  # noqa: PLR0913 (each is one figure of the sample)
    *,
    waiting: int = 0,
    due: int = 0,
    delayed: int = 0,
    active: int = 0,
    oldest_ms: int = 0,
    held: tuple[Hold, ...] = (),
) -> QueueSample:
    """Build a sample of a queue that has little in it."""
    return QueueSample(
        queue="line",
        at_ms=10_000,
        epoch="e",
        waiting=waiting,
        due=due,
        delayed=delayed,
        active=active,
        completed=0,
        failed=0,
        cancelled=0,
        parked=0,
        held=held,
        oldest_ms=oldest_ms,
        next_due_ms=0,
        added_total=0,
        ended_total=0,
        run_us_total=0,
        stale_total=0,
    )


@pytest.mark.parametrize("name", ["a", "7", "attendance", "a-1", "a" * 63])
def test_a_good_name_is_taken(name: str) -> None:
    """As Kubernetes takes it."""
    assert check_queue_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "A", "-a", "a-", "a_b", "a.b", "a b", "a:b", "{a}", "a*", "ä", "a\n", "a" * 64]
)
def test_a_bad_name_is_refused_with_its_value(name: str) -> None:
    """The sentence says what was given and what a name is."""
    with pytest.raises(ConfigInvalid) as caught:
        check_queue_name(name)
    (fault,) = caught.value.errors
    assert fault.pointer == "/queue"
    assert repr(name) in fault.detail
    assert "1 to 63" in fault.detail


def test_what_wants_a_worker_is_outstanding() -> None:
    """Delayed jobs whose time has not come want none; active ones do, but start no more."""
    sample = a_sample(waiting=3, due=2, delayed=100, active=4)
    assert (sample.outstanding, sample.backlog) == (9, 5)


def test_a_sample_is_held_by_any_hold() -> None:
    """Whoever holds it."""
    assert not a_sample().is_held
    assert a_sample(held=(Hold("spec", "git", "", 1),)).is_held


@pytest.mark.parametrize(
    ("oldest_ms", "age_s"), [(0, 0.0), (8_500, 1.5), (10_000, 0.0), (11_000, 0)]
)
def test_the_age_of_the_oldest_is_never_negative(oldest_ms: int, age_s: float) -> None:
    """0 when nothing waits, and when it began to wait this very second."""
    assert a_sample(oldest_ms=oldest_ms).oldest_age_s == age_s


@pytest.mark.parametrize("name", ["", "a|b", "a b", "a\nb", "a\x00", " ", "a\ud800"])
def test_a_worker_s_name_is_one_plain_word(name: str) -> None:
    """The sentence says what to write instead."""
    with pytest.raises(ConfigInvalid, match="can't name a worker: write something without"):
        check_worker_id(name)


@pytest.mark.parametrize("name", ["mail-7f9c.x", "host:1~é", "x" * 200])
def test_a_worker_s_name_may_be_any_word(name: str) -> None:
    """Whatever a host or a pod is called."""
    assert check_worker_id(name) == name


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Rate(-1), "/rate/max"),
        (lambda: Rate(5, 9), "/rate/per_ms"),
        (lambda: Rate(5, 86_400_001), "/rate/per_ms"),
        (lambda: TenantRule(weight=0), "/tenant/weight"),
        (lambda: TenantRule(weight=1001), "/tenant/weight"),
        (lambda: TenantRule(max_active=-1), "/tenant/max_active"),
        (lambda: QueueSettings(max_active=-1), "/max_active"),
        (lambda: QueueSettings(max_deliveries=0), "/max_deliveries"),
        (lambda: QueueSettings(lease_ms=99), "/lease_ms"),
        (lambda: QueueSettings(tenants=(("a", TenantRule()), ("a", TenantRule(2)))), "/tenants"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_by_name(
    make: Callable[[], Rate | TenantRule | QueueSettings], field: str
) -> None:
    """At the call, before any store hears of it."""
    with pytest.raises(ConfigInvalid) as caught:
        make()
    assert [fault.pointer for fault in caught.value.errors] == [field]


def test_a_rule_says_whether_it_limits() -> None:
    """A weight alone is no limit."""
    rules = [TenantRule(9), TenantRule(max_active=1), TenantRule(rate=Rate(1))]
    assert [rule.is_limit for rule in rules] == [False, True, True]
