"""The status of a QueueConfig: what the operator writes and `kubectl get` shows. Pure.

The CRD's schema is made from these models. What is not known is absent, never 0 and never null:
whoever reads the status must not take ignorance for an empty queue.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

MOST_STEPS: Final = 20
"""More than there are rules of scaling; each rule speaks at most once."""

MOST_CONDITIONS: Final = 20
"""More than there are types of conditions."""

LONGEST_SENTENCE: Final = 1024
"""Characters; what is longer is no sentence for a status."""

LONGEST_MESSAGE: Final = 32768
"""Characters of a condition's message, as `metav1.Condition` has it."""

LONGEST_NAME: Final = 253
"""Characters of an object's name, and enough for a person's."""


def _shortened(most: int) -> BeforeValidator:
    """Cut what is too long: a person's long reason must not keep the status from being written."""

    def cut(value: Any) -> Any:
        too_long = isinstance(value, str) and len(value) > most
        return value[: most - 1] + "…" if too_long else value

    return BeforeValidator(cut)


Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0)]
Sentence = Annotated[str, _shortened(LONGEST_SENTENCE), Field(max_length=LONGEST_SENTENCE)]
Message = Annotated[str, _shortened(LONGEST_MESSAGE), Field(max_length=LONGEST_MESSAGE)]
Name = Annotated[str, _shortened(LONGEST_NAME), Field(max_length=LONGEST_NAME)]


class StatusPart(BaseModel):
    """A part of the status: frozen, camelCase outside, made by the names of its attributes."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class QueueFigures(StatusPart):
    """The queue, as the operator saw it last."""

    name: Name | None = None
    """The queue's name."""
    waiting: Count | None = None
    """Jobs that could start now."""
    due: Count | None = None
    """Delayed jobs whose time has come."""
    active: Count | None = None
    """Jobs that workers run."""
    delayed: Count | None = None
    """Jobs whose time is yet to come."""
    failed: Count | None = None
    """Jobs that were given up, the dead letters."""
    parked: Count | None = None
    """Jobs of a type that no worker knows."""
    oldest_age: Annotated[str, Field(max_length=32)] | None = None
    """How long the oldest waiting job waits, such as 12s."""
    oldest_age_seconds: Amount | None = None
    """The same, as a number."""
    arrival_per_second: Amount | None = None
    """Jobs that come per second."""
    service_seconds: Amount | None = None
    """How long a job takes."""
    observed_at: datetime | None = None
    """When the queue was seen so."""


class PauseStatus(StatusPart):
    """Whether jobs start, and who said so."""

    effective: Literal["None", "Hold", "Drain"] | None = None
    """The stricter of the pause of the spec and the one at run time."""
    source: Literal["spec", "runtime"] | None = None
    """Whose it is: the spec's, or somebody's by API, command line or dashboard."""
    by: Name | None = None
    """Who paused."""
    reason: Sentence | None = None
    """Why, in that person's words."""
    until: datetime | None = None
    """When it ends by itself; absent: when somebody resumes."""


class StepStatus(StatusPart):
    """What one rule did to the number of workers."""

    rule: Annotated[str, Field(max_length=64)]
    """The rule's name, such as demand."""
    before: Count
    """The number before."""
    after: Count
    """The number after."""
    why: Sentence
    """Why, with the figures."""


class DecisionStatus(StatusPart):
    """The latest decision on the number of workers."""

    at: datetime
    """When it was made."""
    from_: Annotated[Count, Field(alias="from")]
    """The number before."""
    to: Count
    """The number decided."""
    rule: Annotated[str, Field(max_length=64)]
    """The rule that had the last word, such as demand, idle or max."""
    reason: Sentence
    """Why it is this number, in one sentence."""
    writes: bool
    """False in the modes Recommend and Frozen, and while something else scales the Deployment."""
    inputs: Annotated[dict[str, float], Field(max_length=20)] | None = None
    """The figures it rests on; what was not known is absent."""
    steps: Annotated[tuple[StepStatus, ...], Field(max_length=MOST_STEPS)] = ()
    """Each rule that had something to say, in order."""


class ChangeStatus(StatusPart):
    """The next move of the number, if nothing else happens."""

    at: datetime
    """When."""
    to: Count
    """To which number."""


class Condition(StatusPart):
    """One condition, as `metav1.Condition`."""

    type: Annotated[str, Field(max_length=316, pattern=r"^[A-Za-z]+$")]
    """Ready, ScalingActive, ScalingLimited, Paused, BacklogKnown, Conflict or WorkersHealthy."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[A-Za-z]+$")]
    """One word in CamelCase."""
    message: Message
    """What it means and what to do, in sentences."""
    last_transition_time: datetime
    """When the status last changed."""
    observed_generation: Count | None = None
    """The generation of the spec that it speaks of."""


class QueueConfigStatus(StatusPart):
    """What the operator last saw, decided and did."""

    observed_generation: Count | None = None
    """The generation of the spec that the rest speaks of."""
    selector: Annotated[str, Field(max_length=4096)] | None = None
    """Label selector of the worker pods, for /scale."""
    replicas: Count | None = None
    """Worker pods that there are."""
    ready_replicas: Count | None = None
    """Worker pods that are ready."""
    desired_replicas: Count | None = None
    """Workers decided; in the mode Recommend what would be written."""
    deployment: Name | None = None
    """Name of the Deployment that is scaled."""
    queue: QueueFigures | None = None
    """The queue, as it was seen last."""
    pause: PauseStatus | None = None
    """Whether jobs start."""
    last_decision: DecisionStatus | None = None
    """The latest decision on the number of workers."""
    next_change: ChangeStatus | None = None
    """When the number moves next, if nothing else happens."""
    summary: Sentence | None = None
    """All of it in one sentence."""
    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            max_length=MOST_CONDITIONS,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        ),
    ] = ()
    """What is well and what isn't, for people and for `kubectl wait`."""

    def to_document(self) -> dict[str, Any]:
        """Return it as the API server takes it: what is not known is left out."""
        return self.model_dump(mode="json", exclude_none=True)
