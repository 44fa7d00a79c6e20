"""`spec.scaling`: how many workers a queue gets. The words for limits are those of the HPA."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from headpond.config.durations import Duration, format_duration
from headpond.config.model import Part, contradiction
from headpond.errors import ConfigInvalid
from headpond.schedules import parse_cron

MOST_REPLICAS = 10_000
"""Beyond this no cluster of ours has been tried."""

MOST_POLICIES = 20
MOST_SPANS = 100
"""Entries of a schedule; more are no timetable that anybody reads."""

LONGEST_CRON = 100
LONGEST_ZONE = 64

Replicas = Annotated[int, Field(ge=0, le=MOST_REPLICAS)]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        why = f"{name!r} is no time zone of the tz database; write one such as Asia/Kolkata or UTC."
        raise PydanticCustomError("zone", "{why}", {"why": why}) from error
    return name


def _cron(text: str) -> str:
    try:
        return parse_cron(text).text
    except ConfigInvalid as error:
        raise PydanticCustomError("cron", "{why}", {"why": error.errors[0].detail}) from error


class TargetSpec(Part):
    """What the workers are to keep: exactly one of the two."""

    wait: Duration | None = Field(None, gt=timedelta(0))
    """The promise: a job starts within this."""
    backlog_per_replica: int | None = Field(None, ge=1)
    """Or: this many waiting jobs for each worker."""

    @model_validator(mode="after")
    def _exactly_one(self) -> TargetSpec:
        if self.wait is None and self.backlog_per_replica is None:
            raise contradiction("", "the target is empty; give wait or backlogPerReplica.")
        if self.wait is not None and self.backlog_per_replica is not None:
            wait = format_duration(self.wait)
            sentence = (
                f"backlogPerReplica {self.backlog_per_replica} and wait {wait} are both given;"
                " keep one of them."
            )
            raise contradiction("/backlogPerReplica", sentence)
        return self


class LimitPolicy(Part):
    """At most so many workers more (or fewer) in any span of `period`."""

    type: Literal["Pods", "Percent"]
    """Count workers, or percent of those at the span's begin."""
    value: int = Field(ge=1)
    """How many, or how many percent."""
    period: Duration = Field(gt=timedelta(0), le=timedelta(minutes=30))
    """The span."""


class BehaviourSpec(Part):
    """How fast the number may move in one direction."""

    stabilization: Duration = Field(timedelta(0), le=timedelta(hours=1))
    """Obey only what was wanted throughout this span."""
    policies: Annotated[tuple[LimitPolicy, ...], Field(strict=False, max_length=MOST_POLICIES)] = ()
    """None: as fast as can be."""
    select: Literal["Max", "Min", "Disabled"] = "Max"
    """Which policy holds when there are several; `Disabled` never moves in this direction."""


class ScaleDownSpec(BehaviourSpec):
    """How fast workers go."""

    stabilization: Duration = Field(timedelta(seconds=60), le=timedelta(hours=1))
    """Go down only to the most that was wanted within this span."""


class ScheduleEntry(Part):
    """Other bounds for a while, again and again."""

    cron: Annotated[str, Field(max_length=LONGEST_CRON), AfterValidator(_cron)]
    """Five fields: when the span begins."""
    tz: Annotated[str, Field(max_length=LONGEST_ZONE), AfterValidator(_zone)] = "UTC"
    """The time zone of `cron`; spans shift with daylight saving."""
    min: Replicas
    """At least so many workers."""
    max: Annotated[int, Field(ge=1, le=MOST_REPLICAS)] | None = None
    """At most so many; absent: the usual `max`."""
    for_: Duration = Field(alias="for", gt=timedelta(0), le=timedelta(days=7))
    """How long the span lasts."""

    @model_validator(mode="after")
    def _ordered(self) -> ScheduleEntry:
        if self.max is not None and self.min > self.max:
            raise contradiction("/min", f"min {self.min} is more than max {self.max}.")
        return self


class OnUnknown(Part):
    """What to do while Redis can't be asked: exactly one of the two. Never fewer workers."""

    hold: bool | None = None
    """Leave the number as it is."""
    at_least: Annotated[int, Field(ge=1, le=MOST_REPLICAS)] | None = None
    """Raise it to this, if it is less."""

    @model_validator(mode="after")
    def _exactly_one(self) -> OnUnknown:
        if self.hold is False:
            sentence = "hold false means nothing; write hold: true, or atLeast with a number."
            raise contradiction("/hold", sentence)
        if (self.hold is None) == (self.at_least is None):
            raise contradiction("", "give exactly one of hold: true and atLeast.")
        return self


class ScalingSpec(Part):
    """How many workers."""

    mode: Literal["Auto", "Recommend", "Frozen", "Manual"] = "Auto"
    """`Auto` decides and writes; `Recommend` only decides; `Frozen` leaves the number as it is;
    `Manual` takes spec.replicas."""
    min: Replicas = 0
    """At least so many workers, jobs or not."""
    max: Annotated[int, Field(ge=1, le=MOST_REPLICAS)] = 20
    """At most so many."""
    target: TargetSpec = TargetSpec(wait=timedelta(seconds=30))
    """What the number is for."""
    scale_up: BehaviourSpec = BehaviourSpec()
    """How fast workers come."""
    scale_down: ScaleDownSpec = ScaleDownSpec()
    """How fast workers go."""
    idle_after: Duration = timedelta(minutes=2)
    """Nothing to do for this long before the last worker goes."""
    schedule: Annotated[tuple[ScheduleEntry, ...], Field(strict=False, max_length=MOST_SPANS)] = ()
    """Bounds by time of day."""
    on_unknown: OnUnknown = OnUnknown(hold=True)
    """What to do while Redis can't be asked."""

    @model_validator(mode="after")
    def _ordered(self) -> ScalingSpec:
        if self.min > self.max:
            given = "" if "max" in self.model_fields_set else " (the default)"
            raise contradiction("/min", f"min {self.min} is more than max {self.max}{given}.")
        return self

    @model_validator(mode="after")
    def _schedule_within_bounds(self) -> ScalingSpec:
        for index, entry in enumerate(self.schedule):
            if entry.max is None and entry.min > self.max:
                over = f"min {entry.min} is more than spec.scaling.max {self.max}"
                raise contradiction(f"/schedule/{index}/min", f"{over}; give the entry a max.")
            if entry.max is not None and entry.max < self.min:
                under = f"max {entry.max} is less than spec.scaling.min {self.min}"
                raise contradiction(f"/schedule/{index}/max", f"{under}, which holds all day.")
        return self
