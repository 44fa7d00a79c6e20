"""What the other layers make of a spec: the store's settings, the policies of retry and scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from headpond.queues import QueueSettings, Retention, TenantRule
from headpond.queues import Rate as JobRate
from headpond.retries import Backoff, RetryPolicy
from headpond.scaling import Behavior, Mode, Pause, Policy, Rate, Select, Target, Window
from headpond.schedules import parse_cron

if TYPE_CHECKING:
    from datetime import timedelta

    from headpond.config.jobs import Keep, RateLimit, TenantLimits
    from headpond.config.scaling import BehaviourSpec, ScheduleEntry, TargetSpec
    from headpond.config.spec import QueueConfigSpec

NOT_FOR_THE_STORE: Final[dict[str, Any]] = {
    "paused": True,
    "worker": {"env", "env_from", "pod_template"},
}
"""Left out of the document beside the jobs: what `pause` says already, and where secrets may be."""


def to_settings(spec: QueueConfigSpec) -> QueueSettings:
    """Return what the store must know of the queue, the whole spec as JSON included."""
    jobs = spec.jobs
    plain = spec.model_copy(update={"pause": spec.pause_in_force})
    return QueueSettings(
        max_active=jobs.max_active or 0,
        max_deliveries=jobs.max_deliveries,
        completed=_retention(jobs.retention.completed),
        failed=_retention(jobs.retention.failed),
        rate=_rate(jobs.rate_limit),
        tenant=_rule(jobs.tenants.default),
        tenants=tuple(sorted((k, _rule(v)) for k, v in jobs.tenants.overrides.items())),
        durability=jobs.durability,
        document=plain.model_dump_json(exclude_none=True, exclude=NOT_FOR_THE_STORE),
    )


def retry_policy(spec: QueueConfigSpec) -> RetryPolicy:
    """Return when a job that failed runs again."""
    backoff = spec.jobs.backoff
    return RetryPolicy(
        retries=spec.jobs.retries,
        backoff=Backoff(
            type=backoff.type,
            delay_s=backoff.delay.total_seconds(),
            factor=backoff.factor,
            max_s=backoff.max.total_seconds(),
            jitter=backoff.jitter,
        ),
    )


def to_policy(spec: QueueConfigSpec) -> Policy:
    """Return what the scaling must know."""
    scaling = spec.scaling
    return Policy(
        mode=Mode(scaling.mode),
        replicas=spec.replicas or 0,
        min=scaling.min,
        max=scaling.max,
        slots=spec.jobs.concurrency,
        max_active=spec.jobs.max_active or 0,
        target=_target(scaling.target),
        scale_up=_behavior(scaling.scale_up),
        scale_down=_behavior(scaling.scale_down),
        idle_after_s=scaling.idle_after.total_seconds(),
        schedule=tuple(_window(entry) for entry in scaling.schedule),
        on_unknown_at_least=scaling.on_unknown.at_least or 0,
        pause=Pause(spec.pause_in_force),
    )


def milliseconds(value: timedelta) -> int:
    """Return whole milliseconds."""
    return round(value.total_seconds() * 1000)


def _target(target: TargetSpec) -> Target:
    if target.wait is None:
        return Target(backlog_per_replica=target.backlog_per_replica or 0)
    return Target(wait_s=target.wait.total_seconds())


def _behavior(behaviour: BehaviourSpec) -> Behavior:
    rates = (Rate(p.type, p.value, p.period.total_seconds()) for p in behaviour.policies)
    return Behavior(
        stabilization_s=behaviour.stabilization.total_seconds(),
        policies=tuple(rates),
        select=Select(behaviour.select),
    )


def _window(entry: ScheduleEntry) -> Window:
    return Window(
        cron=parse_cron(entry.cron),
        tz=ZoneInfo(entry.tz),
        min=entry.min,
        for_s=entry.for_.total_seconds(),
        max=entry.max or 0,
    )


def _retention(keep: Keep) -> Retention:
    return Retention(milliseconds(keep.age), keep.count)


def _rate(limit: RateLimit | None) -> JobRate:
    return JobRate() if limit is None else JobRate(limit.max, milliseconds(limit.per))


def _rule(limits: TenantLimits) -> TenantRule:
    return TenantRule(limits.weight, limits.max_active or 0, _rate(limits.rate_limit))
