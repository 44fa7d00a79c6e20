"""What the API server checks of a QueueConfig beyond types and bounds: rules in CEL. Pure.

Each contradiction that a validator of `headpond.config` refuses is a rule here, by the model that
holds the fields, in much the same words. The CRD gives no defaults (those of a server fight with
what Git says), so a rule names the schema's default where it needs one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from headpond.config.durations import format_duration
from headpond.config.jobs import LONGEST_SPAN, SHORTEST_SPAN, BackoffSpec, RateLimit, TenantsSpec
from headpond.config.scaling import OnUnknown, ScalingSpec, ScheduleEntry, TargetSpec
from headpond.config.spec import QueueConfigSpec
from headpond.config.worker import WorkerSpec
from headpond.jobs import PRIORITIES
from headpond_operator.crd_cron import IS_CRON
from headpond_operator.crd_durations import Bounds, milliseconds, readable

if TYPE_CHECKING:
    from pydantic import BaseModel

LONGEST_NAME: Final = 56
"""Of a QueueConfig: `<name>-worker` names the Deployment and has to fit into a label."""

DNS_LABEL: Final = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
TENANT: Final = "^([A-Za-z0-9][A-Za-z0-9._@-]*)?$"
LONGEST_TENANT: Final = 100


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of CEL, and the sentence for whoever breaks it."""

    holds: str
    """CEL over `self`; true when all is well."""
    sentence: str
    """CEL for the sentence, when it shows a value; else the sentence itself."""
    at: str = ""
    """The field that the fault is put to, below the object that has the rule."""

    def to_document(self) -> dict[str, Any]:
        """Return it as the CRD has it."""
        is_expression = self.sentence.startswith(("'", "("))
        said = "messageExpression" if is_expression else "message"
        document = {"rule": self.holds, said: self.sentence}
        return {**document, "fieldPath": self.at} if self.at else document


def _or_default(model: type[BaseModel], field: str) -> str:
    value = model.model_fields[field].default
    text = format_duration(value) if isinstance(value, timedelta) else value
    return f"(has(self.{field}) ? self.{field} : {text!r})"


_MAX: Final = _or_default(ScalingSpec, "max")
_MIN: Final = _or_default(ScalingSpec, "min")
_MODE: Final = "(has(self.scaling) && has(self.scaling.mode) ? self.scaling.mode : 'Auto')"
_DELAY: Final = _or_default(BackoffSpec, "delay")
_LONGEST: Final = _or_default(BackoffSpec, "max")
_QUEUE: Final = "(has({0}.spec) && has({0}.spec.queue) ? {0}.spec.queue : {0}.metadata.name)"

ROOT: Final = (
    Rule(
        f"self.metadata.name.size() <= {LONGEST_NAME} && self.metadata.name.matches('{DNS_LABEL}')",
        f"the name of a QueueConfig has 1 to {LONGEST_NAME} of a-z, 0-9 and -, beginning and ending"
        " with a letter or a digit.",
        ".metadata.name",
    ),
    Rule(
        f"{_QUEUE.format('self')} == {_QUEUE.format('oldSelf')}",
        "'the queue is %s and can not become %s: its jobs would be left behind; declare another"
        f" QueueConfig.'.format([{_QUEUE.format('oldSelf')}, {_QUEUE.format('self')}])",
        ".spec.queue",
    ),
)
"""Of the whole object."""

OF_MODELS: Final[dict[type[BaseModel], tuple[Rule, ...]]] = {
    QueueConfigSpec: (
        Rule(
            "!has(self.pause) || !has(self.paused) || self.paused == (self.pause != 'None')",
            "'paused %s contradicts pause %s; keep one of them.'.format([self.paused, self.pause])",
            ".paused",
        ),
        Rule(
            f"{_MODE} != 'Manual' || has(self.replicas)",
            "mode Manual needs spec.replicas, the number of workers.",
            ".scaling.mode",
        ),
        Rule(
            f"{_MODE} == 'Manual' || !has(self.replicas)",
            "'replicas %d is only obeyed in scaling.mode Manual, and the mode is %s.'"
            f".format([self.replicas, {_MODE}])",
            ".replicas",
        ),
    ),
    BackoffSpec: (
        Rule(
            f"(has(self.type) && self.type != 'exponential') || !{readable(_DELAY)}"
            f" || !{readable(_LONGEST)} || {milliseconds(_DELAY)} <= {milliseconds(_LONGEST)}",
            f"'delay %s is more than max %s.'.format([{_DELAY}, {_LONGEST}])",
            ".delay",
        ),
    ),
    TenantsSpec: (
        Rule(
            f"!has(self.overrides) || self.overrides.all(t, t.size() <= {LONGEST_TENANT}"
            f" && t.matches('{TENANT}'))",
            f"a tenant has 1 to {LONGEST_TENANT} letters, digits or any of . _ @ -,"
            " and begins with a letter or a digit.",
            ".overrides",
        ),
    ),
    TargetSpec: (
        Rule(
            "has(self.wait) || has(self.backlogPerReplica)",
            "the target is empty; give wait or backlogPerReplica.",
        ),
        Rule(
            "!has(self.wait) || !has(self.backlogPerReplica)",
            "'backlogPerReplica %d and wait %s are both given; keep one of them.'"
            ".format([self.backlogPerReplica, self.wait])",
            ".backlogPerReplica",
        ),
    ),
    ScheduleEntry: (
        Rule(
            "!has(self.max) || self.min <= self.max",
            "'min %d is more than max %d.'.format([self.min, self.max])",
            ".min",
        ),
    ),
    OnUnknown: (
        Rule(
            "!has(self.hold) || self.hold",
            "hold false means nothing; write hold: true, or atLeast with a number.",
            ".hold",
        ),
        Rule("has(self.hold) != has(self.atLeast)", "give exactly one of hold: true and atLeast."),
    ),
    ScalingSpec: (
        Rule(
            f"{_MIN} <= {_MAX}",
            f"'min %d is more than max %d%s.'.format([{_MIN}, {_MAX},"
            " has(self.max) ? '' : ' (the default)'])",
            ".min",
        ),
        Rule(
            f"!has(self.schedule) || self.schedule.all(e, has(e.max) || e.min <= {_MAX})",
            "'min %d is more than spec.scaling.max %d; give the entry a max.'.format("
            f"[self.schedule.filter(e, !has(e.max) && e.min > {_MAX})[0].min, {_MAX}])",
            ".schedule",
        ),
        Rule(
            f"!has(self.schedule) || self.schedule.all(e, !has(e.max) || e.max >= {_MIN})",
            "'max %d is less than spec.scaling.min %d, which holds all day.'.format("
            f"[self.schedule.filter(e, has(e.max) && e.max < {_MIN})[0].max, {_MIN}])",
            ".schedule",
        ),
    ),
    WorkerSpec: tuple(
        Rule(
            f"!has(self.targetRef) || !has(self.{field})",
            f"{field} is given, but targetRef names someone else's Deployment.",
            f".{field}",
        )
        for field in ("image", "podTemplate")
    ),
}
"""Of the object that a model describes."""

BOUNDS: Final[dict[tuple[type[BaseModel], str], tuple[Bounds, ...]]] = {
    (RateLimit, "per"): (Bounds(ge=SHORTEST_SPAN, le=LONGEST_SPAN),),
}
"""Of durations whose model says them in a validator."""

_NAMES: Final = ", ".join(f"'{name}'" for name in PRIORITIES)

OF_FIELDS: Final[dict[str, tuple[Rule, ...]]] = {
    "spec.queue": (
        Rule(
            f"self.matches('{DNS_LABEL}')",
            "'\\'' + self + '\\' is no queue name: 1 to 63 of a-z, 0-9 and \\'-\\',"
            " beginning and ending with a letter or a digit.'",
        ),
    ),
    "spec.jobs.priority": (
        Rule(
            f"type(self) == int || self in [{_NAMES}]",
            f"'\\'' + string(self) + '\\' is none of {', '.join(PRIORITIES)}.'",
        ),
    ),
    "spec.scaling.schedule[].cron": (
        Rule(
            IS_CRON,
            "'\\'' + self + '\\' is no cron expression: it needs 5 fields (minute hour day-of-month"
            " month day-of-week), such as 0 7 * * 1-5.'",
        ),
    ),
    "spec.scaling.schedule[].tz": (
        Rule(
            "self.matches('^[A-Za-z][A-Za-z0-9_+/-]*$')",
            "'\\'' + self + '\\' is no time zone of the tz database; write one such as"
            " Asia/Kolkata or UTC.'",
        ),
    ),
}
"""Of single fields, by path."""
