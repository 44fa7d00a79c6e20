"""Defaults from code, the document over them, and what the other layers make of the result."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from headpond.app import QueueDefaults
from headpond.config import (
    QueueConfig,
    QueueConfigSpec,
    default_config,
    over,
    parse_documents,
    with_ceiling,
)
from headpond.errors import ConfigInvalid, HeadpondError
from headpond.queues import DAY_MS, Retention, TenantRule
from headpond.queues import Rate as JobRate
from headpond.retries import Backoff, RetryPolicy
from headpond.scaling import Behavior, Mode, Pause, Policy, Rate, Select, Target

HEAD = "apiVersion: headpond.dev/v1alpha1\nkind: QueueConfig\nmetadata: {name: reports}\n"


def document(spec: str = "{}") -> QueueConfig:
    """Parse a document of this spec."""
    return parse_documents(f"{HEAD}spec: {spec}", "q.yaml")[0]


def test_code_that_says_nothing_leaves_the_schema_s_defaults() -> None:
    """A queue without a keyword is the same as a document without a spec."""
    assert default_config("reports", QueueDefaults()).spec == document().spec


def test_every_keyword_of_the_code_arrives() -> None:
    """`app.queue(...)` says the same things as a document, in Python's words."""
    defaults = QueueDefaults(
        concurrency=5,
        retries=2,
        backoff="fixed:10s",
        timeout="30s",
        priority="low",
        max_active=9,
        rate_limit="100/5m",
        max_workers=4,
    )
    same = document(
        "{jobs: {concurrency: 5, retries: 2, backoff: {type: fixed, delay: 10s, jitter: 0},"
        " timeout: 30s, priority: low, maxActive: 9, rateLimit: {max: 100, per: 5m}},"
        " scaling: {max: 4}}"
    )
    ours = default_config("reports", defaults).spec
    assert ours.jobs.model_copy(update={"backoff": None}) == same.spec.jobs.model_copy(
        update={"backoff": None}
    )
    assert (ours.jobs.backoff.type, ours.jobs.backoff.delay.total_seconds()) == ("fixed", 10)
    assert ours.scaling == same.spec.scaling


@pytest.mark.parametrize(
    ("defaults", "words"),
    [
        (QueueDefaults(concurrency=0), "/spec/jobs/concurrency: 0 must be"),
        (QueueDefaults(rate_limit="many"), "/spec/jobs/rateLimit: 'many' is no rate"),
        (QueueDefaults(rate_limit="3/fortnight"), "/spec/jobs/rateLimit/per: '1fortnight' is no"),
        (QueueDefaults(timeout="soon"), "/spec/jobs/timeout: 'soon' is no duration"),
        (QueueDefaults(backoff="sideways:1s"), "sideways"),
        (QueueDefaults(priority="urgent"), "/spec/jobs/priority: 'urgent' is none of"),
    ],
)
def test_bad_defaults_are_refused(defaults: QueueDefaults, words: str) -> None:
    """A slip in the code is said as one in a document would be."""
    with pytest.raises(HeadpondError, match=words):
        default_config("reports", defaults)


def test_the_document_wins_field_by_field() -> None:
    """What it leaves open stays as the code has it; a group that means one thing is taken whole."""
    code = default_config(
        "reports", QueueDefaults(concurrency=5, retries=2, backoff="exponential:5s:5")
    )
    both = over(code, document("{jobs: {retries: 7, backoff: {delay: 1s}}, pause: Hold}")).spec
    assert (both.jobs.concurrency, both.jobs.retries, both.pause) == (5, 7, "Hold")
    assert (both.jobs.backoff.delay.total_seconds(), both.jobs.backoff.factor) == (1, 2)


def test_a_document_may_take_the_other_target() -> None:
    """The two kinds of target exclude each other; the document's replaces the one before."""
    spec = over(
        document("{scaling: {target: {wait: 5s}}}"),
        document("{scaling: {target: {backlogPerReplica: 9}}}"),
    ).spec
    assert spec.to_policy().target == Target(backlog_per_replica=9)


def test_a_contradiction_of_document_and_code_names_both() -> None:
    """Neither alone is wrong, so the sentence says where the other half is."""
    code = default_config("reports", QueueDefaults(max_workers=3))
    with pytest.raises(ConfigInvalid) as caught:
        over(code, document("{scaling: {min: 4}}"))
    assert str(caught.value) == (
        "q.yaml:1: /spec/scaling/min:"
        " Together with the code of queue 'reports': min 4 is more than max 3."
    )


@pytest.mark.parametrize(
    ("spec", "most"), [("{}", 2), ("{scaling: {max: 7}}", 7), ("{scaling: {min: 5}}", 5)]
)
def test_a_ceiling_is_for_those_that_name_none(spec: str, most: int) -> None:
    """It never overrules a bound that somebody wrote."""
    assert with_ceiling(document(spec), 2).spec.scaling.max == most


def test_settings_carry_what_the_store_enforces_and_the_whole_spec() -> None:
    """Workers read the spec from the document beside the jobs, and get the same one."""
    spec = document(
        "{paused: true, jobs: {maxActive: 9, maxDeliveries: 5,"
        " retention: {completed: {age: 1h, count: 0}}}}"
    ).spec
    settings = spec.to_settings()
    assert (settings.max_active, settings.max_deliveries) == (9, 5)
    assert settings.completed == Retention(3_600_000, 0)
    assert settings.failed == Retention(7 * DAY_MS, 500)
    read = QueueConfigSpec.model_validate_json(settings.document)
    assert (read.jobs, read.scaling, read.pause) == (spec.jobs, spec.scaling, "Hold")


def test_an_environment_stays_out_of_the_store() -> None:
    """It may hold secrets, and nobody reads it there."""
    spec = document("{worker: {image: i, env: [{name: A, value: hunter2}]}}").spec
    assert "hunter2" not in spec.to_settings().document
    assert '"image":"i"' in spec.to_settings().document


def test_the_retry_policy_has_the_spec_s_figures() -> None:
    """SEEDS C3: three re-runs after 5, 25 and 125 seconds."""
    spec = document(
        "{jobs: {retries: 3, backoff: {delay: 5s, factor: 5, max: 1h, jitter: 0}}}"
    ).spec
    assert spec.retry_policy() == RetryPolicy(3, Backoff("exponential", 5.0, 5.0, 3600.0, 0.0))


def test_the_policy_of_an_empty_spec_is_the_scaling_s_default() -> None:
    """Two rooms, one set of defaults."""
    assert document().spec.to_policy() == Policy()


def test_every_field_of_the_scaling_arrives_in_the_policy() -> None:
    """The words are those of the document, the values those of the decision."""
    policy = document(
        "{replicas: 4, pause: Drain, jobs: {concurrency: 7, maxActive: 70}, scaling: {mode: Manual,"
        " min: 1, max: 9, target: {backlogPerReplica: 50}, idleAfter: 30s, onUnknown: {atLeast: 2},"
        " scaleUp: {stabilization: 3s, policies: [{type: Pods, value: 4, period: 15s}],"
        " select: Min}, scaleDown: {select: Disabled},"
        " schedule: [{cron: '0 7 * * 1-5', tz: Asia/Kolkata, min: 5, for: 3h},"
        " {cron: '@daily', min: 2, max: 12, for: 1h}]}}"
    ).spec.to_policy()
    assert (policy.mode, policy.replicas, policy.pause) == (Mode.MANUAL, 4, Pause.DRAIN)
    assert (policy.min, policy.max, policy.slots, policy.max_active) == (1, 9, 7, 70)
    assert policy.target == Target(backlog_per_replica=50)
    assert (policy.idle_after_s, policy.on_unknown_at_least) == (30, 2)
    assert policy.scale_up == Behavior(3.0, (Rate("Pods", 4, 15.0),), Select.MIN)
    assert policy.scale_down == Behavior(60.0, (), Select.DISABLED)
    window, other = policy.schedule
    assert (window.tz, window.min, window.for_s) == (ZoneInfo("Asia/Kolkata"), 5, 10_800)
    assert (window.max, other.max) == (0, 12)
    assert window.cron.next(0, UTC) > 0


def test_fields_that_do_nothing_here_are_said() -> None:
    """Taken for Kubernetes' sake, but never silently; what limits jobs works everywhere."""
    config = document(
        "{deletionPolicy: Delete, worker: {apps: [a], image: x, nodeSelector: {a: b}},"
        " jobs: {rateLimit: {max: 1}, durability: fsync,"
        " tenants: {default: {maxActive: 2}, overrides: {acme: {weight: 3}}}},"
        " scaling: {schedule: [{cron: '@daily', min: 1, for: 1h},"
        " {cron: '@daily', min: 1, max: 2, for: 1h}]}}"
    )
    assert [sentence.split()[0] for sentence in config.idle_fields()] == [
        "/spec/worker/image",
        "/spec/worker/nodeSelector",
        "/spec/deletionPolicy",
    ]
    assert all(sentence.endswith(".") for sentence in config.idle_fields())


def test_limits_and_shares_reach_the_store() -> None:
    """The settings that a store gets say what the document says, tenants sorted."""
    settings = document(
        "{jobs: {rateLimit: {max: 10, per: 5s}, durability: replicated,"
        " tenants: {default: {maxActive: 2}, overrides:"
        " {zebra: {rateLimit: {max: 1}}, acme: {weight: 3}}}}}"
    ).spec.to_settings()
    assert settings.rate == JobRate(10, 5000)
    assert settings.durability == "replicated"
    assert settings.tenant == TenantRule(max_active=2)
    assert settings.tenants == (
        ("acme", TenantRule(weight=3)),
        ("zebra", TenantRule(rate=JobRate(1, 1000))),
    )
