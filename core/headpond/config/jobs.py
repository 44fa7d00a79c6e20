"""`spec.jobs`: how the jobs of a queue run, are retried, limited and kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from headpond.config.durations import Duration, format_duration
from headpond.config.model import Part, Priority, TenantName, contradiction
from headpond.jobs import DEFAULT_PRIORITY

SHORTEST_SPAN: Final = timedelta(milliseconds=10)
LONGEST_SPAN: Final = timedelta(days=1)

MOST_OVERRIDES: Final = 1000
"""Tenants with limits of their own: as many as the API server's rules can look at."""


class RateLimit(Part):
    """At most `max` jobs claimed in any span of `per`, by Redis' clock, over all workers.

    A handler begins within 0.1 s of its claim, so its own clock may see two spans touch.
    """

    max: int = Field(ge=1)
    """Jobs per span."""
    per: Duration = timedelta(seconds=1)
    """The span: 10 milliseconds to a day."""

    @field_validator("per")
    @classmethod
    def _within_bounds(cls, per: timedelta) -> timedelta:
        if not SHORTEST_SPAN <= per <= LONGEST_SPAN:
            why = f"{format_duration(per)} is not within 10ms and 24h"
            raise PydanticCustomError("span", "{why}", {"why": why})
        return per


class BackoffSpec(Part):
    """How long a job waits before re-run k: `delay·factor^(k-1)`, at most `max`."""

    type: Literal["fixed", "exponential"] = "exponential"
    """`fixed` waits `delay` each time."""
    delay: Duration = timedelta(seconds=2)
    """The wait before the first re-run."""
    factor: float = Field(2.0, ge=1, le=100)
    """Growth from one re-run to the next; unused when `fixed`."""
    max: Duration = timedelta(minutes=10)
    """The longest wait; unused when `fixed`."""
    jitter: float = Field(0.1, ge=0, le=1)
    """Share of the wait left to chance, so that jobs that failed together return apart."""

    @model_validator(mode="after")
    def _delay_within_max(self) -> BackoffSpec:
        if self.type == "exponential" and self.delay > self.max:
            delay, longest = format_duration(self.delay), format_duration(self.max)
            raise contradiction("/delay", f"delay {delay} is more than max {longest}.")
        return self


class Keep(Part):
    """How long ended jobs are kept; whichever is reached first trims."""

    age: Duration
    """Older ones go."""
    count: int = Field(ge=0)
    """Only the newest stay; 0 keeps none."""


class KeepCompleted(Keep):
    """Retention of completed jobs."""

    age: Duration = timedelta(hours=24)
    """Older ones go."""
    count: int = Field(1000, ge=0)
    """Only the newest stay; 0 keeps none, and a job's id is free again the moment it ends."""


class KeepFailed(Keep):
    """Retention of failed jobs, the dead letters."""

    age: Duration = timedelta(days=7)
    """Older ones go."""
    count: int = Field(500, ge=0)
    """Only the newest stay."""


class RetentionSpec(Part):
    """How long ended jobs can be asked for."""

    completed: KeepCompleted = KeepCompleted()
    """Those that ended well."""
    failed: KeepFailed = KeepFailed()
    """Those that were given up."""


class TenantLimits(Part):
    """One tenant's share of the queue."""

    weight: int = Field(1, ge=1, le=1000)
    """Jobs started per round, relative to the other tenants."""
    max_active: int | None = Field(None, ge=1)
    """Jobs of the tenant active at once."""
    rate_limit: RateLimit | None = None
    """Jobs of the tenant started per span."""


class TenantsSpec(Part):
    """Shares of tenants."""

    default: TenantLimits = TenantLimits()
    """Of each tenant that `overrides` does not name."""
    overrides: dict[TenantName, TenantLimits] = Field(
        default_factory=dict, max_length=MOST_OVERRIDES
    )
    """By tenant."""


class JobsSpec(Part):
    """How jobs run."""

    concurrency: int = Field(10, ge=1, le=10_000)
    """Slots of one worker: jobs that it runs at once."""
    max_active: int | None = Field(None, ge=1)
    """Jobs active at once over all workers; absent: no limit."""
    max_deliveries: int = Field(3, ge=1, le=100)
    """A job whose worker is lost this often is poison and fails as `crashed`."""
    timeout: Duration = Field(timedelta(minutes=5), gt=timedelta(0))
    """A handler that runs longer is stopped, and the job retried."""
    retries: int = Field(3, ge=0, le=1000)
    """Re-runs after the first run: 3 means at most 4 runs."""
    backoff: BackoffSpec = BackoffSpec()
    """The wait before each re-run."""
    priority: Priority = DEFAULT_PRIORITY
    """Of jobs that say none: 0 to 9, or low, normal, high, critical."""
    rate_limit: RateLimit | None = None
    """Jobs started per span over all workers."""
    durability: Literal["fast", "replicated", "fsync"] = "fast"
    """What accepted means: `fast` Redis has it (its log loses at most a second), `replicated` a
    replica has it, `fsync` a disk has it."""
    encrypt_payload: bool = False
    """Keep payloads, results and errors of jobs as ciphertext in Redis; needs a key."""
    retention: RetentionSpec = RetentionSpec()
    """How long ended jobs are kept."""
    tenants: TenantsSpec = TenantsSpec()
    """Shares and limits of tenants."""
